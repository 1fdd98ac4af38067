"""Lists of settings: the same for the same seed, all different, all allowed."""

from pathlib import Path

import pytest

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.settings import grid_settings, random_settings
from recbole_tagnnpp.experiment.search.space import SearchSpace, read_space, setting_key


def space_of(folder: Path, text: str) -> SearchSpace:
    file = folder / "hyper.test"
    file.write_text(text)
    return read_space(file)


def everything(_: object) -> bool:
    return True


def test_random_settings_follow_from_the_seed(tmp_path: Path) -> None:
    space = space_of(tmp_path, "a uniform 0,1\nb choice [1, 2, 3]\n")
    seven = random_settings(space, 7, 5, everything)
    assert len(seven) == 7
    assert random_settings(space, 7, 5, everything) == seven
    assert random_settings(space, 11, 5, everything)[:7] == seven  # asking for more keeps what is done
    assert random_settings(space, 7, 6, everything) != seven


def test_random_settings_begin_with_the_untuned_one_and_are_different(tmp_path: Path) -> None:
    space = space_of(tmp_path, "a choice [1, 2, 3]\nb choice [True, False]\n")
    settings = random_settings(space, 6, 5, everything, first={"a": 2, "b": False})
    assert settings[0] == {"a": 2, "b": False}
    assert len({setting_key(setting) for setting in settings}) == 6
    assert len(random_settings(space, 50, 5, everything)) == 6  # all there are


def test_a_space_is_not_used_up_by_misses_with_hits_between_them(tmp_path: Path) -> None:
    space = space_of(tmp_path, "a uniform 0,1\n")
    assert len(random_settings(space, 500, 5, lambda setting: setting["a"] < 0.5)) == 500


def test_settings_that_are_not_allowed_are_passed_over(tmp_path: Path) -> None:
    space = space_of(tmp_path, "a choice [1, 2, 3]\nb choice [1, 2, 3]\n")
    allowed = random_settings(space, 50, 5, lambda setting: setting["a"] < setting["b"])
    assert sorted((s["a"], s["b"]) for s in allowed) == [(1, 2), (1, 3), (2, 3)]
    assert grid_settings(space, lambda setting: setting["a"] < setting["b"]) == [
        {"a": 1, "b": 2},
        {"a": 1, "b": 3},
        {"a": 2, "b": 3},
    ]
    for make in (lambda: random_settings(space, 5, 5, lambda s: False), lambda: grid_settings(space, lambda s: False)):
        with pytest.raises(UserError, match="none of"):
            make()


def test_grids_count_what_can_be_counted(tmp_path: Path) -> None:
    space = space_of(tmp_path, "a choice ['x', 'y']\nb randint 1,3\nc quniform 0.1,0.2,0.1\n")
    grid = grid_settings(space, everything)
    assert len(grid) == 12
    assert grid[0] == {"a": "x", "b": 1, "c": 0.1}
    assert grid[-1] == {"a": "y", "b": 3, "c": 0.2}
    with pytest.raises(UserError, match=r"hyper\.test:2: b: exhaustive search needs lists of values .*, not uniform"):
        grid_settings(space_of(tmp_path, "a choice [1]\nb uniform 0,1\n"), everything)
    with pytest.raises(UserError, match="has 1000000 combinations"):
        grid_settings(space_of(tmp_path, "a randint 1,1000\nb randint 1,1000\n"), everything)

"""RecBole's HyperTuning: exhaustive, random and bayes with hyperopt 0.3."""

from pathlib import Path
from typing import Any

import pytest
from recbole.trainer import HyperTuning

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.recbole_tuning import SessionHyperTuning, exhaustive_search
from recbole_tagnnpp.experiment.search.space import read_space


class Bowl:
    """An objective whose best setting is known: a near 3, b 'y', width [8, 4]."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def __call__(self, setting: dict[str, Any], config_files: Any = None) -> dict[str, Any]:
        self.seen.append(setting)
        score = 0.5 - 0.01 * (setting["a"] - 3) ** 2 + 0.1 * (setting["b"] == "y") + 0.1 * (list(setting["w"]) == [8, 4])
        return {
            "model": "bowl",
            "best_valid_score": score,
            "valid_score_bigger": True,
            "best_valid_result": {"mrr@20": score},
            "test_result": {},
        }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "grid.test").write_text("a choice [1, 2, 3, 4, 5]\nb choice ['x', 'y']\nw choice [[8, 4], [16]]\n")
    return tmp_path / "grid.test"


def test_exhaustive_runs_every_combination_once_and_finds_the_best(file: Path, tmp_path: Path) -> None:
    bowl = Bowl()
    tuning = SessionHyperTuning(bowl, file)
    tuning.run()
    assert len(bowl.seen) == 20
    assert len({(s["a"], s["b"], str(s["w"])) for s in bowl.seen}) == 20
    assert tuning.best_params == {"a": 3, "b": "y", "w": [8, 4]}
    assert tuning.best_score == pytest.approx(0.7)
    tuning.export_result(str(tmp_path / "result.txt"))
    assert "a:3, b:y, w:[8, 4]" in (tmp_path / "result.txt").read_text()


def test_recboles_own_class_takes_our_algorithm(file: Path) -> None:
    bowl, space = Bowl(), read_space(file)
    tuning = HyperTuning(
        bowl,
        space={name: parameter.hyperopt() for name, parameter in space.parameters.items()},
        algo=exhaustive_search(space),
        max_evals=20,
        early_stop=21,
    )
    tuning.run()
    assert len(bowl.seen) == 20
    assert (tuning.best_params["a"], tuning.best_params["b"]) == (3, "y")


@pytest.mark.parametrize("algo", ["random", "bayes"])
def test_drawn_settings_follow_from_the_seed(tmp_path: Path, algo: str) -> None:
    (tmp_path / "space.test").write_text("a uniform 0,6\nb choice ['x', 'y']\nw choice [[8, 4], [16]]\n")
    runs = []
    for seed in (1, 1, 2):
        bowl = Bowl()
        SessionHyperTuning(bowl, tmp_path / "space.test", algo=algo, max_evals=25, seed=seed).run()
        runs.append(bowl.seen)
    assert len(runs[0]) == 25
    assert runs[0] == runs[1] != runs[2]


def test_integers_reach_the_objective_as_integers(tmp_path: Path) -> None:
    (tmp_path / "space.test").write_text("a quniform 1,5,1\nb choice ['x', 'y']\nw choice [[8, 4]]\n")
    bowl = Bowl()
    tuning = SessionHyperTuning(bowl, tmp_path / "space.test")
    tuning.run()
    assert sorted((s["a"], s["b"]) for s in bowl.seen) == [(a, b) for a in range(1, 6) for b in "xy"]
    assert all(type(s["a"]) is int and s["w"] == [8, 4] for s in bowl.seen)
    assert tuning.best_params == {"a": 3, "b": "y", "w": [8, 4]}


def test_mistakes(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="algo='grid': allowed is one of exhaustive, random, bayes"):
        SessionHyperTuning(Bowl(), file, algo="grid")
    (tmp_path / "space.test").write_text("a uniform 0,6\n")
    with pytest.raises(UserError, match=r"space\.test:1: a: exhaustive search needs lists of values"):
        SessionHyperTuning(Bowl(), tmp_path / "space.test")

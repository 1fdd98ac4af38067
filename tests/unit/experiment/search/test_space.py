"""Hyper-parameter files: what they mean, and every mistake with its line."""

from pathlib import Path

import numpy as np
import pytest

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.parameters import Choice, LogUniform, QUniform, RandInt, Uniform
from recbole_tagnnpp.experiment.search.space import SearchSpace, read_space, setting_key


def space_of(folder: Path, text: str) -> SearchSpace:
    file = folder / "hyper.test"
    file.write_text(text, encoding="utf-8")
    return read_space(file)


def test_every_kind_of_line(tmp_path: Path) -> None:
    space = space_of(
        tmp_path,
        "# a comment of some words\n\n"
        "a choice [1, 2.5, 'two words', True, None, [64, 32]]  # behind a list\n"
        "b uniform 0.0,0.5\n"
        "c\tquniform  50, 200 ,50 # behind numbers\n"
        "d loguniform -8,-5\n"
        "e randint 1,3\n",
    )
    assert space.parameters == {
        "a": Choice("a", 3, (1, 2.5, "two words", True, None, [64, 32])),
        "b": Uniform("b", 4, 0.0, 0.5),
        "c": QUniform("c", 5, 50.0, 200.0, 50.0),
        "d": LogUniform("d", 6, -8.0, -5.0),
        "e": RandInt("e", 7, 1, 3),
    }
    assert list(space.parameters) == list("abcde")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("learning_rate", "'' is no kind of parameter; there are choice"),
        ("learning_rate chioce [1]", "'chioce' is no kind of parameter; did you mean choice?"),
        ("learning_rate normal 0,1", "'normal' is no kind of parameter"),
        ("learning-rate choice [1]", "'learning-rate' is not a key"),
        ("a choice", "must be a list of Python values"),
        ("a choice []", "must be a list of at least one value"),
        ("a choice 3", "must be a list of at least one value"),
        ("a choice [1, 2", "must be a list of Python values"),
        ("a choice [from_end]", "must be a list of Python values"),
        ("a choice [__import__('os').getcwd()]", "must be a list of Python values"),
        ("a choice [1+2j]", "is not a number, word, True, False, None or list"),
        ("a choice [b'x']", "is not a number, word"),
        ("a choice [{1, 2}]", "is not a number, word"),
        ("a choice [1e999]", "is not a number, word"),
        ("a choice [1, 2, 1]", "1 stands there twice"),
        ("a choice [[1], (1,)]", "stands there twice"),
        ("a choice " + "[" * 5000, "must be a list of Python values"),
        ("a choice [" + "9" * 5000 + "]", "must be a list of Python values"),
        ("a uniform 0.1", "must be 2 numbers with commas between them (low,high)"),
        ("a uniform 0.1,0.2,0.3", "must be 2 numbers"),
        ("a uniform 0.1,", "must be 2 numbers"),
        ("a uniform 0.1 0.2", "must be 2 numbers"),
        ("a uniform low,0.2", "'low' is not a number"),
        ("a uniform nan,0.2", "nan is not a finite number"),
        ("a uniform 0,inf", "inf is not a finite number"),
        ("a uniform 0.2,0.2", "low must be below high, found 0.2 and 0.2"),
        ("a uniform 0.3,0.2", "low must be below high"),
        ("a loguniform -8", "(low,high)"),
        ("a loguniform 1,800", "bounds are exponents of e, from -700 to 700"),
        ("a quniform 1,5", "(low,high,q)"),
        ("a quniform 1,5,0", "q must be above 0 and at most high - low"),
        ("a quniform 1,5,-1", "q must be above 0"),
        ("a quniform 1,5,4.5", "q must be above 0 and at most high - low"),
        ("a randint 1,2.5", "low and high must be whole numbers"),
        ("a randint 3,1", "low must be below high"),
        ("a randint 1,1e19", f"low and high are at most {2**53}"),
        ("a quniform 1,1e300,1", f"bounds are at most {2**53} times q"),
        ("a quniform 1e-300,1.7e308,1e-300", f"bounds are at most {2**53} times q"),
        ("a uniform -1e308,1e308", "low and high are too far apart"),
        ("first choice [2]", "first is searched in line 1 already"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UserError) as raised:
        space_of(tmp_path, f"first choice [1]\n# comment\n{line}\n")
    assert str(raised.value).startswith(f"{tmp_path}/hyper.test:3: ")
    assert message in str(raised.value)
    assert len(str(raised.value)) < 600


def test_files_without_parameters(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"hyper\.test: holds no parameters; a line is one of name choice"):
        space_of(tmp_path, "\n# nothing\n")
    with pytest.raises(UserError, match=r"gone\.test: no such file"):
        read_space(tmp_path / "gone.test")
    (tmp_path / "bytes.test").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not readable as UTF-8"):
        read_space(tmp_path / "bytes.test")


def test_recbole_means_the_same(tmp_path: Path) -> None:
    """RecBole's own parser on the same file: the same generator draws the same values from both."""
    from hyperopt.pyll.stochastic import sample
    from recbole.trainer import HyperTuning

    text = "a choice [1,'x',None]\nlr loguniform -8,-5\nq quniform 50,200,25\nu uniform 0.25,0.5\nw quniform 0.1,0.9,0.1\n"
    ours = space_of(tmp_path, text)
    theirs = HyperTuning._build_space_from_file(str(tmp_path / "hyper.test"))
    expressions = {name: parameter.hyperopt() for name, parameter in ours.parameters.items()}
    for seed in range(20):
        one = ours.plain(sample(expressions, np.random.default_rng(seed)))
        other = sample(theirs, np.random.default_rng(seed))
        assert one["a"] == other["a"]
        for name in ("lr", "q", "u", "w"):
            assert one[name] == pytest.approx(other[name], rel=1e-11)
        assert isinstance(one["q"], int)
        assert isinstance(one["w"], float)


def test_key_of_a_setting_tells_settings_apart() -> None:
    assert setting_key({"a": 1, "b": [2]}) == setting_key({"b": [2], "a": 1})
    assert len({setting_key({"a": value}) for value in (1, 2, "1", None, True, 1.5)}) == 6


def test_description(tmp_path: Path) -> None:
    space = space_of(tmp_path, "a choice [1, None]\nb loguniform -8,-5\nc quniform 1,9,2\nd randint 1,3\ne uniform 0,1\n")
    assert space.describe() == {
        "a": "one of 1, None",
        "b": "0.0003355 to 0.006738, even on a logarithmic scale",
        "c": "0 to 8, multiples of 2",
        "d": "1 to 3, whole numbers",
        "e": "0 to 1",
    }


def test_whole_numbers_have_one_spelling() -> None:
    assert setting_key({"scale": 12, "heads": (2, 4.0)}) == setting_key({"scale": 12.0, "heads": [2.0, 4]})
    assert setting_key({"scale": 12.5}) != setting_key({"scale": 12})
    assert setting_key({"switch": True}) != setting_key({"switch": 1})

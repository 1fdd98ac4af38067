"""Arguments of ``tune``."""

from pathlib import Path
from typing import Any

import pytest

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.options import SearchOptions


def options(**given: Any) -> SearchOptions:
    return SearchOptions.take_from({"params_file": "hyper.test", **given})


def test_own_arguments_are_taken_out_and_the_rest_stays() -> None:
    settings = {"params_file": "a.test", "trials": 7, "learning_rate": 0.1, "dataset": "demo", "output": "out"}
    taken = SearchOptions.take_from(settings)
    assert settings == {"learning_rate": 0.1, "dataset": "demo"}
    assert (taken.trials, taken.params_file, taken.output) == (7, Path("a.test"), Path("out"))


def test_default_file() -> None:
    assert SearchOptions.take_from({}, Path("x.test")).params_file == Path("x.test")
    with pytest.raises(UserError, match="tune needs --params_file=FILE"):
        SearchOptions.take_from({})


def test_default_scheduler() -> None:
    assert options().schedule == "asha"
    assert options(workers=0).schedule == "none"
    assert options(algorithm="exhaustive").schedule == "none"
    assert options(algorithm="exhaustive", scheduler="asha").schedule == "asha"
    assert options().uses_ray and not options(workers=0).uses_ray


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"algorithm": "bayesian"}, "--algorithm='bayesian': allowed is one of random, bayes, exhaustive (did"),
        ({"scheduler": "ashas"}, "--scheduler='ashas': allowed is one of asha, pbt, none (did you mean asha?)"),
        ({"trials": 0}, "--trials=0: allowed is a whole number of at least 1"),
        ({"trials": 2.5}, "--trials=2.5"),
        ({"workers": -1}, "--workers=-1"),
        ({"training_share": 0}, "--training_share=0: allowed is a number above 0 and at most 1"),
        ({"training_share": 1.01}, "--training_share=1.01"),
        ({"name": "../x"}, "--name='../x': allowed is letters"),
        ({"name": ".x"}, "--name='.x'"),
        ({"reduction_factor": 1}, "--reduction_factor=1"),
        ({"gpus_per_trial": 1.5}, "--gpus_per_trial=1.5: above 1 allowed are whole numbers only"),
        ({"workers": 0, "address": "auto"}, "--address: has no effect with --workers=0"),
        ({"workers": 0, "scheduler": "asha"}, "--scheduler=asha: needs Ray"),
        ({"workers": 0, "algorithm": "bayes"}, "--algorithm=bayes: needs Ray"),
        ({"scheduler": "pbt", "algorithm": "bayes"}, "--scheduler=pbt: allowed with --algorithm=random only"),
        ({"trials": 3, "algorithm": "exhaustive"}, "--trials: has no effect with --algorithm=exhaustive"),
    ],
)
def test_mistakes(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as raised:
        options(**given)
    assert message in str(raised.value)

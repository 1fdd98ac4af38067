"""The spaces that come with the package fit their models."""

from pathlib import Path

import pytest

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.plan import find_space, plan_search
from recbole_tagnnpp.experiment.search.settings import random_settings
from recbole_tagnnpp.experiment.search.space_check import problem_of
from tests.conftest import REPOSITORY

FILES = [REPOSITORY / "hyper.test", *sorted((REPOSITORY / "properties" / "search").glob("*.test"))]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_draw_is_allowed(file: Path) -> None:
    model = "TAGNNPP" if file.stem == "hyper" else file.name.split(".")[0]
    plan = plan_search(model, [], {"dataset": "demo", "params_file": str(file)})
    for setting in random_settings(plan.space, 20, 1, lambda setting: True):
        assert problem_of(plan.layers, setting) is None


def test_spaces_are_found_by_model() -> None:
    assert find_space("SRGNN") == REPOSITORY / "properties" / "search" / "SRGNN.test" or find_space("SRGNN") == Path(
        "properties/search/SRGNN.test"
    )
    assert find_space("Pop") is None
    with pytest.raises(UserError, match="tune needs --params_file=FILE"):
        plan_search("Pop", [], {"dataset": "demo"})


def test_population_based_training_needs_a_key_that_may_change(tmp_path: Path) -> None:
    (tmp_path / "hyper.test").write_text("n_layers choice [1, 2]\n")
    with pytest.raises(UserError, match="scheduler=pbt needs a key that may change in mid-training: agc_eps"):
        plan_search("TAGNNPP", [], {"dataset": "demo", "params_file": str(tmp_path / "hyper.test"), "scheduler": "pbt"})

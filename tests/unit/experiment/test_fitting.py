"""Batches as a configuration wants them; trainings that go on where they stood, and nowhere else."""

from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.fitting import fit_model, make_loader
from tests.unit.training.small_run import tiny_config


@pytest.mark.parametrize("shuffle", [False, True])
def test_training_is_shuffled_where_that_is_asked_for_and_evaluation_never(tmp_path: Path, shuffle: bool) -> None:
    config = tiny_config(tmp_path, shuffle=shuffle, train_batch_size=13, eval_batch_size=17)
    dataset = SessionDataset(config)
    in_order = dataset.training.target_items.tolist()
    sizes, orders = {}, {}
    for training in (False, True):
        batches = list(make_loader(config, dataset, dataset.training, training=training, model=nn.Linear(1, 1)))
        sizes[training] = [len(batch) for batch in batches]
        orders[training] = [item for batch in batches for item in batch["item_id"].tolist()]
    assert set(sizes[True][:-1]) == {13}
    assert set(sizes[False][:-1]) == {17}
    assert orders[False] == in_order
    assert (orders[True] == in_order) is not shuffle
    assert sorted(orders[True]) == sorted(in_order)


@pytest.mark.parametrize("case", ["less training data", "another validation", "no validation", "the same"])
def test_a_training_goes_on_with_the_sequences_that_it_began_with(tmp_path: Path, case: str) -> None:
    config = tiny_config(tmp_path, epochs=1)
    dataset = SessionDataset(config)
    fit_model(config, dataset, tmp_path / "run", dataset.validation)
    training, validation = dataset.training, dataset.validation
    if case == "less training data":
        targets, sessions = training.target_items[:-1], training.session_numbers[:-1]
        dataset.training = replace(
            training, prefix_ends=training.prefix_ends[:-1], target_items=targets, session_numbers=sessions
        )
    given = {"another validation": training, "no validation": None}.get(case, validation)
    if case == "the same":
        assert fit_model(config, dataset, tmp_path / "run", given).resumed
        return
    with pytest.raises(UserError, match=r"last\.pth: comes from a training on other sequences, .*; without .* begins anew"):
        fit_model(config, dataset, tmp_path / "run", given)


@pytest.mark.parametrize(("refit", "selects"), [(False, True), (True, True), (True, False)])
def test_a_selection_before_a_refit_needs_no_weights(tmp_path: Path, refit: bool, selects: bool) -> None:
    config = tiny_config(tmp_path, epochs=2, refit=refit)
    dataset = SessionDataset(config)
    validation = dataset.validation if selects else None
    first = fit_model(config, dataset, tmp_path / "run", validation)
    Path(first.saved_model_file).unlink()
    if refit and selects:
        again = fit_model(config, dataset, tmp_path / "run", validation)
        assert (again.resumed, again.best_epoch) == (True, first.best_epoch)
    else:
        with pytest.raises(UserError, match=r"best\.pth: no such checkpoint; without .*last\.pth training begins anew"):
            fit_model(config, dataset, tmp_path / "run", validation)

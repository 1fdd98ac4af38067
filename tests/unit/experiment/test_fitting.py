"""Batches as a configuration wants them."""

from pathlib import Path

import pytest
from torch import nn

from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.experiment.fitting import make_loader
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

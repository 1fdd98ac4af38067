"""What processes tell each other: gradients, values, order."""

from pathlib import Path

import pytest
import torch

from recbole_tagnnpp.training.distributed.ranks import ALONE
from tests.unit.training.process_group import average, exchange, in_processes


def test_one_process_alone_asks_nobody() -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = gradient = torch.tensor([1.0, 2.0, 3.0])
    loss = torch.tensor(0.7)
    assert ALONE.is_first and (ALONE.rank, ALONE.size) == (0, 1)
    assert ALONE.average_gradients_([parameter], loss, 5) is loss
    assert parameter.grad is gradient and gradient.tolist() == [1.0, 2.0, 3.0]
    batches: list = [object(), object()]
    assert ALONE.training_batches(batches) is batches and ALONE.evaluation_batches(batches) is batches  # type: ignore[arg-type]
    assert ALONE.in_batch_order(batches) is batches
    assert ALONE.gather(4) == [4]
    assert ALONE.first_before_others(lambda: 8) == 8
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    ALONE.seed(3)
    ALONE.copy_from_first_([expected])
    assert torch.equal(torch.rand(2), expected)


def test_values_come_in_the_order_of_ranks(tmp_path: Path) -> None:
    results = in_processes(3, tmp_path / "first", exchange)
    for result in results:
        assert result["gathered"] == [(0, []), (1, [0.0]), (2, [0.0, 1.0])]
        assert result["in_order"] == [f"batch {batch}" for batch in range(7)]
        assert result["copied"] == [0.0, 0.0, 0.0]
        assert result["order"] == ["worked"]
    drawn = [result["drawn"] for result in results]
    torch.manual_seed(5)
    assert drawn[0] == torch.rand(4).tolist()  # as a process alone
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]
    assert [result["drawn"] for result in in_processes(3, tmp_path / "again", exchange)] == drawn


def test_gradients_are_averaged_by_the_number_of_sequences(tmp_path: Path) -> None:
    gradients = [{"a": 2.0, "b": 1.0}, {"a": 6.0}, {}]  # the third process has no sequence, nobody knows c
    results = in_processes(3, tmp_path / "group", average, [3, 1, 0], gradients)
    for result in results:
        for step, scale in zip(result["results"], (1.0, 10.0), strict=True):
            assert step["a"] == [[scale * (3 * 2.0 + 6.0) / 4] * 3] * 2
            assert step["b"] == [scale * 3 * 1.0 / 4] * 5
            assert step["c"] is None  # as in one process, where optimizers pass over it
            assert step["fixed"] is None
            assert step["loss"] == pytest.approx(scale * (3 * 1.0 + 1 * 2.0) / 4)
            assert step["dtypes"] == ["torch.float32", "torch.float64"]

"""The GRU over sequences of different lengths, against torch's own and its naive twin."""

import pytest
import torch

from recbole_tagnnpp.baselines.ragged_gru import RaggedGRU
from tests.reference.naive_lessr import naive_gru

LENGTHS = [
    [1],
    [4],
    [3, 3, 3],
    [2, 5, 1, 7],
    [0, 2, 0, 3, 1, 0],
]


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_states_and_gradients_equal_one_sequence_at_a_time(lengths: list[int]) -> None:
    torch.manual_seed(sum(lengths))
    gru = RaggedGRU(5, 7).double()
    rows = torch.randn(sum(lengths), 5, dtype=torch.float64, requires_grad=True)
    states, last = gru(rows, torch.tensor(lengths))
    weights = dict(gru.gru.named_parameters())
    expected = [naive_gru(list(part), weights, 7) for part in rows.split(lengths)]
    expected_states = torch.stack([state for part in expected for state in part])
    expected_last = torch.stack([part[-1] if part else torch.zeros(7, dtype=torch.float64) for part in expected])
    torch.testing.assert_close(states, expected_states, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(last, expected_last, rtol=1e-12, atol=1e-12)

    mix = torch.randn(7, dtype=torch.float64)
    inputs = [rows, *weights.values()]
    found = torch.autograd.grad((states @ mix).sum() + (last @ mix).square().sum(), inputs)
    wanted = torch.autograd.grad((expected_states @ mix).sum() + (expected_last @ mix).square().sum(), inputs)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_nothing_but_empty_sequences() -> None:
    states, last = RaggedGRU(5, 7)(torch.zeros(0, 5), torch.tensor([0, 0, 0]))
    assert states.shape == (0, 7)
    assert torch.equal(last, torch.zeros(3, 7))

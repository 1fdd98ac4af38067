"""Softmax and sums over groups of rows."""

import torch

from recbole_tagnnpp.baselines.segments import segment_softmax, segment_sum

SEGMENT = torch.tensor([2, 0, 2, 2, 4, 0])  # groups 1 and 3 are empty


def test_softmax_equals_softmax_of_each_group() -> None:
    torch.manual_seed(0)
    scores = torch.randn(6, dtype=torch.float64, requires_grad=True)
    found = segment_softmax(scores, SEGMENT, 5)
    expected = torch.zeros(6, dtype=torch.float64)
    for group in range(5):
        mine = group == SEGMENT
        expected = expected.masked_scatter(mine, scores[mine].softmax(0))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    mix = torch.randn(6, dtype=torch.float64)
    (one,), (other,) = (torch.autograd.grad(result @ mix, [scores]) for result in (found, expected))
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_softmax_of_huge_scores_is_finite() -> None:
    scores = torch.tensor([1e30, -1e30, 1e30, -5e4, -3e38, 0.0])
    found = segment_softmax(scores, SEGMENT, 5)
    assert torch.equal(found, torch.tensor([0.5, 0.0, 0.5, 0.0, 1.0, 1.0]))


def test_sum_of_each_group() -> None:
    rows = torch.arange(18.0).view(6, 3)
    found = segment_sum(rows, SEGMENT, 5)
    expected = torch.stack([rows[group == SEGMENT].sum(dim=0) for group in range(5)])
    assert torch.equal(found, expected)

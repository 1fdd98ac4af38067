"""Unit rows against PyTorch's own normalisation."""

import torch

from recbole_tagnnpp.model.normalization import unit_rows


def test_equals_torch_forward_and_backward() -> None:
    torch.manual_seed(1)
    rows = torch.randn(7, 5, dtype=torch.float64)
    rows[2] = 0
    rows[4] *= 1e-14
    rows.requires_grad_()
    found, expected = unit_rows(rows), torch.nn.functional.normalize(rows, dim=-1)
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-14)
    pull = torch.randn_like(found)
    (found_gradient,) = torch.autograd.grad(found, rows, pull)
    (expected_gradient,) = torch.autograd.grad(expected, rows, pull)
    torch.testing.assert_close(found_gradient, expected_gradient, rtol=1e-12, atol=1e-12)

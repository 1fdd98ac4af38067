"""What the scores of every model that learns by gradients must hold to; each test file calls these for its model."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.unit.model.small_model import SESSIONS, interaction


def assert_same_loss_and_gradients(loss: Tensor, expected_loss: Tensor, weights: dict[str, Tensor]) -> None:
    """Equal to float64 rounding, and no weight is without a gradient."""
    torch.testing.assert_close(loss, expected_loss, rtol=1e-10, atol=1e-10)
    gradients = torch.autograd.grad(loss, list(weights.values()))
    expected_gradients = torch.autograd.grad(expected_loss, list(weights.values()))
    for name, found, wanted in zip(weights, gradients, expected_gradients, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-10, msg=name)
        assert float(wanted.abs().sum()) > 0, name


def assert_padding_does_not_matter(model: Any) -> None:
    """Neither how wide it is nor what stands in it."""
    expected = model.full_sort_predict(interaction(SESSIONS))
    assert torch.equal(model.full_sort_predict(interaction(SESSIONS, 29)), expected)
    batch = interaction(SESSIONS, 23)
    batch["item_id_list"][torch.arange(23) >= batch["item_length"][:, None]] = 11
    assert torch.equal(model.full_sort_predict(batch), expected)


def assert_batch_order_and_company_do_not_matter(model: Any) -> None:
    """A session scores the same in another order and alone."""
    together = model.full_sort_predict(interaction(SESSIONS))
    backwards = model.full_sort_predict(interaction(SESSIONS[::-1]))
    torch.testing.assert_close(backwards.flip(0), together, rtol=1e-12, atol=1e-12)
    for row, session in enumerate(SESSIONS):
        alone = model.full_sort_predict(interaction([session]))[0]
        torch.testing.assert_close(alone, together[row], rtol=1e-12, atol=1e-12)


def assert_predict_is_gathered_from_all_scores(model: Any) -> None:
    """``predict`` gives the score of its item among those of all items."""
    batch = interaction(SESSIONS)
    expected = model.full_sort_predict(batch).gather(1, batch["item_id"][:, None]).squeeze(1)
    torch.testing.assert_close(model.predict(batch), expected, rtol=1e-12, atol=1e-12)


def assert_mixed_precision_is_close(model: Any, batch: dict[str, Tensor]) -> None:
    """The loss of a float32 model under autocast is another one, but near."""
    exact = model.calculate_loss(batch)
    with torch.autocast("cpu"):
        mixed = model.calculate_loss(batch)
    mixed.backward()
    assert mixed.item() != exact.item()
    assert mixed.item() == pytest.approx(exact.item(), rel=0.05)


def assert_impossible_lengths_are_refused(model: Any, lengths: list[int]) -> None:
    """A session without a click, or with more clicks than columns."""
    with pytest.raises(ValueError, match=r"session lengths must lie in 1\.\.3"):
        model(torch.ones(2, 3, dtype=torch.int64), torch.tensor(lengths))

"""Target attention by the book: one session and one candidate item at a time."""

import torch
from torch import Tensor


def naive_scores(keys: Tensor, values: Tensor, session: Tensor, lengths: list[int], items: Tensor) -> Tensor:
    """Scores [B, I] by loops over sessions, items and positions."""
    rows = []
    start = 0
    for b, length in enumerate(lengths):
        row = []
        for item in items:
            weights = torch.stack([keys[start + l] @ item for l in range(length)]).softmax(0)
            vector = session[b]
            for l in range(length):
                vector = vector + weights[l] * values[start + l]
            row.append(vector @ item)
        rows.append(torch.stack(row))
        start += length
    return torch.stack(rows)


def naive_loss(scores: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Mean cross-entropy with a share of the target spread over all items."""
    losses = []
    for row, target in zip(scores, targets.tolist(), strict=True):
        log_probabilities = row - row.exp().sum().log()
        losses.append(-(1 - smoothing) * log_probabilities[target] - smoothing * log_probabilities.mean())
    return torch.stack(losses).mean()

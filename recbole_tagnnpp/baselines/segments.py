"""Softmax and weighted sums over groups of rows."""

import torch
from torch import Tensor


def segment_softmax(scores: Tensor, segment: Tensor, n_segments: int) -> Tensor:
    """Softmax within each group.

    Args:
        scores: [S] any finite values.
        segment: [S] int64, group of every score.
        n_segments: number of groups; one may be empty.

    Returns:
        [S], positive, adding up to 1 in each group.
    """
    largest = scores.new_full((n_segments,), -torch.inf)
    largest = largest.scatter_reduce(0, segment, scores.detach(), "amax")
    exponentials = torch.exp(scores - largest[segment])  # the same whatever is subtracted, and never too large
    total = exponentials.new_zeros(n_segments).index_add(0, segment, exponentials)
    return exponentials / total[segment]


def segment_sum(rows: Tensor, segment: Tensor, n_segments: int) -> Tensor:
    """Add up the rows [S, D] of each group: [n_segments, D]."""
    return rows.new_zeros(n_segments, rows.shape[1]).index_add(0, segment, rows)

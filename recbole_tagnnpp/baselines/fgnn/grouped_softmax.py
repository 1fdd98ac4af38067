"""Softmax over groups of different sizes."""

import torch
from torch import Tensor


def grouped_softmax(scores: Tensor, group: Tensor, n_groups: int) -> Tensor:
    """Softmax of each column among the rows of the same group.

    Args:
        scores: [R, K].
        group: [R] int64, group of every row.
        n_groups: G, larger than every entry of ``group``.

    Returns:
        [R, K]; the rows of a group add up to one.
    """
    index = group[:, None].expand_as(scores)
    empty = scores.new_full((n_groups, scores.shape[1]), -torch.inf)
    # the largest score only guards against overflow: it cancels, and so does its gradient
    largest = empty.scatter_reduce(0, index, scores.detach(), "amax")
    exponentials = torch.exp(scores - largest[group])
    total = torch.zeros_like(empty).index_add(0, group, exponentials)
    return exponentials / total[group]

"""RecBole's dense session graphs, of a whole batch at once."""

import torch
from torch import Tensor


def padded_session_graphs(item_seq: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The graphs that RecBole's SRGNN and GCSAN build in Python loops (``_get_slice``), entry for entry.

    Args:
        item_seq: [B, L] int64 clicks, padded with 0 behind.

    Returns:
        alias [B, L] int64, node of every position; adjacency [B, L, 2 L] float32, incoming edges weighted by one over
        the in-degree, then outgoing edges weighted by one over the out-degree; nodes [B, L] int64, distinct items
        in ascending order (padding, where there is some, is one of them), 0 behind.
    """
    batch, length = item_seq.shape
    items, order = item_seq.sort(dim=1)
    is_new = torch.ones_like(items)
    is_new[:, 1:] = items[:, 1:] != items[:, :-1]
    node = is_new.cumsum(dim=1) - 1  # of the sorted positions
    alias = torch.empty_like(node).scatter_(1, order, node)
    nodes = torch.zeros_like(items).scatter_(1, node, items)

    session, position = torch.nonzero(item_seq[:, 1:], as_tuple=True)  # a click follows
    edges = torch.zeros(batch, length, length, device=item_seq.device)
    edges[session, alias[session, position], alias[session, position + 1]] = 1.0
    incoming = edges.transpose(1, 2) / edges.sum(dim=1).clamp(min=1.0)[:, :, None]
    outgoing = edges / edges.sum(dim=2).clamp(min=1.0)[:, :, None]
    return alias, torch.cat([incoming, outgoing], dim=2), nodes

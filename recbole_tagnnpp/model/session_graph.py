"""Step 1: a session becomes a directed graph of its items (Wu et al., AAAI 2019, section 3.2)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from recbole_tagnnpp.model.packing import PackedSessions


@dataclass(frozen=True)
class SessionGraphs:
    """The graphs of a batch of sessions as one graph without edges between sessions.

    The adjacency matrices are kept as edges with weights: ``adjacency_out[source, target] = weight_out`` and
    ``adjacency_in[target, source] = weight_in``.

    Attributes:
        node_items: [N] int64, item of every node; nodes are the distinct items of each session.
        alias: [P] int64, node of every position.
        edge_source, edge_target: [E] int64, one edge for each distinct pair of consecutive clicks.
        weight_out: [E] float, 1 / out-degree of the edge's source.
        weight_in: [E] float, 1 / in-degree of the edge's target.
    """

    node_items: Tensor
    alias: Tensor
    edge_source: Tensor
    edge_target: Tensor
    weight_out: Tensor
    weight_in: Tensor


def build_session_graphs(sessions: PackedSessions, n_items: int, dtype: torch.dtype) -> SessionGraphs:
    """Build the graphs of all sessions of a batch at once.

    Args:
        sessions: packed positions of the batch.
        n_items: number of items, padding included; larger than every item of ``sessions``.
        dtype: floating type of the edge weights.
    """
    session_item = sessions.session_of_position * n_items + sessions.items
    distinct, alias = torch.unique(session_item, return_inverse=True)
    n_nodes = distinct.shape[0]

    same_session = sessions.session_of_position[1:] == sessions.session_of_position[:-1]
    pairs = (alias[:-1] * n_nodes + alias[1:])[same_session]
    edges = torch.unique(pairs)
    edge_source, edge_target = edges // n_nodes, edges % n_nodes
    out_degree = torch.bincount(edge_source, minlength=n_nodes).to(dtype)
    in_degree = torch.bincount(edge_target, minlength=n_nodes).to(dtype)
    return SessionGraphs(
        node_items=distinct % n_items,
        alias=alias,
        edge_source=edge_source,
        edge_target=edge_target,
        weight_out=out_degree[edge_source].reciprocal(),
        weight_in=in_degree[edge_target].reciprocal(),
    )

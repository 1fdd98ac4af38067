"""A session as a directed graph whose edges count clicks (FGNN, section 4.1)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from recbole_tagnnpp.model.packing import PackedSessions
from recbole_tagnnpp.model.session_graph import number_nodes


@dataclass(frozen=True)
class WeightedSessionGraphs:
    """The graphs of a batch of sessions as one graph without edges between sessions.

    Attributes:
        node_items: [N] int64, item of every node; nodes are the distinct items of each session.
        session_of_node: [N] int64, row of the batch that a node belongs to.
        edge_source, edge_target: [E] int64, one edge for each distinct pair of consecutive clicks, and a self-loop at
            every node.
        weight: [E] float, how often the pair occurs; 1 for a self-loop that no clicks made.
    """

    node_items: Tensor
    session_of_node: Tensor
    edge_source: Tensor
    edge_target: Tensor
    weight: Tensor


def build_weighted_session_graphs(sessions: PackedSessions, n_items: int, dtype: torch.dtype) -> WeightedSessionGraphs:
    """Build the graphs of all sessions of a batch at once.

    Args:
        sessions: packed positions of the batch.
        n_items: number of items, padding included; larger than every item of ``sessions``.
        dtype: floating type of the edge weights.
    """
    nodes = number_nodes(sessions, n_items)
    n_nodes = nodes.keys.shape[0]
    pairs = nodes.source * n_nodes + nodes.target
    loops = torch.arange(n_nodes, device=pairs.device) * (n_nodes + 1)
    edges, counts = torch.unique(torch.cat([pairs, loops]), return_counts=True)
    edge_source, edge_target = edges // n_nodes, edges % n_nodes
    clicked_loop = (edge_source == edge_target) & (counts > 1)  # counted once more than it was clicked
    return WeightedSessionGraphs(
        node_items=nodes.items,
        session_of_node=nodes.session,
        edge_source=edge_source,
        edge_target=edge_target,
        weight=(counts - clicked_loop.to(counts.dtype)).to(dtype),
    )

"""Step 1: a session becomes a directed graph of its items (Wu et al., AAAI 2019, section 3.2)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from recbole_tagnnpp.model.packing import PackedSessions, tensors_on


@dataclass(frozen=True)
class SessionNodes:
    """The distinct items of each session of a batch, and which of them follow each other; where every graph begins.

    Attributes:
        keys: [N] int64, ascending, ``session * n_items + item`` of every node.
        n_items: number of items, padding included.
        alias: [P] int64, node of every position.
        source, target: [T] int64, nodes of every pair of consecutive clicks, in the order of the clicks.
    """

    keys: Tensor
    n_items: int
    alias: Tensor
    source: Tensor
    target: Tensor

    @property
    def items(self) -> Tensor:
        """[N] int64, item of every node."""
        return self.keys % self.n_items

    @property
    def session(self) -> Tensor:
        """[N] int64, ascending, row of the batch that a node belongs to."""
        return self.keys // self.n_items


def number_nodes(sessions: PackedSessions, n_items: int) -> SessionNodes:
    """Number the distinct items of all sessions of a batch at once.

    Args:
        sessions: packed positions of the batch.
        n_items: number of items, padding included; larger than every item of ``sessions``.
    """
    keys, alias = torch.unique(sessions.session_of_position * n_items + sessions.items, return_inverse=True)
    same_session = sessions.session_of_position[1:] == sessions.session_of_position[:-1]
    return SessionNodes(keys, n_items, alias, alias[:-1][same_session], alias[1:][same_session])


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

    def to(self, device: torch.device) -> "SessionGraphs":
        """The same on another device."""
        return SessionGraphs(**tensors_on(self, device))


def build_session_graphs(sessions: PackedSessions, n_items: int, dtype: torch.dtype) -> SessionGraphs:
    """Build the graphs of all sessions of a batch at once.

    Args:
        sessions: packed positions of the batch.
        n_items: number of items, padding included; larger than every item of ``sessions``.
        dtype: floating type of the edge weights.
    """
    nodes = number_nodes(sessions, n_items)
    n_nodes = nodes.keys.shape[0]
    edges = torch.unique(nodes.source * n_nodes + nodes.target)
    edge_source, edge_target = edges // n_nodes, edges % n_nodes
    out_degree = torch.bincount(edge_source, minlength=n_nodes).to(dtype)
    in_degree = torch.bincount(edge_target, minlength=n_nodes).to(dtype)
    return SessionGraphs(
        node_items=nodes.items,
        alias=nodes.alias,
        edge_source=edge_source,
        edge_target=edge_target,
        weight_out=out_degree[edge_source].reciprocal(),
        weight_in=in_degree[edge_target].reciprocal(),
    )

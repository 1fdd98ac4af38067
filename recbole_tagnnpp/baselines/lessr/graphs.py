"""The two graphs of a session in LESSR: the first loses no click, in the second every later click is one step away."""

from dataclasses import dataclass

import torch
from torch import Tensor

from recbole_tagnnpp.model.packing import PackedSessions
from recbole_tagnnpp.model.session_graph import number_nodes


@dataclass(frozen=True)
class LosslessGraphs:
    """Edge-order preserving multigraph and shortcut graph of a batch of sessions.

    Attributes:
        node_items: [N] int64, item of every node; nodes are the distinct items of each session.
        session_of_node: [N] int64, ascending.
        last_node: [B] int64, node of each session's last click.
        predecessors: [E] int64, the multigraph: for each node in turn, the nodes that were clicked right before it,
            oldest transition first; one entry for each pair of consecutive clicks.
        in_degree: [N] int64, how many of ``predecessors`` belong to each node.
        shortcut_source, shortcut_target: [S] int64, the shortcut graph: an edge from every node to itself and to each
            node that is clicked after it, every pair once.
    """

    node_items: Tensor
    session_of_node: Tensor
    last_node: Tensor
    predecessors: Tensor
    in_degree: Tensor
    shortcut_source: Tensor
    shortcut_target: Tensor


def build_lossless_graphs(sessions: PackedSessions, n_items: int) -> LosslessGraphs:
    """Build both graphs of all sessions of a batch at once.

    Args:
        sessions: packed positions of the batch.
        n_items: number of items, padding included; larger than every item of ``sessions``.
    """
    nodes = number_nodes(sessions, n_items)
    alias, n_nodes, n_positions = nodes.alias, nodes.keys.shape[0], nodes.alias.shape[0]
    by_target = torch.argsort(nodes.target, stable=True)  # stable: the order of the clicks remains

    positions = torch.arange(n_positions, device=alias.device)
    n_later = sessions.last_position[sessions.session_of_position] - positions + 1  # [P], the position itself included
    earlier = torch.repeat_interleave(n_later)  # [pairs of positions]
    offset = torch.arange(earlier.shape[0], device=alias.device) - (n_later.cumsum(0) - n_later)[earlier]
    shortcuts = torch.unique(alias[earlier] * n_nodes + alias[earlier + offset])
    return LosslessGraphs(
        node_items=nodes.items,
        session_of_node=nodes.session,
        last_node=alias[sessions.last_position],
        predecessors=nodes.source[by_target],
        in_degree=torch.bincount(nodes.target, minlength=n_nodes),
        shortcut_source=shortcuts // n_nodes,
        shortcut_target=shortcuts % n_nodes,
    )

"""One graph of a session and its neighbour sessions, and the two channels through it (DGTN)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_tagnnpp.baselines.dgtn.ragged import Ragged, sorted_distinct
from recbole_tagnnpp.baselines.dgtn.training_sessions import TrainingSessions, unordered_pairs
from recbole_tagnnpp.data.session_sequences import IntArray

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChannelGraph:
    """Along which edges a channel sends how much.

    With d_i the number of neighbours that send to node i, an edge from j to i has weight
    1 / sqrt((d_i + 1) (d_j + 1)) and a node's edge to itself 1 / (d_i + 1).

    Attributes:
        sender: [E] int64 nodes, receiver by receiver, ascending.
        first_edge: [N] int64, where the edges to each node begin.
        weight: [E] float.
    """

    sender: IntArray
    first_edge: IntArray
    weight: FloatArray


@dataclass(frozen=True)
class DualChannelGraphs:
    """The merged graphs of a batch of sessions, without edges between the sessions of the batch.

    Attributes:
        node_items: [N] int64, items of the sessions and of their neighbour sessions.
        own_nodes: [M] int64, the nodes of the sessions themselves, ascending.
        alias: [P] int64, for every click of the sessions its place in ``own_nodes``.
        intra: only items of the session send; its nodes are the M own ones.
        inter: only items of the neighbour sessions send; its nodes are all N.
    """

    node_items: IntArray
    own_nodes: IntArray
    alias: IntArray
    intra: ChannelGraph
    inter: ChannelGraph


def build_dual_channel_graphs(
    row_of_click: IntArray, clicks: IntArray, neighbours: Ragged, training: TrainingSessions
) -> DualChannelGraphs:
    """Merge each session with its neighbours.

    Args:
        row_of_click: [P] int64, session of every click, ascending; clicks of a session in their order.
        clicks: [P] int64 items.
        neighbours: training sessions next to every session, B rows.
        training: their items and transitions.
    """
    n_items = training.n_items
    row_of_neighbour = neighbours.row_of_value
    theirs = training.items.take(neighbours.values)
    their_nodes = sorted_distinct(np.repeat(row_of_neighbour, theirs.lengths) * n_items + theirs.values)
    keys = row_of_click * n_items + clicks
    own_keys = sorted_distinct(keys.copy())
    nodes = sorted_distinct(np.concatenate([own_keys, their_nodes]))
    own_nodes = np.searchsorted(nodes, own_keys)
    is_own = np.zeros(len(nodes), dtype=bool)
    is_own[own_nodes] = True
    is_theirs = np.zeros(len(nodes), dtype=bool)
    is_theirs[np.searchsorted(nodes, their_nodes)] = True

    smaller, larger = _edges(row_of_click, clicks, row_of_neighbour, training.pairs.take(neighbours.values), nodes, n_items)
    sender, receiver = np.concatenate([smaller, larger]), np.concatenate([larger, smaller])
    in_session = is_own[sender] & is_own[receiver]
    place = np.cumsum(is_own) - 1  # of an own node among the own nodes
    from_neighbours = is_theirs[sender]
    return DualChannelGraphs(
        node_items=nodes % n_items,
        own_nodes=own_nodes,
        alias=np.searchsorted(own_keys, keys),
        intra=_channel(place[sender[in_session]], place[receiver[in_session]], len(own_nodes)),
        inter=_channel(sender[from_neighbours], receiver[from_neighbours], len(nodes)),
    )


def _edges(
    row_of_click: IntArray,
    clicks: IntArray,
    row_of_neighbour: IntArray,
    their_pairs: Ragged,
    nodes: IntArray,
    n_items: int,
) -> tuple[IntArray, IntArray]:
    """Both ends of every edge: items clicked one after the other in the session or in a neighbour session."""
    own_rows, own_pairs = unordered_pairs(row_of_click, clicks, n_items)
    rows = np.concatenate([own_rows, np.repeat(row_of_neighbour, their_pairs.lengths)])
    edges = sorted_distinct(rows * n_items**2 + np.concatenate([own_pairs, their_pairs.values]))
    row_and_smaller, larger = np.divmod(edges, n_items)
    row = row_and_smaller // n_items
    return np.searchsorted(nodes, row_and_smaller), np.searchsorted(nodes, row * n_items + larger)


def _channel(sender: IntArray, receiver: IntArray, n_nodes: int) -> ChannelGraph:
    """Add every node's edge to itself, sort and weigh."""
    keys = np.concatenate([receiver * n_nodes + sender, np.arange(n_nodes) * (n_nodes + 1)])
    keys.sort()
    receiver, sender = np.divmod(keys, n_nodes)
    degree = np.bincount(receiver, minlength=n_nodes)  # d + 1: the edge to itself counts
    return ChannelGraph(
        sender=sender,
        first_edge=np.cumsum(degree) - degree,
        weight=1.0 / np.sqrt(degree[receiver] * degree[sender]),
    )

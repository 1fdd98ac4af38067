"""The two session graphs, edge by edge."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_tagnnpp.baselines.lessr.graphs import LosslessGraphs, build_lossless_graphs
from recbole_tagnnpp.model.packing import pack_sessions
from tests.unit.model.small_model import SESSIONS, interaction

N_ITEMS = 18


def graphs_of(sessions: list[list[int]]) -> LosslessGraphs:
    batch = interaction(sessions)
    return build_lossless_graphs(pack_sessions(batch["item_id_list"], batch["item_length"], 50), N_ITEMS)


def expected_edges(session: list[int]) -> tuple[dict[int, list[int]], set[tuple[int, int]]]:
    """Ordered predecessors of every item, and shortcuts between items."""
    predecessors: dict[int, list[int]] = {item: [] for item in session}
    for before, after in itertools.pairwise(session):
        predecessors[after].append(before)
    shortcuts = {(one, other) for place, one in enumerate(session) for other in session[place:]}
    return predecessors, shortcuts


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=9), min_size=1, max_size=5))
def test_both_graphs_hold_their_edges_in_order(sessions: list[list[int]]) -> None:
    graphs = graphs_of(sessions)
    predecessors = graphs.predecessors.split(graphs.in_degree.tolist())
    shortcuts = list(zip(graphs.shortcut_source.tolist(), graphs.shortcut_target.tolist(), strict=True))
    assert len(set(shortcuts)) == len(shortcuts)
    assert graphs.session_of_node.tolist() == sorted(graphs.session_of_node.tolist())
    for row, session in enumerate(sessions):
        ordered, pairs = expected_edges(session)
        nodes = torch.nonzero(graphs.session_of_node == row).flatten().tolist()
        assert sorted(graphs.node_items[nodes].tolist()) == sorted(set(session))
        for node in nodes:
            sources = predecessors[node]
            assert graphs.node_items[sources].tolist() == ordered[int(graphs.node_items[node])]
            assert (graphs.session_of_node[sources] == row).all()
        found = {tuple(graphs.node_items[[s, t]].tolist()) for s, t in shortcuts if s in nodes or t in nodes}
        assert found == pairs
        assert graphs.last_node[row] in nodes
        assert graphs.node_items[graphs.last_node[row]] == session[-1]


@pytest.mark.parametrize("session", SESSIONS, ids=str)
def test_the_session_can_be_read_back_from_the_multigraph(session: list[int]) -> None:
    # lossless: walk backwards from the last click, using up each node's predecessors from the newest on
    graphs = graphs_of([session])
    left = [part.tolist() for part in graphs.predecessors.split(graphs.in_degree.tolist())]
    walk = [int(graphs.last_node[0])]
    while left[walk[-1]]:
        walk.append(left[walk[-1]].pop())
    assert graphs.node_items[walk[::-1]].tolist() == session

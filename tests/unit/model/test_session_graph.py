"""Session graphs against loops over clicks."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_tagnnpp.model.gated_gnn import GatedGNN
from recbole_tagnnpp.model.packing import PackedSessions, pack_sessions
from recbole_tagnnpp.model.session_graph import SessionGraphs, build_session_graphs
from tests.reference.naive_model import naive_gated_gnn, naive_graph
from tests.unit.model.small_model import MAX_LENGTH, N_ITEMS, SESSIONS, interaction


def packed(sessions: list[list[int]]) -> PackedSessions:
    batch = interaction(sessions)
    return pack_sessions(batch["item_id_list"], batch["item_length"], MAX_LENGTH)


def graphs(sessions: list[list[int]]) -> SessionGraphs:
    return build_session_graphs(packed(sessions), N_ITEMS + 1, torch.float64)


def dense(graph: SessionGraphs, nodes: slice) -> tuple[torch.Tensor, torch.Tensor]:
    n = len(graph.node_items)
    adjacency_in, adjacency_out = torch.zeros(n, n, dtype=torch.float64), torch.zeros(n, n, dtype=torch.float64)
    adjacency_in[graph.edge_target, graph.edge_source] = graph.weight_in
    adjacency_out[graph.edge_source, graph.edge_target] = graph.weight_out
    return adjacency_in[nodes, nodes], adjacency_out[nodes, nodes]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=MAX_LENGTH), min_size=1, max_size=7))
def test_graphs_equal_naive_twin(sessions: list[list[int]]) -> None:
    graph = graphs(sessions)
    first_node = first_click = edges = 0
    for session in sessions:
        nodes, alias, adjacency_in, adjacency_out = naive_graph(session)
        own = slice(first_node, first_node + len(nodes))
        assert graph.node_items[own].tolist() == nodes
        assert (graph.alias[first_click : first_click + len(session)] - first_node).tolist() == alias
        found_in, found_out = dense(graph, own)
        assert torch.equal(found_in, adjacency_in)
        assert torch.equal(found_out, adjacency_out)
        edges += int((adjacency_out > 0).sum())
        first_node, first_click = own.stop, first_click + len(session)
    assert len(graph.edge_source) == edges  # no edge leads from one session to another


def test_known_graph() -> None:
    # clicks a b a a c: edges a>b, b>a, a>a, a>c
    graph = graphs([[2, 5, 2, 2, 9]])
    assert graph.node_items.tolist() == [2, 5, 9]
    assert graph.alias.tolist() == [0, 1, 0, 0, 2]
    edges = list(zip(graph.edge_source.tolist(), graph.edge_target.tolist(), strict=True))
    assert edges == [(0, 0), (0, 1), (0, 2), (1, 0)]
    torch.testing.assert_close(graph.weight_out, torch.tensor([1 / 3, 1 / 3, 1 / 3, 1.0], dtype=torch.float64))
    torch.testing.assert_close(graph.weight_in, torch.tensor([0.5, 1.0, 1.0, 0.5], dtype=torch.float64))


@pytest.mark.parametrize("steps", [1, 3])
def test_gated_gnn_equals_naive_twin(steps: int) -> None:
    torch.manual_seed(1)
    layer = GatedGNN(7, steps).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    graph = graphs(SESSIONS)
    states = torch.randn(len(graph.node_items), 7, dtype=torch.float64, requires_grad=True)
    found = layer(states, graph)
    weights = dict(layer.named_parameters())
    expected = naive_gated_gnn(states, *dense(graph, slice(None)), weights, steps)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    pull = torch.randn_like(found)
    inputs = [states, *weights.values()]
    for a, b in zip(torch.autograd.grad(found, inputs, pull), torch.autograd.grad(expected, inputs, pull), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


def test_packing_round_trip() -> None:
    sessions = packed(SESSIONS)
    assert sessions.items.tolist() == [item for session in SESSIONS for item in session]
    assert sessions.items[sessions.last_position].tolist() == [session[-1] for session in SESSIONS]
    rows = torch.arange(len(sessions.items), dtype=torch.float64)[:, None] + torch.zeros(3)
    padded = sessions.pad(rows)
    assert padded.shape == (len(SESSIONS), MAX_LENGTH, 3)
    assert padded[0, 1:].abs().sum() == 0
    assert torch.equal(sessions.pack(padded), rows)
    sums = [sum(range(s, s + len(session))) for s, session in zip(sessions.first_position.tolist(), SESSIONS, strict=True)]
    assert sessions.sum_per_session(rows)[:, 1].tolist() == sums

"""FGNN against its naive twin, and what its scores must not depend on."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_tagnnpp.baselines.fgnn.fgnn import FGNN
from recbole_tagnnpp.baselines.fgnn.weighted_graph import build_weighted_session_graphs
from recbole_tagnnpp.model.packing import pack_sessions
from tests.reference.naive_fgnn import naive_fgnn_scores, naive_weighted_edges
from tests.unit.baselines.fgnn.small_fgnn import CONFIG, small_fgnn
from tests.unit.model.contract import (
    assert_batch_order_and_company_do_not_matter,
    assert_impossible_lengths_are_refused,
    assert_mixed_precision_is_close,
    assert_padding_does_not_matter,
    assert_predict_is_gathered_from_all_scores,
    assert_same_loss_and_gradients,
)
from tests.unit.model.small_model import MAX_LENGTH, N_ITEMS, SESSIONS, interaction, random_sessions


@pytest.mark.parametrize(
    "changes",
    [{}, {"n_layers": 1, "n_attention_heads": 1}, {"n_layers": 3, "n_readout_steps": 2, "negative_slope": 0.03}],
    ids=str,
)
def test_scores_and_gradients_equal_naive_twin(changes: dict) -> None:
    model = small_fgnn(1, **changes)
    sessions = SESSIONS + random_sessions(3, seed=2, longest=MAX_LENGTH + 4)
    batch = interaction(sessions)
    weights = dict(model.named_parameters())
    expected = torch.stack([naive_fgnn_scores(session, weights, {**CONFIG, **changes}) for session in sessions])
    found = model.full_sort_predict(batch)
    torch.testing.assert_close(found[:, 1:], expected, rtol=1e-10, atol=1e-10)
    assert (found[:, 0] == -torch.inf).all()

    loss = model.calculate_loss(batch)
    expected_loss = torch.nn.functional.cross_entropy(expected, batch["item_id"] - 1)
    assert_same_loss_and_gradients(loss, expected_loss, weights)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=MAX_LENGTH + 3), min_size=1, max_size=4),
    st.integers(0, 9),
)
def test_scores_of_any_batch_equal_naive_twin(sessions: list[list[int]], seed: int) -> None:
    model = small_fgnn(seed)
    weights = dict(model.named_parameters())
    with torch.no_grad():
        found = model.full_sort_predict(interaction(sessions))[:, 1:]
        for row, session in zip(found, sessions, strict=True):
            torch.testing.assert_close(row, naive_fgnn_scores(session, weights, CONFIG), rtol=1e-10, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=9), min_size=1, max_size=4))
def test_edges_count_clicks_and_every_node_has_a_self_loop(sessions: list[list[int]]) -> None:
    batch = interaction(sessions)
    packed = pack_sessions(batch["item_id_list"], batch["item_length"], MAX_LENGTH)
    graphs = build_weighted_session_graphs(packed, N_ITEMS + 1, torch.float64)
    found: list[dict] = [{} for _ in sessions]
    for source, target, weight in zip(graphs.edge_source, graphs.edge_target, graphs.weight, strict=True):
        row = graphs.session_of_node[source]
        assert row == graphs.session_of_node[target]
        found[row][int(graphs.node_items[source]), int(graphs.node_items[target])] = int(weight)
    assert found == [naive_weighted_edges(session) for session in sessions]
    assert len(graphs.weight) == sum(map(len, found))  # no edge twice


@pytest.fixture(params=[{}, {"n_layers": 1, "n_attention_heads": 2}], ids=str)
def model(request: pytest.FixtureRequest) -> FGNN:
    return small_fgnn(3, **request.param)


def test_padding_and_what_stands_in_it_do_not_matter(model: FGNN) -> None:
    assert_padding_does_not_matter(model)


def test_batch_order_and_company_do_not_matter(model: FGNN) -> None:
    assert_batch_order_and_company_do_not_matter(model)


def test_direction_and_counts_of_edges_matter(model: FGNN) -> None:
    scores = model.full_sort_predict(interaction([[1, 2, 3], [3, 2, 1], [1, 2, 3, 1, 2, 3], [1, 2, 3, 1]]))[:, 1:]
    for one in range(4):
        for other in range(one):
            assert not torch.allclose(scores[one], scores[other], rtol=1e-3)


def test_predict_equals_gathered_full_sort_predict(model: FGNN) -> None:
    assert_predict_is_gathered_from_all_scores(model)


def test_large_states_do_not_overflow() -> None:
    model = small_fgnn(4)
    with torch.no_grad():
        model.item_embedding.weight.mul_(1e3)
    assert model.full_sort_predict(interaction(SESSIONS))[:, 1:].isfinite().all()


def test_mixed_precision_is_close() -> None:
    assert_mixed_precision_is_close(small_fgnn(6, dtype=torch.float32), interaction(SESSIONS))


def test_a_layer_keeps_the_scale_of_its_input_at_the_start() -> None:
    torch.manual_seed(1)
    config = {**CONFIG, "embedding_size": 101, "n_attention_heads": 8}
    model = FGNN(config, SimpleNamespace(num=lambda field: N_ITEMS + 1))  # type: ignore[arg-type]
    states = torch.randn(53, 101)
    projected = model.attention_layers[0].projection(states).detach().view(53, 8, 101).mean(1)
    assert (projected.std() / states.std()).item() == pytest.approx(1.0, abs=0.1)


def test_training_lowers_the_loss_and_leaves_the_padding_row_at_zero() -> None:
    torch.manual_seed(7)
    model = FGNN(CONFIG, SimpleNamespace(num=lambda field: N_ITEMS + 1))  # type: ignore[arg-type]
    sessions = random_sessions(23, seed=8, longest=5)
    batch = interaction(sessions, targets=[1 + session[-1] % N_ITEMS for session in sessions])
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        losses.append(model.calculate_loss(batch))
        losses[-1].backward()
        optimizer.step()
    assert losses[-1].item() < 0.5 * losses[0].item()
    assert not model.item_embedding.weight[0].any()
    for name, parameter in model.named_parameters():
        assert not torch.equal(parameter, before[name]), name


@pytest.mark.parametrize("lengths", [[0, 3], [2, 4]])
def test_impossible_lengths_are_refused(lengths: list[int]) -> None:
    assert_impossible_lengths_are_refused(small_fgnn(8), lengths)

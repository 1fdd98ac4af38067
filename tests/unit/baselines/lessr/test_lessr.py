"""LESSR against its naive twin, and what its scores must not depend on."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_tagnnpp.baselines.lessr.lessr import LESSR
from tests.reference.naive_lessr import naive_lessr_scores
from tests.unit.baselines.lessr.small_lessr import CONFIG, small_lessr
from tests.unit.model.contract import (
    assert_batch_order_and_company_do_not_matter,
    assert_impossible_lengths_are_refused,
    assert_mixed_precision_is_close,
    assert_padding_does_not_matter,
    assert_predict_is_gathered_from_all_scores,
    assert_same_loss_and_gradients,
)
from tests.unit.model.small_model import MAX_LENGTH, N_ITEMS, SESSIONS, interaction, random_sessions


def weights_of(model: LESSR) -> dict[str, torch.Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


@pytest.mark.parametrize("training", [False, True], ids=["evaluating", "training"])
@pytest.mark.parametrize("changes", [{}, {"n_layers": 1}, {"n_layers": 2, "embedding_max_norm": 0.7}], ids=str)
def test_scores_and_gradients_equal_naive_twin(changes: dict, training: bool) -> None:
    model = small_lessr(1, **changes).train(training)
    sessions = SESSIONS + random_sessions(3, seed=2, longest=MAX_LENGTH + 4)
    batch = interaction(sessions)
    before = {name: value.detach().clone() for name, value in weights_of(model).items()}
    loss = model.calculate_loss(batch)
    weights = weights_of(model)
    buffers = {name: before[name] for name, _ in model.named_buffers()}  # before training moved them
    expected = naive_lessr_scores(sessions, {**weights, **buffers}, {**CONFIG, **changes}, training)
    expected_loss = torch.nn.functional.cross_entropy(expected, batch["item_id"] - 1)
    if not training:
        found = model.full_sort_predict(batch)
        torch.testing.assert_close(found[:, 1:], expected, rtol=1e-10, atol=1e-10)
        assert (found[:, 0] == -torch.inf).all()
        assert all(torch.equal(value, before[name]) for name, value in weights_of(model).items())

    parameters = dict(model.named_parameters())
    assert_same_loss_and_gradients(loss, expected_loss, parameters)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=MAX_LENGTH + 3), min_size=1, max_size=4),
    st.integers(0, 9),
)
def test_scores_of_any_batch_equal_naive_twin(sessions: list[list[int]], seed: int) -> None:
    model = small_lessr(seed)
    with torch.no_grad():
        found = model.full_sort_predict(interaction(sessions))[:, 1:]
        expected = naive_lessr_scores(sessions, weights_of(model), CONFIG, training=False)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_item_vectors_are_shortened_for_good_in_training_and_on_the_fly_at_evaluation() -> None:
    model = small_lessr(2)
    batch = interaction(SESSIONS)
    table = model.item_embedding.weight
    before = table.detach().clone()
    lengths = before[1:].norm(dim=1)
    assert (lengths > 1).any()
    assert (lengths < 1).any()
    scores = model.full_sort_predict(batch)
    assert torch.equal(table, before)
    model.train().calculate_loss(batch)
    expected = torch.where(lengths > 1, torch.ones_like(lengths), lengths)
    torch.testing.assert_close(table[1:].norm(dim=1), expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(table / table.norm(dim=1)[:, None], before / before.norm(dim=1)[:, None], equal_nan=True)
    settled = table.detach().clone()
    model.calculate_loss(batch)
    assert torch.equal(table, settled)
    fresh = small_lessr(2)  # the same statistics as before that step
    fresh.item_embedding.weight.data.copy_(settled)
    torch.testing.assert_close(fresh.full_sort_predict(batch), scores, rtol=1e-12, atol=1e-12)


def test_without_a_limit_item_vectors_are_left_alone() -> None:
    model = small_lessr(2, embedding_max_norm=None).train()
    before = model.item_embedding.weight.detach().clone()
    model.calculate_loss(interaction(SESSIONS))
    assert torch.equal(model.item_embedding.weight, before)
    assert model.item_vectors() is model.item_embedding.weight


def test_padding_and_what_stands_behind_a_session_do_not_matter() -> None:
    assert_padding_does_not_matter(small_lessr(3))


def test_batch_order_and_company_do_not_matter_at_evaluation() -> None:
    assert_batch_order_and_company_do_not_matter(small_lessr(3))


def test_the_order_of_transitions_matters() -> None:
    # both have the transitions 1-2, 2-3, 3-3, 3-2, 2-2, 2-4: graphs without edge order take them for the same
    one, other = [1, 2, 3, 3, 2, 2, 4], [1, 2, 2, 3, 3, 2, 4]
    scores = small_lessr(5).full_sort_predict(interaction([one, other]))
    assert not torch.allclose(scores[0, 1:], scores[1, 1:], rtol=1e-3)


def test_shortcuts_reach_across_the_session() -> None:
    # one EOPA layer hears only neighbours: the first click, five steps away, must come through the SGAT layer
    model = small_lessr(6, n_layers=2)
    batch = interaction([[1, 2, 3, 4, 5, 6]])
    graph_layers = []
    for layer in model.layers:
        layer.register_forward_hook(lambda module, inputs, output: graph_layers.append((inputs[0], output)))
    model.forward(batch["item_id_list"], batch["item_length"])
    for (states, output), reaches in zip(graph_layers, [False, True], strict=True):
        (gradient,) = torch.autograd.grad(output[5].sum(), [states], retain_graph=True)
        assert bool(gradient[0].any()) == reaches
        (backwards,) = torch.autograd.grad(output[0].sum(), [states], retain_graph=True)
        assert not backwards[1:].any()


def test_predict_equals_gathered_full_sort_predict() -> None:
    assert_predict_is_gathered_from_all_scores(small_lessr(4))


@pytest.mark.parametrize("sessions", [[[7]], [[7], [3]], [[3, 3]], [[1, 2, 1, 2, 3]]], ids=str)
def test_training_on_the_smallest_batches(sessions: list[list[int]]) -> None:
    model = small_lessr(7).train()
    before = {name: value.clone() for name, value in model.named_buffers()}
    loss = model.calculate_loss(interaction(sessions))
    loss.backward()
    assert torch.isfinite(loss)
    if len(sessions) == 1:
        assert torch.equal(model.batch_norm.running_var, before["batch_norm.running_var"])
    assert model.item_embedding.weight.grad[sessions[0][0]].any()


@pytest.mark.parametrize(
    "place", ["layers.0.dropout", "layers.1.dropout", "layers.2.dropout", "readout.dropout", "dropout"]
)
def test_every_dropout_acts_in_training_only(place: str) -> None:
    model = small_lessr(8)
    assert {name for name, module in model.named_modules() if isinstance(module, torch.nn.Dropout)} >= {place}
    model.get_submodule(place).p = 0.4
    batch = interaction(SESSIONS)
    assert torch.equal(model.calculate_loss(batch), model.calculate_loss(batch))
    model.train()
    assert not torch.equal(model.calculate_loss(batch), model.calculate_loss(batch))


def test_dropout_of_an_eopa_layer_leaves_the_node_itself_whole() -> None:
    model = small_lessr(8).train()
    model.get_submodule("layers.0.dropout").p = 0.4
    batch = interaction([[3], [9], [5]])  # nobody has a predecessor
    assert torch.equal(model.calculate_loss(batch), model.calculate_loss(batch))


def test_training_lowers_the_loss_and_leaves_the_padding_row_at_zero() -> None:
    torch.manual_seed(9)
    model = LESSR({**CONFIG, "embedding_size": 16}, SimpleNamespace(num=lambda field: N_ITEMS + 1)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=1e-4)
    batch = interaction(random_sessions(40, seed=9))
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = model.calculate_loss(batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert not model.item_embedding.weight[0].any()
    model.eval()
    assert model.calculate_loss(batch).item() < 0.8 * losses[0]


def test_mixed_precision_is_close() -> None:
    assert_mixed_precision_is_close(small_lessr(10, dtype=torch.float32), interaction(SESSIONS))


@pytest.mark.parametrize("lengths", [[0, 3], [2, 4]])
def test_impossible_lengths_are_refused(lengths: list[int]) -> None:
    assert_impossible_lengths_are_refused(small_lessr(11), lengths)

"""The whole model against its naive twin, and what its scores must not depend on."""

import itertools
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_tagnnpp.model.tagnnpp import TAGNNPP
from tests.reference.naive_model import inside, naive_readout, naive_session_scores
from tests.unit.model.contract import (
    assert_batch_order_and_company_do_not_matter,
    assert_mixed_precision_is_close,
    assert_padding_does_not_matter,
    assert_predict_is_gathered_from_all_scores,
    assert_same_loss_and_gradients,
)
from tests.unit.model.small_model import CONFIG, MAX_LENGTH, N_ITEMS, SESSIONS, interaction, random_sessions, small_model


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"position_order": "from_start"},
        {"normalize_embeddings": True},
        {"transformer_skip": True},
        {"transformer_skip": True, "use_gnn": False, "use_position_embedding": False},
        {"transformer_skip": True, "use_transformer": False},
        {"n_layers": 1, "n_heads": 5, "n_gnn_steps": 1, "hidden_act": "gelu"},
        *(
            dict(zip(("use_gnn", "use_position_embedding", "use_transformer"), on, strict=True))
            for on in itertools.product([True, False], repeat=3)
        ),
    ],
    ids=str,
)
def test_scores_and_gradients_equal_naive_twin(changes: dict) -> None:
    model = small_model(1, **changes)
    sessions = SESSIONS + random_sessions(3, seed=2, longest=MAX_LENGTH + 4)
    batch = interaction(sessions)
    weights = dict(model.named_parameters())
    expected = torch.stack([naive_session_scores(session, weights, {**CONFIG, **changes}) for session in sessions])
    found = model.full_sort_predict(batch)
    torch.testing.assert_close(found[:, 1:], expected, rtol=1e-10, atol=1e-10)
    assert (found[:, 0] == -torch.inf).all()

    loss = model.calculate_loss(batch)
    expected_loss = torch.nn.functional.cross_entropy(expected, batch["item_id"] - 1)
    assert_same_loss_and_gradients(loss, expected_loss, weights)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=MAX_LENGTH + 3), min_size=1, max_size=5),
    st.integers(0, 9),
)
def test_scores_of_any_batch_equal_naive_twin(sessions: list[list[int]], seed: int) -> None:
    model = small_model(seed, n_layers=1)
    weights = dict(model.named_parameters())
    with torch.no_grad():
        found = model.full_sort_predict(interaction(sessions))[:, 1:]
        for row, session in zip(found, sessions, strict=True):
            expected = naive_session_scores(session, weights, {**CONFIG, "n_layers": 1})
            torch.testing.assert_close(row, expected, rtol=1e-10, atol=1e-10)


def test_score_is_one_linear_layer_over_the_three_vectors() -> None:
    # z(v) = W [s_target(v) ; s_local ; s_global] . v, with states handed to target attention and readout as they are
    model = small_model(1, use_gnn=False, use_position_embedding=False, use_transformer=False)
    session, vectors = SESSIONS[4], model.item_embedding.weight
    states = vectors[torch.tensor(session)]
    local, whole = naive_readout(states, inside(dict(model.named_parameters()), "readout"))
    w = torch.cat([model.target_value.weight, model.session_hybrid.weight], dim=1)
    assert w.shape == (10, 30)
    scores = model.full_sort_predict(interaction([session]))[0]
    for item in range(1, N_ITEMS + 1):
        attention = torch.softmax(states @ model.target_key.weight.T @ vectors[item], dim=0)
        target = sum(a * h for a, h in zip(attention, states, strict=True))
        expected = (w @ torch.cat([target, local, whole])) @ vectors[item]
        torch.testing.assert_close(scores[item], expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("seed", range(3))
def test_loss_and_gradients_of_a_batch_are_means_over_its_sessions(seed: int) -> None:
    model = small_model(seed, normalize_embeddings=bool(seed % 2))
    sessions = random_sessions(7, seed=seed + 20)
    targets = [1 + 5 * row % N_ITEMS for row in range(7)]
    parameters = list(model.parameters())
    loss = model.calculate_loss(interaction(sessions, targets=targets))
    alone = [model.calculate_loss(interaction([s], targets=[t])) for s, t in zip(sessions, targets, strict=True)]
    torch.testing.assert_close(loss, sum(alone) / 7, rtol=1e-11, atol=1e-11)
    expected = torch.autograd.grad(sum(alone) / 7, parameters)
    for found, wanted in zip(torch.autograd.grad(loss, parameters), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-11)


def test_sessions_of_one_click_where_no_longer_ones_are_allowed() -> None:
    model = small_model(4, MAX_ITEM_LIST_LENGTH=1)
    long, short = interaction([[5, 3, 9], [7]]), interaction([[9], [7]])
    assert torch.equal(model.full_sort_predict(long), model.full_sort_predict(short))
    model.train().calculate_loss(long).backward()
    assert model.position_embedding.embedding.weight.grad.shape == (1, 10)


@pytest.fixture(
    params=[{}, {"normalize_embeddings": True}, {"position_order": "from_start"}, {"transformer_skip": True}], ids=str
)
def model(request: pytest.FixtureRequest) -> torch.nn.Module:
    return small_model(3, **request.param)


def test_padding_and_what_stands_in_it_do_not_matter(model: torch.nn.Module) -> None:
    assert_padding_does_not_matter(model)


def test_batch_order_and_company_do_not_matter(model: torch.nn.Module) -> None:
    assert_batch_order_and_company_do_not_matter(model)


def test_of_a_long_session_the_newest_clicks_count(model: torch.nn.Module) -> None:
    (long,) = random_sessions(1, seed=4, longest=1)
    long = long + [1 + 5 * n % N_ITEMS for n in range(2 * MAX_LENGTH)]
    cut = model.full_sort_predict(interaction([long[-MAX_LENGTH:], [3]]))
    torch.testing.assert_close(model.full_sort_predict(interaction([long, [3]])), cut, rtol=1e-12, atol=1e-12)


def test_positions_matter_only_with_position_vectors() -> None:
    # without graph, positions and last click the model could not tell these apart; the readout sees the last click
    one, other = [3, 5, 8, 2], [8, 3, 5, 2]
    blind = small_model(5, use_gnn=False, use_position_embedding=False)
    scores = blind.full_sort_predict(interaction([one, other]))
    torch.testing.assert_close(scores[0], scores[1], rtol=1e-9, atol=1e-9)
    seeing = small_model(5, use_gnn=False).full_sort_predict(interaction([one, other]))
    assert not torch.allclose(seeing[0, 1:], seeing[1, 1:], rtol=1e-3)


def test_predict_equals_gathered_full_sort_predict(model: torch.nn.Module) -> None:
    assert_predict_is_gathered_from_all_scores(model)


def test_top_items_equal_sorted_full_scores_and_never_hold_padding(model: torch.nn.Module) -> None:
    batch = interaction(SESSIONS)
    scores, items = model.top_items(batch, N_ITEMS)
    expected = model.full_sort_predict(batch).sort(dim=1, descending=True, stable=True)
    assert torch.equal(items, expected.indices[:, :N_ITEMS])
    torch.testing.assert_close(scores, expected.values[:, :N_ITEMS].to(scores.dtype), rtol=1e-9, atol=1e-9)
    assert items.min() == 1


def test_label_smoothing_spreads_over_all_items_but_padding() -> None:
    model = small_model(6, label_smoothing=0.2)
    batch = interaction(SESSIONS)
    scores = model.full_sort_predict(batch)[:, 1:]
    expected = torch.nn.functional.cross_entropy(scores, batch["item_id"] - 1, label_smoothing=0.2)
    torch.testing.assert_close(model.calculate_loss(batch), expected, rtol=1e-10, atol=1e-10)


def test_mixed_precision_is_close() -> None:
    assert_mixed_precision_is_close(small_model(6, dtype=torch.float32), interaction(SESSIONS))


def test_precision_rounds_the_loss_and_never_the_scores() -> None:
    exact, rounded = (
        small_model(6, dtype=torch.float32, target_attention_precision=p, target_attention_backend="reference")
        for p in ("float32", "bfloat16")
    )
    batch = interaction(SESSIONS)
    assert exact.calculate_loss(batch) != rounded.calculate_loss(batch)
    assert torch.equal(exact.full_sort_predict(batch), rounded.full_sort_predict(batch))
    assert torch.equal(exact.top_items(batch, 5)[0], rounded.top_items(batch, 5)[0])


@pytest.mark.parametrize("use_gnn", [True, False])
def test_dropout_of_item_vectors_acts_in_training_only(use_gnn: bool) -> None:
    model = small_model(6, use_gnn=use_gnn, embedding_dropout_prob=0.5)
    batch = interaction(SESSIONS)
    assert torch.equal(model.full_sort_predict(batch), model.full_sort_predict(batch))
    model.train()
    assert not torch.equal(model.full_sort_predict(batch), model.full_sort_predict(batch))


def test_scores_have_a_gradient_where_one_is_asked_for() -> None:
    model = small_model(6, dtype=torch.float32)
    scores = model.full_sort_predict(interaction(SESSIONS))
    scores[:, 1:].sum().backward()
    assert model.item_embedding.weight.grad[1:].any()
    with torch.no_grad():  # the fast path
        torch.testing.assert_close(model.full_sort_predict(interaction(SESSIONS)), scores.detach(), rtol=1e-4, atol=1e-5)


def test_training_leaves_the_padding_row_at_zero_and_moves_every_other_weight() -> None:
    model = small_model(7, dtype=torch.float32, hidden_dropout_prob=0.1).train()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model.calculate_loss(interaction(SESSIONS)).backward()
        optimizer.step()
    assert not model.item_embedding.weight[0].any()
    for name, parameter in model.named_parameters():
        rows = slice(1, None) if name == "item_embedding.weight" else slice(None)
        assert not torch.equal(parameter[rows], before[name][rows]), name


@pytest.mark.parametrize("lengths", [[0, 3], [2, 4]])
def test_impossible_lengths_are_refused(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match=r"session lengths must lie in 1\.\.3"):
        small_model(8)(torch.ones(2, 3, dtype=torch.int64), torch.tensor(lengths))


def test_initial_weights_are_uniform_norms_neutral_and_padding_zero() -> None:
    torch.manual_seed(1)
    config = {**CONFIG, "transformer_skip": True}
    model = TAGNNPP(config, SimpleNamespace(num=lambda field: N_ITEMS + 1))  # type: ignore[arg-type]
    bound = 10**-0.5
    for name, weight in model.named_parameters():
        if "_norm." in name:
            assert torch.equal(weight, torch.full_like(weight, float(name.endswith("weight")))), name
        elif name == "transformer_skip.weight":
            assert torch.equal(weight, torch.full_like(weight, bound)), name
        else:
            assert 0 < float(weight.detach().abs().max()) <= bound, name
    assert not model.item_embedding.weight[0].any()
    assert model.item_embedding.weight[1:].all()

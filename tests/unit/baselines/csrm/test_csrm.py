"""CSRM against its naive twin, and what its scores must not depend on."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_tagnnpp.baselines.csrm.csrm import CSRM
from recbole_tagnnpp.training.checkpoint import load_checkpoint, load_weights, save_checkpoint
from tests.reference.naive_csrm import naive_csrm_scores
from tests.unit.baselines.csrm.small_csrm import CONFIG, small_csrm
from tests.unit.model.contract import (
    assert_batch_order_and_company_do_not_matter,
    assert_impossible_lengths_are_refused,
    assert_padding_does_not_matter,
    assert_predict_is_gathered_from_all_scores,
    assert_same_loss_and_gradients,
)
from tests.unit.model.small_model import MAX_LENGTH, N_ITEMS, SESSIONS, interaction, random_sessions


def memory_of(model: CSRM) -> list[torch.Tensor]:
    memory = model.outer_memory
    return list(memory.slots[: int(memory.n_written)])


@pytest.mark.parametrize("training", [False, True], ids=["evaluating", "training"])
@pytest.mark.parametrize(
    ("filled", "changes"),
    [(0, {}), (2, {}), (17, {}), (17, {"standardize_representations": False}), (17, {"n_neighbors": 1000})],
    ids=str,
)
def test_scores_and_gradients_equal_naive_twin(filled: int, changes: dict, training: bool) -> None:
    model = small_csrm(1, filled=filled, **changes).train(training)
    sessions = SESSIONS + random_sessions(3, seed=2, longest=MAX_LENGTH + 4)
    batch, weights, memory = interaction(sessions), dict(model.named_parameters()), memory_of(model)
    naive = [naive_csrm_scores(session, weights, {**CONFIG, **changes}, memory) for session in sessions]
    expected = torch.stack([scores for scores, _ in naive])
    expected_loss = torch.nn.functional.cross_entropy(expected, batch["item_id"] - 1)
    loss = model.calculate_loss(batch)
    if training:
        assert model.outer_memory.n_written == filled + len(sessions)
        assert all(any(torch.allclose(kept, slot, rtol=1e-12) for slot in memory_of(model)) for _, kept in naive)
    else:
        found = model.full_sort_predict(batch)
        torch.testing.assert_close(found[:, 1:], expected, rtol=1e-10, atol=1e-10)
        assert (found[:, 0] == -torch.inf).all()

    assert_same_loss_and_gradients(loss, expected_loss, weights)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=MAX_LENGTH + 3), min_size=1, max_size=4),
    st.integers(0, 15),
)
def test_scores_of_any_batch_equal_naive_twin(sessions: list[list[int]], filled: int) -> None:
    model = small_csrm(filled, filled=filled)
    weights, memory = dict(model.named_parameters()), memory_of(model)
    with torch.no_grad():
        found = model.full_sort_predict(interaction(sessions))[:, 1:]
        for row, session in zip(found, sessions, strict=True):
            expected, _ = naive_csrm_scores(session, weights, CONFIG, memory)
            torch.testing.assert_close(row, expected, rtol=1e-10, atol=1e-10)


@pytest.fixture(params=[0, 17])
def model(request: pytest.FixtureRequest) -> CSRM:
    return small_csrm(3, filled=request.param)


def test_evaluation_leaves_the_memory_as_it_is(model: CSRM) -> None:
    before = {name: value.clone() for name, value in model.named_buffers()}
    batch = interaction(SESSIONS)
    scores = model.full_sort_predict(batch)
    model.predict(batch)
    model.calculate_loss(batch)
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
    assert torch.equal(model.full_sort_predict(batch), scores)


def test_padding_and_what_stands_behind_a_session_do_not_matter(model: CSRM) -> None:
    assert_padding_does_not_matter(model)


def test_batch_order_and_company_do_not_matter_at_evaluation(model: CSRM) -> None:
    assert_batch_order_and_company_do_not_matter(model)


def test_predict_equals_gathered_full_sort_predict(model: CSRM) -> None:
    assert_predict_is_gathered_from_all_scores(model)


def test_the_memory_matters() -> None:
    batch = interaction(SESSIONS)
    one, other = small_csrm(3, filled=17), small_csrm(3, filled=17)
    other.outer_memory.write(torch.randn(11, 7, dtype=torch.float64))
    assert not torch.allclose(one.full_sort_predict(batch)[:, 1:], other.full_sort_predict(batch)[:, 1:], rtol=1e-3)


def test_a_checkpoint_carries_the_memory(tmp_path: Path) -> None:
    trained, fresh = small_csrm(4, filled=17), small_csrm(5)
    save_checkpoint(tmp_path / "best.pth", trained, {}, [], {})
    load_weights(fresh, load_checkpoint(tmp_path / "best.pth"), tmp_path / "best.pth")
    batch = interaction(SESSIONS)
    assert torch.equal(fresh.full_sort_predict(batch), trained.full_sort_predict(batch))
    losses = [model.train().calculate_loss(batch) for model in (trained, fresh) for _ in range(2)]
    assert torch.equal(losses[0], losses[2])
    assert torch.equal(losses[1], losses[3])
    assert not torch.equal(losses[0], losses[1])  # the first step wrote what the second read


def test_dropout_acts_in_training_only() -> None:
    for probabilities in ([0.4, 0.0], [0.0, 0.4]):
        model = small_csrm(8, dropout_probs=probabilities)
        batch = interaction(SESSIONS)
        evaluated = model.calculate_loss(batch)
        assert torch.equal(evaluated, model.calculate_loss(batch))
        assert not torch.equal(evaluated, model.train().calculate_loss(batch))


def test_training_lowers_the_loss_and_leaves_the_padding_row_at_zero() -> None:
    torch.manual_seed(9)
    sizes = {"embedding_size": 17, "hidden_size": 19, "dropout_probs": [0.1, 0.1]}
    model = CSRM({**CONFIG, **sizes}, SimpleNamespace(num=lambda field: N_ITEMS + 1)).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
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
    assert model.calculate_loss(batch).item() < 0.5 * losses[0]


def test_mixed_precision_is_close() -> None:
    model = small_csrm(10, dtype=torch.float32, filled=17).train()
    batch = interaction(SESSIONS)
    with torch.autocast("cpu"):
        mixed = model.calculate_loss(batch)
        model.calculate_loss(batch)  # writes, and reads what was written
    mixed.backward()
    exact = small_csrm(10, dtype=torch.float32, filled=17).calculate_loss(batch)
    assert model.outer_memory.slots.dtype == torch.float32
    assert mixed.item() != exact.item()
    assert mixed.item() == pytest.approx(exact.item(), rel=0.05)


def test_initial_weights_have_the_released_variances() -> None:
    torch.manual_seed(1)
    sizes = {"embedding_size": 97, "hidden_size": 101}
    model = CSRM({**CONFIG, **sizes}, SimpleNamespace(num=lambda field: N_ITEMS + 1))
    assert model.decoder.weight.var().item() == pytest.approx(2 / 97, rel=0.05)
    assert model.inner_memory.query.weight.var().item() == pytest.approx(2 / 101, rel=0.05)
    assert model.inner_memory.key.weight.var().item() == pytest.approx(2 / 101, rel=0.05)
    assert model.inner_memory.weight.weight.var().item() == pytest.approx(2, rel=0.3)  # [1, H] there
    assert model.gate.weight.var().item() == pytest.approx(2 / 101, rel=0.2)
    assert model.item_embedding.weight[1:].var().item() == pytest.approx(2 / (N_ITEMS + 1), rel=0.15)
    assert not model.item_embedding.weight[0].any()
    assert model.outer_memory.n_written == 0


@pytest.mark.parametrize("lengths", [[0, 3], [2, 4]])
def test_impossible_lengths_are_refused(lengths: list[int]) -> None:
    assert_impossible_lengths_are_refused(small_csrm(11), lengths)

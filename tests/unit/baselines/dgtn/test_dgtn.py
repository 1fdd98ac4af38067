"""DGTN against its naive twin, and what its scores must not depend on."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from recbole_tagnnpp.baselines.dgtn.dgtn import DGTN
from tests.reference.naive_dgtn import naive_dgtn_scores
from tests.unit.baselines.dgtn.small_dgtn import CONFIG, TRAINING, new_dgtn, small_dgtn
from tests.unit.model.contract import (
    assert_batch_order_and_company_do_not_matter,
    assert_impossible_lengths_are_refused,
    assert_mixed_precision_is_close,
    assert_padding_does_not_matter,
    assert_predict_is_gathered_from_all_scores,
    assert_same_loss_and_gradients,
)
from tests.unit.model.small_model import MAX_LENGTH, N_ITEMS, SESSIONS, interaction, random_sessions

VARIANTS = [
    {},
    {"channel_fusion": "max"},
    {"n_layers": 1, "n_neighbors": 2, "neighbor_similarity": "jaccard"},
    {"n_layers": 3, "n_neighbors": 23, "sample_size": None, "neighbor_similarity": "cosine", "n_fusion_filters": 2},
]


def training_batch() -> tuple[dict[str, Tensor], list[list[int]], list[int]]:
    """Prefixes of training sessions with their targets and numbers: fields, prefixes, numbers."""
    chosen = [(1, 1), (8, 2), (20, 1), (21, 2), (22, 1), (23, 3), (30, 1), (37, 1)]
    prefixes = [TRAINING[number][:end] for number, end in chosen]
    numbers = [number for number, _ in chosen]
    batch = interaction(prefixes, targets=[TRAINING[number][end] for number, end in chosen])
    return {**batch, "session_id": torch.tensor(numbers)}, prefixes, numbers


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_scores_equal_naive_twin(changes: dict) -> None:
    model = small_dgtn(1, **changes)
    sessions = SESSIONS + random_sessions(3, seed=2, longest=MAX_LENGTH + 4)
    weights = dict(model.named_parameters())
    config = {**CONFIG, **changes}
    expected = torch.stack([naive_dgtn_scores(session, weights, config, TRAINING) for session in sessions])
    found = model.full_sort_predict(interaction(sessions))
    torch.testing.assert_close(found[:, 1:], expected, rtol=1e-10, atol=1e-10)
    assert (found[:, 0] == -torch.inf).all()


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_loss_and_gradients_equal_naive_twin(changes: dict) -> None:
    model = small_dgtn(2, **changes)
    batch, prefixes, numbers = training_batch()
    weights = dict(model.named_parameters())
    config = {**CONFIG, **changes}
    scores = [naive_dgtn_scores(p, weights, config, TRAINING, number) for p, number in zip(prefixes, numbers, strict=True)]
    expected_loss = torch.nn.functional.cross_entropy(torch.stack(scores), batch["item_id"] - 1)
    loss = model.calculate_loss(batch)
    assert_same_loss_and_gradients(loss, expected_loss, weights)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=MAX_LENGTH + 3), min_size=1, max_size=4),
    st.integers(0, 9),
)
def test_scores_of_any_batch_equal_naive_twin(sessions: list[list[int]], seed: int) -> None:
    model = small_dgtn(seed)
    weights = dict(model.named_parameters())
    with torch.no_grad():
        found = model.full_sort_predict(interaction(sessions))[:, 1:]
        for row, session in zip(found, sessions, strict=True):
            expected = naive_dgtn_scores(session, weights, CONFIG, TRAINING)
            torch.testing.assert_close(row, expected, rtol=1e-10, atol=1e-10)


def test_a_training_prefix_sees_earlier_sessions_only() -> None:
    batch, prefixes, numbers = training_batch()
    model = small_dgtn(3, n_neighbors=50, sample_size=None)
    for row, (prefix, number) in enumerate(zip(prefixes, numbers, strict=True)):
        alone = {field: values[row : row + 1] for field, values in batch.items()}
        past = {n: clicks for n, clicks in TRAINING.items() if n < number}
        of_the_past = small_dgtn(3, training=past, n_neighbors=50, sample_size=None)
        scores = of_the_past.full_sort_predict(interaction([prefix]))[:, 1:]
        expected = torch.nn.functional.cross_entropy(scores, alone["item_id"] - 1)
        torch.testing.assert_close(model.calculate_loss(alone), expected, rtol=1e-10, atol=1e-10)


def test_neighbours_matter() -> None:
    session = interaction([[5, 6, 5]])
    crowded, lonely = small_dgtn(4), small_dgtn(4, training={1: [9, 10], 2: [11, 12]})
    assert not torch.allclose(crowded.full_sort_predict(session)[:, 1:], lonely.full_sort_predict(session)[:, 1:])


@pytest.fixture(params=VARIANTS[:3], ids=str)
def model(request: pytest.FixtureRequest) -> DGTN:
    return small_dgtn(3, **request.param)


def test_padding_and_what_stands_in_it_do_not_matter(model: DGTN) -> None:
    assert_padding_does_not_matter(model)


def test_batch_order_and_company_do_not_matter(model: DGTN) -> None:
    assert_batch_order_and_company_do_not_matter(model)


def test_predict_equals_gathered_full_sort_predict(model: DGTN) -> None:
    assert_predict_is_gathered_from_all_scores(model)


def test_mixed_precision_is_close() -> None:
    batch, _, _ = training_batch()
    assert_mixed_precision_is_close(small_dgtn(6, dtype=torch.float32), batch)


def test_training_lowers_the_loss_and_leaves_the_padding_row_at_zero() -> None:
    model = new_dgtn(7)
    sessions = random_sessions(23, seed=8, longest=5)
    batch = interaction(sessions, targets=[1 + session[-1] % N_ITEMS for session in sessions])
    batch["session_id"] = torch.full((23,), len(TRAINING) + 1)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
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
    assert_impossible_lengths_are_refused(small_dgtn(8), lengths)

"""Sampled candidates: what is drawn, with which probability, and that the loss estimates the exact one."""

import math
from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from recbole_tagnnpp.model.candidate_sampling import CandidateSampler
from tests.unit.model.small_model import N_ITEMS, SESSIONS, interaction, small_model

COUNTS = Counter({item: 1 + item % 5 for item in range(1, N_ITEMS + 1)})


@pytest.mark.parametrize("distribution", ["popularity", "uniform"])
def test_candidates_hold_every_target_once(distribution: str) -> None:
    torch.manual_seed(1)
    sampler = CandidateSampler(COUNTS, N_ITEMS, 4, distribution)  # type: ignore[arg-type]
    targets = torch.tensor([3, 16, 3, 0])
    candidates = sampler.draw(targets)
    assert torch.equal(candidates.items[candidates.targets], targets)
    assert torch.equal(candidates.items, candidates.items.unique())
    assert 3 <= len(candidates.items) <= 7


@pytest.mark.parametrize("distribution", ["popularity", "uniform"])
def test_inclusion_probability_is_how_often_an_item_is_among_the_candidates(distribution: str) -> None:
    torch.manual_seed(2)
    sampler = CandidateSampler(COUNTS, N_ITEMS, 6, distribution)  # type: ignore[arg-type]
    frequency = torch.tensor([float(COUNTS[item + 1]) for item in range(N_ITEMS)])
    included, expected = torch.zeros(N_ITEMS), torch.zeros(N_ITEMS)
    repeats = 4000
    for _ in range(repeats):
        candidates = sampler.draw(torch.multinomial(frequency, 3, replacement=True))
        included[candidates.items] += 1 / repeats
        expected[candidates.items] = candidates.log_inclusion.exp()
    assert (included - expected).abs().max() < 0.05  # Poisson instead of binomial counts, and noise


def test_items_that_are_never_targets_can_be_drawn() -> None:
    torch.manual_seed(3)
    sampler = CandidateSampler({1: 9}, N_ITEMS, 3000, "popularity")
    assert len(sampler.draw(torch.tensor([0])).items) == N_ITEMS


def sampled_model(n_samples: int, **changes: object) -> torch.nn.Module:
    model = small_model(4, training_candidates=n_samples, **changes)
    model.candidate_sampler = CandidateSampler(COUNTS, N_ITEMS, n_samples, "uniform")
    return model


def test_a_sample_as_large_as_the_catalogue_is_the_catalogue() -> None:
    assert small_model(4, training_candidates=N_ITEMS).candidate_sampler is None
    assert small_model(4, training_candidates=N_ITEMS - 1).candidate_sampler is not None


def test_with_every_item_sampled_the_loss_and_its_gradients_are_exact() -> None:
    model = sampled_model(n_samples=2000)
    batch = interaction(SESSIONS)
    exact = model.eval().calculate_loss(batch)
    sampled = model.train().calculate_loss(batch)
    assert sampled.item() == pytest.approx(exact.item(), rel=1e-6)
    for found, wanted in zip(
        torch.autograd.grad(sampled, list(model.parameters())),
        torch.autograd.grad(exact, list(model.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-7)


def test_only_training_samples() -> None:
    batch = interaction(SESSIONS)
    sampled, exact = sampled_model(n_samples=3).eval(), small_model(4).eval()
    assert sampled.calculate_loss(batch).item() == exact.calculate_loss(batch).item()


def test_with_few_samples_the_estimate_is_close_on_average_and_without_correction_it_is_not() -> None:
    model = sampled_model(n_samples=6)
    batch = interaction(SESSIONS, targets=[1, 5, 9, 12, 3, 17])
    exact = model.eval().calculate_loss(batch).item()
    model.train()
    torch.manual_seed(5)
    losses = [model.calculate_loss(batch).item() for _ in range(300)]
    mean = sum(losses) / len(losses)
    assert math.isfinite(mean)
    assert abs(mean - exact) < 0.35 * exact
    model.candidate_sampler.draw_probability.fill_(1.0)  # inclusion is taken for certain
    torch.manual_seed(5)
    uncorrected = sum(model.calculate_loss(batch).item() for _ in range(300)) / 300
    assert abs(mean - exact) < abs(uncorrected - exact)


def test_label_smoothing_goes_to_the_candidates_alike() -> None:
    model, batch = sampled_model(n_samples=5, label_smoothing=0.3), interaction(SESSIONS, targets=[1, 5, 9, 12, 3, 17])
    torch.manual_seed(7)
    found = model.train().calculate_loss(batch)
    torch.manual_seed(7)
    candidates = model.candidate_sampler.draw(batch["item_id"] - 1)
    scores = model.eval().full_sort_predict(batch)[:, candidates.items + 1] - candidates.log_inclusion
    wanted = F.cross_entropy(scores, candidates.targets, label_smoothing=0.3)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)
    assert found.item() != pytest.approx(F.cross_entropy(scores, candidates.targets).item(), rel=1e-3)


def test_only_candidates_and_items_of_the_sessions_get_gradients() -> None:
    model = sampled_model(n_samples=1).train()
    torch.manual_seed(6)
    batch = interaction([[2, 3]], targets=[5])
    model.calculate_loss(batch).backward()
    touched = model.item_embedding.weight.grad.abs().sum(dim=1).nonzero().flatten().tolist()
    assert {2, 3} <= set(touched)
    assert 0 not in touched
    assert len(touched) <= 4

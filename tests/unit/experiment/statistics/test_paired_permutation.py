"""The sign-flip test against enumeration, McNemar's exact test and scipy."""

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from recbole_tagnnpp.experiment.statistics.paired_permutation import sign_flip_p_values
from recbole_tagnnpp.experiment.statistics.sequence_results import SessionSums, hits, mean_over_seeds, reciprocal_ranks

PAIR = np.array([[0, 1]])


def naive_p_value(differences: Sequence[float | Fraction]) -> float:
    """Every way to flip the signs, one at a time."""
    observed = abs(sum(differences))
    as_far = total = 0
    for signs in itertools.product((-1, 1), repeat=len(differences)):
        total += 1
        as_far += abs(sum(sign * d for sign, d in zip(signs, differences, strict=True))) >= observed
    return as_far / total


@pytest.mark.parametrize("seed", range(13))
@pytest.mark.parametrize("metric", [hits, reciprocal_ranks])
def test_what_ties_on_paper_ties_here_for_means_over_three_seeds(metric: Callable, seed: int) -> None:
    generator = np.random.default_rng(seed)
    ranks = generator.integers(0, 5, (2, 3, 17))  # systems, seeds, sequences
    session = np.sort(generator.integers(0, 9, 17))
    session = np.unique(session, return_inverse=True)[1]
    exact = [[Fraction(0)] * (session[-1] + 1) for _ in range(2)]
    for system, of_seed, sequence in np.ndindex(ranks.shape):
        rank = int(ranks[system, of_seed, sequence])
        exact[system][session[sequence]] += Fraction(int(0 < rank <= 3), 3 * (1 if metric is hits else max(rank, 1)))
    means = [mean_over_seeds([metric(of_seed, 3) for of_seed in system]) for system in ranks]
    found = sign_flip_p_values(SessionSums.of(means, session).sums, PAIR, 2**9, 1)[0]
    assert found == naive_p_value([first - second for first, second in zip(*exact, strict=True)])


@pytest.mark.parametrize("seed", range(5))
def test_exact_where_all_flips_can_be_tried(seed: int) -> None:
    generator = np.random.default_rng(seed)
    sums = generator.integers(0, 9, (11, 3)) / 4.0 + [0.0, 0.5, 0.0]
    pairs = np.array([[0, 1], [2, 0], [1, 2]])
    found = sign_flip_p_values(sums, pairs, n_flips=2**11, seed=1)
    expected = [naive_p_value((sums[:, i] - sums[:, j]).tolist()) for i, j in pairs]
    assert found.tolist() == expected
    assert found.min() < 1.0


def test_one_hit_a_session_is_mcnemar() -> None:
    ranks = np.array([[1, 0], [2, 0], [0, 4], [3, 0], [5, 0], [0, 0], [7, 9], [1, 0], [2, 0], [8, 0], [2, 2], [6, 0]])
    columns = [hits(ranks[:, 0], 20), hits(ranks[:, 1], 20)]
    sums = SessionSums.of(columns, np.arange(len(ranks))).sums
    first_only, second_only = int((sums[:, 0] > sums[:, 1]).sum()), int((sums[:, 0] < sums[:, 1]).sum())
    expected = stats.binomtest(first_only, first_only + second_only).pvalue
    assert sign_flip_p_values(sums, PAIR, 2**12, 0)[0] == pytest.approx(expected, rel=1e-12)
    assert expected < 0.05


def test_random_flips_against_scipy() -> None:
    generator = np.random.default_rng(5)
    first = generator.normal(size=41)
    second = first - 0.22 + generator.normal(size=41)
    sums = SessionSums.of([first, second], np.arange(41)).sums
    theirs = stats.permutation_test(
        (first, second),
        lambda x, y, axis: np.sum(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    ).pvalue
    ours = sign_flip_p_values(sums, PAIR, 20_000, 1)[0]
    assert 0.02 < ours < 0.5
    assert ours == pytest.approx(theirs, abs=0.015)


def test_p_value_of_random_flips_is_never_zero_and_equal_systems_have_one() -> None:
    sums = np.stack([np.ones(101), np.zeros(101), np.zeros(101)], axis=1)
    found = sign_flip_p_values(sums, np.array([[0, 1], [1, 2]]), 999, 1)
    assert found.tolist() == [1 / 1000, 1.0]


def test_false_alarms_are_as_rare_as_promised() -> None:
    """With dependent prefixes inside sessions, and no difference between the systems."""
    generator = np.random.default_rng(0)
    p_values = []
    session = np.repeat(np.arange(60), 5)
    for seed in range(200):
        of_session = generator.normal(size=(60, 2))[session]
        columns = [of_session[:, m] + 0.1 * generator.normal(size=300) for m in (0, 1)]
        p_values.append(sign_flip_p_values(SessionSums.of(columns, session).sums, PAIR, 199, seed)[0])
    assert np.mean(np.array(p_values) <= 0.05) < 0.1  # five in a hundred; flipping prefixes alone gives 40


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = np.random.default_rng(2).integers(0, 4, (9, 2)).astype(np.float64)
    whole = sign_flip_p_values(sums, PAIR, 512, 7)
    module = "recbole_tagnnpp.experiment.statistics.paired_permutation.rows_per_block"
    monkeypatch.setattr(module, lambda columns: 100)
    assert sign_flip_p_values(sums, PAIR, 512, 7).tolist() == whole.tolist()


def test_seeded() -> None:
    sums = np.random.default_rng(2).normal(size=(50, 2))
    first, again, other = (sign_flip_p_values(sums, PAIR, 999, seed)[0] for seed in (1, 1, 2))
    assert first == again
    assert first != other

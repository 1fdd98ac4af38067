"""Bootstrap intervals against every possible resample, scipy, and coverage."""

import itertools

import numpy as np
import pytest
from scipy import stats

from recbole_tagnnpp.experiment.statistics.paired_bootstrap import difference_intervals
from recbole_tagnnpp.experiment.statistics.sequence_results import SessionSums

PAIR = np.array([[0, 1]])


def test_against_every_possible_resample() -> None:
    """Five sessions of unequal sizes: the 5**5 equally likely resamples, one at a time."""
    sessions = [[(1, 0), (0, 0)], [(1, 1)], [(0.5, 1), (1, 0), (0, 0.25)], [(0, 0.2)], [(0.5, 0), (0.1, 0), (1, 0), (1, 0)]]
    differences = []
    for chosen in itertools.product(sessions, repeat=5):
        sequences = [pair for session in chosen for pair in session]
        differences.append(sum(a - b for a, b in sequences) / len(sequences))
    expected = np.quantile(differences, [0.05, 0.95])

    flat = np.array([pair for session in sessions for pair in session], dtype=np.float64)
    number = np.repeat(np.arange(5), [len(session) for session in sessions])
    sums = SessionSums.of([flat[:, 0], flat[:, 1]], number)
    found = difference_intervals(sums, PAIR, 40_000, seed=1, level=0.9)[0]
    assert found == pytest.approx(expected, abs=0.01)


def test_against_scipy() -> None:
    generator = np.random.default_rng(4)
    session = np.repeat(np.arange(83), generator.integers(1, 8, 83))
    columns = [generator.random(len(session)) + 0.05, generator.random(len(session))]
    results = SessionSums.of(columns, session)
    theirs = stats.bootstrap(
        (results.sums[:, 0], results.sums[:, 1], results.sizes),
        lambda a, b, n, axis: (a.sum(axis=axis) - b.sum(axis=axis)) / n.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    ours = difference_intervals(results, PAIR, 20_000, seed=1)[0]
    assert ours == pytest.approx([theirs.low, theirs.high], abs=0.003)
    assert ours[0] < ours[1]


def test_direction_and_pairs() -> None:
    results = SessionSums.of([np.full(9, 1.0), np.full(9, 0.25), np.full(9, 0.5)], np.repeat(np.arange(3), 3))
    pairs = np.array([[0, 1], [1, 2]])
    assert difference_intervals(results, pairs, 50, seed=1).tolist() == [[0.75, 0.75], [-0.25, -0.25]]


def test_the_interval_holds_as_often_as_promised() -> None:
    """Dependent prefixes: resampling single sequences would give intervals that are far too narrow."""
    generator = np.random.default_rng(8)
    session = np.repeat(np.arange(50), 6)
    held = 0
    for seed in range(200):
        of_session = generator.normal(size=(50, 2))[session] + [0.3, 0.0]
        columns = [of_session[:, m] + 0.1 * generator.normal(size=300) for m in (0, 1)]
        low, high = difference_intervals(SessionSums.of(columns, session), PAIR, 300, seed)[0]
        held += low <= 0.3 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_seeded_and_independent_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    results = SessionSums.of(list(np.random.default_rng(2).normal(size=(2, 60))), np.repeat(np.arange(20), 3))
    first = difference_intervals(results, PAIR, 500, seed=1)
    assert difference_intervals(results, PAIR, 500, seed=2).tolist() != first.tolist()
    monkeypatch.setattr("recbole_tagnnpp.experiment.statistics.paired_bootstrap.rows_per_block", lambda columns: 64)
    assert difference_intervals(results, PAIR, 500, seed=1).tolist() == first.tolist()

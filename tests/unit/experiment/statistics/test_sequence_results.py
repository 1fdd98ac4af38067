"""Hits, reciprocal ranks and their sums over sessions."""

from fractions import Fraction

import numpy as np
import pytest

from recbole_tagnnpp.experiment.statistics.sequence_results import (
    SessionSums,
    hits,
    mean_over_seeds,
    reciprocal_ranks,
)

RANKS = np.array([1, 0, 3, 20, 21, 2], dtype=np.int64)


def test_hits_and_reciprocal_ranks_of_known_ranks() -> None:
    assert hits(RANKS, 20).tolist() == [1, 0, 1, 1, 0, 1]
    assert hits(RANKS, 2).tolist() == [1, 0, 0, 0, 0, 1]
    assert reciprocal_ranks(RANKS, 20).tolist() == [1, 0, 1 / 3, 1 / 20, 0, 1 / 2]
    assert reciprocal_ranks(RANKS, 3).tolist() == [1, 0, 1 / 3, 0, 0, 1 / 2]


def test_mean_over_seeds_is_per_sequence() -> None:
    assert mean_over_seeds([np.array([1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0])]).tolist() == [0.5, 0.0, 1.0]


def test_sums_belong_to_sessions_whatever_their_order() -> None:
    session = np.array([7, 2, 7, 5, 2, 7])
    columns = [np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0]), np.array([1.0, 0.0, 0.5, 0.25, 0.0, 0.0])]
    sums = SessionSums.of(columns, session)
    assert sums.sizes.tolist() == [2, 1, 3]  # sessions 2, 5, 7
    assert sums.sums.tolist() == [[18.0, 0.0], [8.0, 0.25], [37.0, 1.5]]


def test_sums_are_multiples_of_a_power_of_two_so_that_order_never_matters() -> None:
    generator = np.random.default_rng(3)
    values = reciprocal_ranks(generator.integers(0, 21, 4000), 20)
    sums = SessionSums.of([values], generator.integers(0, 700, 4000)).sums[:, 0]
    exact = sum((Fraction(float(value)) for value in sums), Fraction(0))
    for order in (np.arange(len(sums)), np.argsort(sums), np.argsort(-sums)):
        total = 0.0
        for value in sums[order]:
            total += value
        assert Fraction(total) == exact
    assert float(exact) == pytest.approx(values.sum(), abs=1e-6)

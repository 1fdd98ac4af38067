"""Draws: the numbers of a seed never change, and they are spread evenly."""

import numpy as np

from recbole_tagnnpp.experiment.statistics.random_draws import random_numbers_below, random_signs


def test_draws_of_a_seed_are_these_for_good() -> None:
    assert random_numbers_below(1000, np.random.PCG64(2020), 6).tolist() == NUMBERS
    assert random_signs(np.random.PCG64(2020), 2, 5).astype(int).tolist() == SIGNS


NUMBERS = [468, 514, 863, 719, 333, 881]
SIGNS = [[1, -1, -1, 1, -1], [1, 1, -1, -1, -1]]


def test_signs_are_balanced_and_numbers_are_even() -> None:
    signs = random_signs(np.random.PCG64(1), 1009, 97)
    assert signs.shape == (1009, 97)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert abs(signs.mean()) < 0.01
    assert np.abs(signs.mean(axis=0)).max() < 0.15  # 4.7 standard errors
    assert np.abs(np.corrcoef(signs.T) - np.eye(97)).max() < 0.17
    numbers = random_numbers_below(7, np.random.PCG64(1), 70_000)
    counts = np.bincount(numbers, minlength=7)
    assert len(counts) == 7
    assert np.abs(counts - 10_000).max() < 500

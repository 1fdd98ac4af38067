"""Mean and deviation over seeds."""

import statistics

import pytest

from recbole_tagnnpp.experiment.statistics.seeds import mean_and_deviation


def test_against_the_standard_library() -> None:
    values = [71.9103, 70.2, 71.05]
    mean, deviation = mean_and_deviation(values)
    assert mean == pytest.approx(statistics.mean(values), rel=1e-14)
    assert deviation == pytest.approx(statistics.stdev(values), rel=1e-12)


def test_one_seed_has_no_deviation() -> None:
    assert mean_and_deviation([3.5]) == (3.5, None)

"""Checks of arrays whose differences overflow."""

import numpy as np
import pytest

from recbole_tagnnpp.baselines.counting.learnt_arrays import check_ends


def test_ends_that_rise_around_the_whole_range_of_numbers_are_refused() -> None:
    quarter = 2**62
    ends = np.array([0, quarter, -2 * quarter, -quarter, 7])
    with np.errstate(all="ignore"):
        assert (np.diff(ends) > 0).all()  # as machine numbers
    with pytest.raises(ValueError, match="'ends' must rise from 0 to 7 in steps of at least 1"):
        check_ends("ends", ends, count=4, total=7, shortest=1)


def test_good_ends() -> None:
    check_ends("ends", np.array([0, 1, 3, 7]), count=3, total=7, shortest=1)
    check_ends("ends", np.array([0, 0, 7, 7]), count=3, total=7, shortest=0)
    check_ends("ends", np.array([0]), count=0, total=0, shortest=1)

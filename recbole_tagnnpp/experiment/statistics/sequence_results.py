"""Results of single test sequences, from the ranks of their targets, and their sums over sessions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_STEPS_PER_UNIT = 2.0**30


def hits(ranks: IntArray, k: int) -> FloatArray:
    """1 where the target is among the first K items, else 0.

    Args:
        ranks: [N] int64 from 1, 0 where the target was beyond the list.
        k: length of the list.

    Returns:
        [N] float64; its mean is Hit@K as a fraction.
    """
    return ((ranks >= 1) & (ranks <= k)).astype(np.float64)


def reciprocal_ranks(ranks: IntArray, k: int) -> FloatArray:
    """One over the rank of the target where it is among the first K items, else 0.

    Args, Returns: as :func:`hits`; the mean is MRR@K as a fraction.
    """
    return np.where((ranks >= 1) & (ranks <= k), 1.0 / np.maximum(ranks, 1), 0.0)


SEQUENCE_METRICS = {"hit": hits, "mrr": reciprocal_ranks}
"""RecBole's name of a metric to the function of ranks and K whose mean it is."""


def mean_over_seeds(results: Sequence[FloatArray]) -> FloatArray:
    """[N] mean result of each test sequence over the seeds of a system, each [N]."""
    return np.mean(np.stack(results), axis=0)


@dataclass(frozen=True)
class SessionSums:
    """Results of systems summed over the test sequences of each session.

    Attributes:
        sums: [S, M] float64, for session s and result column m.  Whole multiples of 2**-30, so that sums of them are
            exact in whatever order they are added, and every machine finds the same.
        sizes: [S] float64 test sequences of each session.
    """

    sums: FloatArray
    sizes: FloatArray

    @staticmethod
    def largest_error(n_sessions: int) -> float:
        """Of the difference of two systems' sums over so many sessions: half a step a session and system."""
        return n_sessions / _STEPS_PER_UNIT

    @classmethod
    def of(cls, results: Sequence[FloatArray], session: IntArray) -> "SessionSums":
        """Sum M columns of results, each [N], over sequences with the same session number [N]."""
        _, number = np.unique(session, return_inverse=True)
        sizes = np.bincount(number).astype(np.float64)
        sums = np.stack([np.bincount(number, weights=column) for column in results], axis=1)
        return cls(np.round(sums * _STEPS_PER_UNIT) / _STEPS_PER_UNIT, sizes)

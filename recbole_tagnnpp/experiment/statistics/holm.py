"""Holm's correction of p-values for the number of comparisons (Holm 1979)."""

import numpy as np
import numpy.typing as npt


def holm(p_values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Adjusted p-values: reject those below alpha, and the chance of any false rejection is at most alpha.

    The i-th smallest of m (from 0) is multiplied by m - i, made no smaller than the adjusted ones before it, and cut
    at 1.

    Args:
        p_values: [m] float64 in [0, 1], in any order; m may be 0.

    Returns:
        [m] float64 in the same order.
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted

"""Ties that rounding would break."""

import numpy as np

from recbole_tagnnpp.data.whole_sessions import FloatArray

KEPT_BITS = 40
"""Of a float64's 53 significant bits."""


def settle_ties(values: FloatArray) -> FloatArray:
    """Positive values rounded to 40 significant bits, one part in 10^12.

    Scores that are equal on paper differ in their last bits when their terms are added up in another order; rounded,
    they are a tie, which the rules for ties decide, and not the order of the sum.
    """
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(mantissa, KEPT_BITS)), exponent - KEPT_BITS)

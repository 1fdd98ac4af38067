"""A metric over the seeds of a system."""

from collections.abc import Sequence

import numpy as np


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean, and sample standard deviation (denominator n - 1), which one value alone does not have.

    Args:
        values: one or more, in any unit.
    """
    mean = float(np.mean(values))
    return mean, (float(np.std(values, ddof=1)) if len(values) > 1 else None)

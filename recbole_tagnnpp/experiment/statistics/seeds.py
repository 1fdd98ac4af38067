"""A metric over the seeds of a system."""

import math
from collections.abc import Sequence


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean, and sample standard deviation (denominator n - 1), which one value alone does not have.

    Args:
        values: one or more, in any unit.
    """
    mean = math.fsum(values) / len(values)  # fsum: the same on every machine
    if len(values) < 2:
        return mean, None
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))

"""Bootstrap confidence intervals of the difference between two systems on the same test sequences."""

import numpy as np

from recbole_tagnnpp.experiment.statistics.random_draws import random_numbers_below, rows_per_block
from recbole_tagnnpp.experiment.statistics.sequence_results import FloatArray, IntArray, SessionSums


def difference_intervals(
    results: SessionSums, pairs: IntArray, n_resamples: int, seed: int, level: float = 0.95
) -> FloatArray:
    """Percentile intervals of the difference of two means over test sequences, for many pairs at once.

    Whole sessions are drawn with replacement, because the prefixes of one session are not independent; a resample's
    mean is its sum over its number of sequences, which varies with the sessions drawn.

    Args:
        results: sums [S, M] and sizes [S] of sessions.
        pairs: [P, 2] int64 columns (i, j); the difference is mean of i minus mean of j.
        n_resamples: resamples, which all pairs share.
        seed: of the resamples.
        level: probability that the interval holds.

    Returns:
        [P, 2] float64, lower and upper end, in the unit of the results.
    """
    n_sessions = len(results.sizes)
    columns = np.concatenate([results.sums, results.sizes[:, None]], axis=1)  # [S, M + 1]
    source = np.random.PCG64(seed)
    block = rows_per_block(n_sessions)
    differences = np.empty((n_resamples, len(pairs)))
    for start in range(0, n_resamples, block):
        rows = min(block, n_resamples - start)
        drawn = random_numbers_below(n_sessions, source, rows * n_sessions).reshape(rows, n_sessions)
        cells = drawn + np.arange(rows)[:, None] * n_sessions
        times = np.bincount(cells.ravel(), minlength=rows * n_sessions).reshape(rows, n_sessions)
        totals = times.astype(np.float64) @ columns  # [rows, M + 1]
        means = totals[:, :-1] / totals[:, -1:]
        differences[start : start + rows] = means[:, pairs[:, 0]] - means[:, pairs[:, 1]]
    outside = (1.0 - level) / 2.0
    return np.quantile(differences, [outside, 1.0 - outside], axis=0).T

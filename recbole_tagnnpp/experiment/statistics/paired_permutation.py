"""Paired permutation test of the difference between two systems on the same test sequences."""

import numpy as np

from recbole_tagnnpp.experiment.statistics.random_draws import random_signs, rows_per_block
from recbole_tagnnpp.experiment.statistics.sequence_results import FloatArray, IntArray, SessionSums


def sign_flip_p_values(sums: FloatArray, pairs: IntArray, n_flips: int, seed: int) -> FloatArray:
    """Two-sided p-values of "systems i and j are equally good", for many pairs at once.

    If they are, then each session could as well have had the results of the two exchanged, which flips the sign of its
    difference.  Whole sessions are flipped, because the prefixes of one session are not independent.  With one sequence
    a session and hits of one seed this is McNemar's exact test.

    Args:
        sums: [S, M] float64 results of M systems, summed over each session's sequences; see ``SessionSums``.
        pairs: [P, 2] int64 columns of ``sums`` to compare.
        n_flips: random sign vectors.  Where there are no more than that many in all (2**S), each is taken once and the
            p-value is exact.
        seed: of the sign vectors, which all pairs share.

    Returns:
        [P] float64.  Random flips count the observed signs as one of them, so no p is below 1 / (n_flips + 1).
    """
    n_sessions = len(sums)
    # means over three seeds are thirds, which are rounded: what ties on paper must not fall short by that
    observed = _differences(sums.sum(axis=0, keepdims=True), pairs)[0] - 2 * SessionSums.largest_error(n_sessions)
    as_far = np.zeros(len(pairs), dtype=np.int64)
    is_exact = n_sessions < 63 and 2**n_sessions <= n_flips
    total = 2**n_sessions if is_exact else n_flips
    source = np.random.PCG64(seed)
    block = rows_per_block(n_sessions)
    for start in range(0, total, block):
        rows = min(block, total - start)
        signs = _every_sign_vector(start, rows, n_sessions) if is_exact else random_signs(source, rows, n_sessions)
        as_far += (_differences(signs @ sums, pairs) >= observed).sum(axis=0)
    return as_far / total if is_exact else (as_far + 1) / (total + 1)


def _differences(totals: FloatArray, pairs: IntArray) -> FloatArray:
    """[R, P] absolute differences of the columns of ``totals`` [R, M]."""
    return np.abs(totals[:, pairs[:, 0]] - totals[:, pairs[:, 1]])


def _every_sign_vector(start: int, rows: int, n_sessions: int) -> FloatArray:
    """[rows, S]: sign vectors number ``start`` to ``start + rows``, as the binary digits say."""
    numbers = np.arange(start, start + rows)[:, None]
    return ((numbers >> np.arange(n_sessions)) % 2).astype(np.float64) * 2.0 - 1.0

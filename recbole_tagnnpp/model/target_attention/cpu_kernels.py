"""Numba passes over the products Z, the part of the CPU backend that is not a matrix product.

Z [blocks, 2 P + B, columns] holds, for a chunk of B sessions with P positions and a block of items, three bands of rows:
value rows U, key rows K, session rows S.  Session b owns the value rows ``first[b] .. first[b + 1]``, the key rows P behind
them, and session row b.  The innermost loop runs along the items of a block, which are contiguous.
"""

import numba
import numpy as np
import torch
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic

COLUMNS = 1024
"""Items of a block: a session of 10 positions then needs 80 KB, which stays in the second-level cache."""

FAST = {"contract", "nsz", "reassoc"}
"""Sums may be reordered, so that they run in vectors; NaN and infinity keep their meaning, divisions their rounding."""

_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
_SMALLEST = np.float32(-87.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
# minimax polynomial of exp(r) on |r| <= ln(2) / 2 (Cephes' expf)
_C0 = np.float32(1.9875691500e-4)
_C1 = np.float32(1.3981999507e-3)
_C2 = np.float32(8.3334519073e-3)
_C3 = np.float32(4.1665795894e-2)
_C4 = np.float32(1.6666665459e-1)
_C5 = np.float32(5.0000001201e-1)


@intrinsic
def _float_of_bits(typing_context, bits):  # type: ignore[no-untyped-def]
    """The float32 whose bits an int32 holds."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@njit(inline="always", fastmath=FAST)
def _exp_of_nonpositive(x):  # type: ignore[no-untyped-def]
    """exp(x) for x <= 0 in float32, to 2 ulp; written so that LLVM vectorises it, which it cannot do to expf."""
    x = max(x, _SMALLEST)
    power = np.int32(x * _LOG2_E - _HALF)  # truncation rounds a nonpositive number to the nearest
    whole = np.float32(power)
    r = x - whole * _LN2_HIGH
    r = r - whole * _LN2_LOW
    y = ((((_C0 * r + _C1) * r + _C2) * r + _C3) * r + _C4) * r + _C5
    y = y * r * r + r + _ONE
    return y * _float_of_bits(np.int32((power + np.int32(127)) << np.int32(23)))


@njit(inline="always", fastmath=FAST)
def _attend(z, low, high, n_positions, attended, peak, total):  # type: ignore[no-untyped-def]
    """Softmax over the positions ``low .. high`` of one session, for one block of items.

    Key rows become exp(key - peak); ``total`` becomes one over their sum and ``attended`` the weighted mean of the value
    rows.
    """
    width = z.shape[1]
    key = z[n_positions + low]
    for j in range(width):
        peak[j] = key[j]
    for row in range(low + 1, high):
        key = z[n_positions + row]
        for j in range(width):
            peak[j] = max(peak[j], key[j])
    for j in range(width):
        total[j] = np.float32(0.0)
        attended[j] = np.float32(0.0)
    for row in range(low, high):
        key = z[n_positions + row]
        value = z[row]
        for j in range(width):
            weight = _exp_of_nonpositive(key[j] - peak[j])
            key[j] = weight
            total[j] += weight
            attended[j] += weight * value[j]
    for j in range(width):
        total[j] = _ONE / total[j]
        attended[j] *= total[j]


@njit(parallel=True, fastmath=FAST, cache=True, nogil=True)
def score_rows(blocks, first):  # type: ignore[no-untyped-def]
    """Turn session rows into scores: ``S <- S + sum_l softmax_l(K) U``; key rows are used up.

    Args:
        blocks: Z, float32.
        first: [B + 1] int64, first value row of each session, then P.
    """
    n_sessions, n_positions = len(first) - 1, first[-1]
    n_blocks, _, width = blocks.shape
    for task in prange(n_blocks * n_sessions):
        b = task % n_sessions
        z = blocks[task // n_sessions]
        attended = np.empty(COLUMNS, np.float32)
        peak = np.empty(COLUMNS, np.float32)
        total = np.empty(COLUMNS, np.float32)
        score = z[2 * n_positions + b]
        low, high = first[b], first[b + 1]
        if high - low == 1:
            value = z[low]
            for j in range(width):
                score[j] += value[j]
        else:
            _attend(z, low, high, n_positions, attended, peak, total)
            for j in range(width):
                score[j] += attended[j]


@njit(parallel=True, fastmath=FAST, cache=True, nogil=True)
def forward_rows(blocks, first, targets, block_peak, block_total, block_sum, target_score):  # type: ignore[no-untyped-def]
    """First pass of the loss: leave in Z what the gradient needs, and sums per session and block.

    Afterwards key rows hold attention weights p_l, value rows U_l - sum_l p_l U_l, and session rows
    exp(score - peak of the block).

    Args:
        blocks: Z, float32.
        first: [B + 1] int64.
        targets: [B] int64, counted from the first item of these blocks; may lie outside of them.
        block_peak, block_total, block_sum: [B, blocks] float32, out: largest score of a block, sum of exp(score - peak),
            sum of scores.
        target_score: [B] float32, out for sessions whose target lies in these blocks.
    """
    n_sessions, n_positions = len(first) - 1, first[-1]
    n_blocks, _, width = blocks.shape
    for task in prange(n_blocks * n_sessions):
        b, block = task % n_sessions, task // n_sessions
        z = blocks[block]
        attended = np.empty(COLUMNS, np.float32)
        peak = np.empty(COLUMNS, np.float32)
        total = np.empty(COLUMNS, np.float32)
        score = z[2 * n_positions + b]
        low, high = first[b], first[b + 1]
        if high - low == 1:  # a softmax over one position is 1
            value = z[low]
            for j in range(width):
                score[j] += value[j]
        else:
            _attend(z, low, high, n_positions, attended, peak, total)
            for row in range(low, high):
                key = z[n_positions + row]
                value = z[row]
                for j in range(width):
                    key[j] *= total[j]
                    value[j] -= attended[j]
            for j in range(width):
                score[j] += attended[j]
        place = targets[b] - block * width
        if 0 <= place < width:
            target_score[b] = score[place]
        largest = score[0]
        added = np.float32(0.0)
        for j in range(width):
            largest = max(largest, score[j])
            added += score[j]
        exponentials = np.float32(0.0)
        for j in range(width):
            exponential = _exp_of_nonpositive(score[j] - largest)
            score[j] = exponential
            exponentials += exponential
        block_peak[b, block] = largest
        block_total[b, block] = exponentials
        block_sum[b, block] = added


@njit(parallel=True, fastmath=FAST, cache=True, nogil=True)
def gradient_rows(blocks, first, targets, block_factor, on_target, on_all):  # type: ignore[no-untyped-def]
    """Second pass of the loss: overwrite Z by the gradient of the loss with respect to it.

    With g = dLoss / dscore: dS = g, dU_l = p_l g, dK_l = p_l g (U_l - t), where t is the attended value.

    Args:
        blocks: Z as :func:`forward_rows` leaves it.
        first: [B + 1] int64.
        targets: [B] int64, as there.
        block_factor: [B, blocks] float32, makes exp(score - block peak) the softmax over items divided by the number of
            sessions.
        on_target, on_all: what is taken off g at the target item and at every item.
    """
    n_sessions, n_positions = len(first) - 1, first[-1]
    n_blocks, _, width = blocks.shape
    for task in prange(n_blocks * n_sessions):
        b, block = task % n_sessions, task // n_sessions
        z = blocks[block]
        gradient = z[2 * n_positions + b]
        factor = block_factor[b, block]
        for j in range(width):
            gradient[j] = gradient[j] * factor - on_all
        place = targets[b] - block * width
        if 0 <= place < width:
            gradient[place] -= on_target
        low, high = first[b], first[b + 1]
        if high - low == 1:
            value = z[low]
            key = z[n_positions + low]
            for j in range(width):
                value[j] = gradient[j]
                key[j] = np.float32(0.0)
        else:
            for row in range(low, high):
                value = z[row]
                key = z[n_positions + row]
                for j in range(width):
                    weighted = key[j] * gradient[j]
                    key[j] = weighted * value[j]
                    value[j] = weighted


def match_torch_threads() -> None:
    """Let the passes use as many threads as torch does, and torch as many as it did.

    Numba and torch share OpenMP: when Numba starts its threads it raises the number that torch's operations use, too.
    """
    count = torch.get_num_threads()
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)

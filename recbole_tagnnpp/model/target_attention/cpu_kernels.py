"""Numba passes over the products Z, the part of the CPU backend that is not a matrix product.

Z [blocks, 2 P - B, columns] holds, for a chunk of B sessions with P positions and a block of items, two bands of rows: P
value rows U and P - B key rows K.  Session b owns the value rows ``first[b] .. first[b + 1]`` and, for all its positions
but the first, the key rows that follow in the same order; the key of the first position is 0 (see ``rows.py``).  The
innermost loop runs along the items of a block, which are contiguous.

Z is float32, or bfloat16 as its bits in uint16: the passes read and write those themselves, so that no copy of Z in another
type exists, and calculate in float32.

The compiler may reorder nothing (no ``fastmath``): it optimises a kernel that it has just compiled otherwise than one that
comes from Numba's cache, and the same seed must give the same bits in both.  What must be fast is written that way instead:
products and sums in one step by ``_fma``, and sums over items in halves (``_add_up``), which run in vectors as they stand.
"""

import numba
import numpy as np
import torch
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic

COLUMNS = 1024
"""Items of a block: a session of 10 positions then needs 80 KB, which stays in the second-level cache."""

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


@intrinsic
def _read(typing_context, stored):  # type: ignore[no-untyped-def]
    """A number of Z as float32."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        if stored == types.float32:
            return arguments[0]
        bits = builder.shl(builder.zext(arguments[0], ir.IntType(32)), ir.Constant(ir.IntType(32), 16))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(stored), generate


@intrinsic
def _like(typing_context, value, stored):  # type: ignore[no-untyped-def]
    """A float32 in the type of ``stored``, a number of Z; bfloat16 is rounded to the nearest, ties to even."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        if stored == types.float32:
            return arguments[0]
        word = ir.IntType(32)
        bits = builder.bitcast(arguments[0], word)
        odd = builder.and_(builder.lshr(bits, ir.Constant(word, 16)), ir.Constant(word, 1))
        rounded = builder.add(bits, builder.add(odd, ir.Constant(word, 0x7FFF)))
        return builder.trunc(builder.lshr(rounded, ir.Constant(word, 16)), ir.IntType(16))

    return stored(types.float32, stored), generate


@intrinsic
def _fma(typing_context, a, b, c):  # type: ignore[no-untyped-def]
    """a * b + c in float32, rounded once."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


@njit(inline="always")
def _exp_of_nonpositive(x):  # type: ignore[no-untyped-def]
    """exp(x) for x <= 0 in float32, to 2 ulp; written so that LLVM vectorises it, which it cannot do to expf."""
    x = max(x, _SMALLEST)
    power = np.int32(_fma(x, _LOG2_E, -_HALF))  # truncation rounds a nonpositive number to the nearest
    whole = np.float32(power)
    r = _fma(whole, -_LN2_HIGH, x)
    r = _fma(whole, -_LN2_LOW, r)
    y = _fma(_fma(_fma(_fma(_fma(_C0, r, _C1), r, _C2), r, _C3), r, _C4), r, _C5)
    y = _fma(y * r, r, r) + _ONE
    return y * _float_of_bits(np.int32((power + np.int32(127)) << np.int32(23)))


@njit(inline="always")
def _add_up(values, width):  # type: ignore[no-untyped-def]
    """Sum of ``values[:width]``, which are used up: the second half is added to the first until one number is left."""
    while width > 1:
        half = (width + 1) // 2
        for j in range(width - half):
            values[j] += values[half + j]
        width = half
    return values[0]


@njit(inline="always")
def _largest(values, width):  # type: ignore[no-untyped-def]
    """Largest of ``values[:width]``, in the same way."""
    while width > 1:
        half = (width + 1) // 2
        for j in range(width - half):
            values[j] = max(values[j], values[half + j])
        width = half
    return values[0]


@njit(inline="always")
def _attend(z, low, high, first_key, score, peak, total):  # type: ignore[no-untyped-def]
    """Score of the items of one block for one session of at least two positions.

    Key rows become exp(key - peak), ``total`` one over the sum of all weights, and ``score`` the weighted mean of the value
    rows.

    Args:
        z: [2 P - B, columns], one block.
        low, high: value rows of the session.
        first_key: key row of its second position.
        score, peak, total: [columns], out.
    """
    width = z.shape[1]
    for j in range(width):
        peak[j] = np.float32(0.0)
    for row in range(high - low - 1):
        key = z[first_key + row]
        for j in range(width):
            peak[j] = max(peak[j], _read(key[j]))
    value = z[low]
    for j in range(width):
        total[j] = _exp_of_nonpositive(-peak[j])
        score[j] = total[j] * _read(value[j])
    for row in range(high - low - 1):
        key = z[first_key + row]
        value = z[low + 1 + row]
        for j in range(width):
            weight = _exp_of_nonpositive(_read(key[j]) - peak[j])
            key[j] = _like(weight, key[j])
            total[j] += weight
            score[j] = _fma(weight, _read(value[j]), score[j])
    for j in range(width):
        total[j] = _ONE / total[j]
        score[j] *= total[j]


@njit(parallel=True, cache=True, nogil=True)
def score_rows(blocks, first, first_item, scores):  # type: ignore[no-untyped-def]
    """Scores of the items of some blocks; Z is used up.

    Args:
        blocks: Z, float32.
        first: [B + 1] int64, first value row of each session, then P.
        first_item: number of the first item of these blocks.
        scores: [B, I] float32, contiguous (or the passes would not run in vectors); out in the columns of these blocks.
    """
    n_sessions, n_positions = len(first) - 1, first[-1]
    n_blocks, _, width = blocks.shape
    for task in prange(n_blocks * n_sessions):
        b, block = task % n_sessions, task // n_sessions
        z = blocks[block]
        low, high = first[b], first[b + 1]
        score = scores[b][first_item + block * width : first_item + (block + 1) * width]
        if high - low == 1:  # a softmax over one position is 1
            value = z[low]
            for j in range(width):
                score[j] = value[j]
        else:
            peak = np.empty(COLUMNS, np.float32)
            total = np.empty(COLUMNS, np.float32)
            _attend(z, low, high, n_positions + low - b, score, peak, total)


@njit(parallel=True, cache=True, nogil=True)
def forward_rows(blocks, first, targets, block_peak, block_total, block_sum, target_score):  # type: ignore[no-untyped-def]
    """First pass of the loss: leave in Z what the gradient needs, and sums per session and block.

    Afterwards the first value row of a session holds exp(score - peak of the block), its other value rows U_l - score, and
    its key rows the attention weights p_l.

    Args:
        blocks: Z, float32 or the bits of bfloat16.
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
        low, high = first[b], first[b + 1]
        first_key = n_positions + low - b
        score, spare = np.empty(COLUMNS, np.float32), np.empty(COLUMNS, np.float32)
        if high - low == 1:
            value = z[low]
            for j in range(width):
                score[j] = _read(value[j])
        else:
            peak = np.empty(COLUMNS, np.float32)
            total = np.empty(COLUMNS, np.float32)
            _attend(z, low, high, first_key, score, peak, total)
            for row in range(high - low - 1):
                key = z[first_key + row]
                value = z[low + 1 + row]
                for j in range(width):
                    key[j] = _like(_read(key[j]) * total[j], key[j])
                    value[j] = _like(_read(value[j]) - score[j], value[j])
        place = targets[b] - block * width
        if 0 <= place < width:
            target_score[b] = score[place]
        for j in range(width):
            spare[j] = score[j]
        largest = _largest(spare, width)
        value = z[low]
        for j in range(width):
            exponential = _exp_of_nonpositive(score[j] - largest)
            value[j] = _like(exponential, value[j])
            spare[j] = exponential
        block_peak[b, block] = largest
        block_total[b, block] = _add_up(spare, width)
        block_sum[b, block] = _add_up(score, width)


@njit(parallel=True, cache=True, nogil=True)
def gradient_rows(blocks, first, targets, block_factor, on_target, on_all):  # type: ignore[no-untyped-def]
    """Second pass of the loss: overwrite Z by the gradient of the loss with respect to it.

    With g = dLoss / dscore: dU_l = p_l g and dK_l = p_l g (U_l - score); the weight of the first position is what the
    others leave of 1.

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
        low, high = first[b], first[b + 1]
        first_key = n_positions + low - b
        gradient = np.empty(COLUMNS, np.float32)
        rest = np.empty(COLUMNS, np.float32)
        factor = block_factor[b, block]
        value = z[low]
        for j in range(width):
            gradient[j] = _fma(_read(value[j]), factor, -on_all)
            rest[j] = _ONE
        place = targets[b] - block * width
        if 0 <= place < width:
            gradient[place] -= on_target
        for row in range(high - low - 1):
            key = z[first_key + row]
            value = z[low + 1 + row]
            for j in range(width):
                weight = _read(key[j])
                rest[j] -= weight
                weighted = weight * gradient[j]
                key[j] = _like(weighted * _read(value[j]), key[j])
                value[j] = _like(weighted, value[j])
        value = z[low]
        for j in range(width):
            value[j] = _like(rest[j] * gradient[j], value[j])


@njit(parallel=True, cache=True, nogil=True)
def add_into(total, part):  # type: ignore[no-untyped-def]
    """Add ``part`` [blocks, rows, D], float32 or the bits of bfloat16, to ``total`` [blocks, rows, D], float32.

    torch would make a float32 copy of ``part`` first, here and in :func:`add_blocks_into`.
    """
    for block in prange(total.shape[0]):
        for row in range(total.shape[1]):
            row_total, row_part = total[block, row], part[block, row]
            for j in range(total.shape[2]):
                row_total[j] += _read(row_part[j])


@njit(parallel=True, cache=True, nogil=True)
def add_blocks_into(total, parts):  # type: ignore[no-untyped-def]
    """Add the sum over blocks of ``parts`` [blocks, rows, D], as above, to ``total`` [rows, D], float32."""
    for row in prange(total.shape[0]):
        row_total = total[row]
        for block in range(parts.shape[0]):
            row_part = parts[block, row]
            for j in range(total.shape[1]):
                row_total[j] += _read(row_part[j])


def match_torch_threads() -> None:
    """Let the passes use as many threads as torch does, and torch as many as it did.

    Numba and torch share OpenMP: when Numba starts its threads it raises the number that torch's operations use, too.
    """
    count = torch.get_num_threads()
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)

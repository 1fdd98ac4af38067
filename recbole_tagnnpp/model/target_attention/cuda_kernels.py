"""Triton passes over the products Z, the part of the CUDA backend that is not a matrix product.

Z [2 P - B, I] holds, for a chunk of B sessions with P positions, P value rows U and then P - B key rows K.  Session b owns
the value rows ``first[b] .. first[b + 1]`` and, for all its positions but the first, the key rows that follow in the same
order; the key of the first position is 0 (see ``rows.py``).  One program handles one session and one block of items.

Rows of Z and of the scores are ``stride`` values long, a multiple of 16 that is at least I; the passes run over whole rows,
what lies behind the items included, so that the compiler can prove that four values can be moved at a time.
"""

import triton
import triton.language as tl

BLOCK = 1024
"""Items of a program."""


@triton.jit
def score_kernel(z, stride, scores, first, n_positions, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def] # noqa: N803
    """Write the scores [B, I]; Z stays as it is.  The softmax over positions is taken in one sweep (Milakov, 2018)."""
    b = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < stride
    low = tl.load(first + b)
    n = tl.load(first + b + 1) - low
    value = z + low * stride + columns
    key = z + (n_positions + low - b) * stride + columns
    attended = tl.load(value, mask=inside, other=0.0).to(tl.float32)
    peak = tl.zeros([BLOCK], tl.float32)
    total = peak + 1.0
    for _ in range(1, n):
        value += stride
        logit = tl.load(key, mask=inside, other=0.0).to(tl.float32)
        larger = tl.maximum(peak, logit)
        shrink = tl.exp(peak - larger)
        weight = tl.exp(logit - larger)
        total = total * shrink + weight
        attended = attended * shrink + weight * tl.load(value, mask=inside, other=0.0).to(tl.float32)
        peak = larger
        key += stride
    tl.store(scores + b * stride + columns, attended / total, mask=inside)


@triton.jit
def gradient_kernel(  # type: ignore[no-untyped-def]
    z, stride, scores, first, targets, log_partition, n_positions, weight_of_session, on_target, on_all,
    BLOCK: tl.constexpr,  # noqa: N803
):  # fmt: skip
    """Overwrite Z by the gradient of the loss with respect to it.

    With g = dLoss / dscore: dU_l = p_l g and dK_l = p_l g (U_l - score).

    Args of note:
        targets: [B] int64.
        log_partition: [B] float32, log of the sum of exp(score) over all items.
        weight_of_session: one over the number of sessions of the batch.
        on_target, on_all: what is taken off g at the target item and at every item.
    """
    b = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < stride
    low = tl.load(first + b)
    n = tl.load(first + b + 1) - low
    value = z + low * stride + columns
    first_key = z + (n_positions + low - b) * stride + columns
    score = tl.load(scores + b * stride + columns, mask=inside, other=0.0)
    gradient = tl.exp(score - tl.load(log_partition + b)) * weight_of_session - on_all
    gradient -= tl.where(columns == tl.load(targets + b), on_target, 0.0)
    peak = tl.zeros([BLOCK], tl.float32)
    total = peak + 1.0
    key = first_key
    for _ in range(1, n):
        logit = tl.load(key, mask=inside, other=0.0).to(tl.float32)
        larger = tl.maximum(peak, logit)
        total = total * tl.exp(peak - larger) + tl.exp(logit - larger)
        peak = larger
        key += stride
    gradient /= total
    tl.store(value, (tl.exp(-peak) * gradient).to(z.dtype.element_ty), mask=inside)
    key = first_key
    for _ in range(1, n):
        value += stride
        logit = tl.load(key, mask=inside, other=0.0).to(tl.float32)
        difference = tl.load(value, mask=inside, other=0.0).to(tl.float32) - score
        weighted = tl.exp(logit - peak) * gradient
        tl.store(value, weighted.to(z.dtype.element_ty), mask=inside)
        tl.store(key, (weighted * difference).to(z.dtype.element_ty), mask=inside)
        key += stride

"""Target attention on the CPU: loss and gradients in one go, chunk by chunk.

For a chunk of sessions the rows X (see ``rows.py``) give Z = X E^T.  One fused pass over Z computes scores and the sums
behind the softmax over items, a second one overwrites Z by the gradient of the loss, and two more products give the
gradients of X and E.  The loss is the last thing that a training step computes, so all of this happens in the forward
call; the backward call only scales.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from recbole_tagnnpp.model.target_attention.fused_loss import fused_loss, plain
from recbole_tagnnpp.model.target_attention.reference import stable_topk
from recbole_tagnnpp.model.target_attention.rows import Chunk, Rows, chunks

CHUNK_BYTES = 44_000_000
"""Size of Z that a chunk aims at: 255 rows at 43,097 items in float32, twice as many in bfloat16."""
FEWEST_ROWS = 64
"""A chunk has at least so many rows (if the batch has), however many items there are."""


def unavailable_reason(precision: str) -> str:
    """Why this backend cannot run here, or an empty string."""
    try:
        import numba  # noqa: F401
    except ImportError:
        return "Numba is not installed"
    from recbole_tagnnpp.model.target_attention.products import bfloat16_is_fast

    if precision == "bfloat16" and not bfloat16_is_fast():
        return "the processor has no bfloat16 arithmetic"
    return ""


def target_attention_loss(
    keys: Tensor,
    values: Tensor,
    session: Tensor,
    lengths: Tensor,
    items: Tensor,
    targets: Tensor,
    *,
    label_smoothing: float = 0.0,
    precision: str = "float32",
) -> Tensor:
    """Mean cross-entropy over the items; arguments as in :func:`dispatch.target_attention_loss`."""

    def compute(inputs: list[Tensor], with_gradients: bool) -> tuple[Tensor, tuple[Tensor, ...] | None]:
        loss, gradients = _loss_and_gradients(inputs, lengths, targets, label_smoothing, precision, with_gradients)
        return torch.tensor(loss, dtype=torch.float32), gradients

    return fused_loss(compute, keys, values, session, items)


def target_attention_scores(keys: Tensor, values: Tensor, session: Tensor, lengths: Tensor, items: Tensor) -> Tensor:
    """Scores [B, I]; no gradient."""
    scores = torch.empty(session.shape[0], items.shape[0])
    for chunk, chunk_scores in _score_chunks(keys, values, session, lengths, items):
        scores[chunk.sessions] = chunk_scores
    return scores


def target_attention_topk(
    keys: Tensor,
    values: Tensor,
    session: Tensor,
    lengths: Tensor,
    items: Tensor,
    k: int,
) -> tuple[Tensor, Tensor]:
    """The k best items of each session, best first; of equal scores the lower item index comes first."""
    best = torch.empty(session.shape[0], k)
    chosen = torch.empty(session.shape[0], k, dtype=torch.int64)
    for chunk, scores in _score_chunks(keys, values, session, lengths, items):
        best[chunk.sessions], chosen[chunk.sessions] = stable_topk(scores, k)
    return best, chosen


def _chunks(lengths: Tensor, items: Tensor, precision: str) -> Iterator[Chunk]:
    row_bytes = len(items) * (2 if precision == "bfloat16" else 4)
    return chunks(lengths, max(FEWEST_ROWS, CHUNK_BYTES // row_bytes))


def _score_chunks(
    keys: Tensor, values: Tensor, session: Tensor, lengths: Tensor, items: Tensor
) -> Iterator[tuple[Chunk, Tensor]]:
    """Scores [b, I] of one chunk of sessions after the other."""
    from recbole_tagnnpp.model.target_attention import cpu_kernels, products

    cpu_kernels.match_torch_threads()
    keys, values, session, items = plain(keys, values, session, items)
    rows = Rows(keys, values, session, lengths)
    runs = products.item_blocks(items, None, "float32")
    for chunk in _chunks(lengths, items, "float32"):
        x = rows.of(chunk)
        scores = products.WORKSPACE.tensor("scores", len(chunk.first) - 1, items.shape[0])
        for run in runs:
            cpu_kernels.score_rows(run.products(x).numpy(), chunk.first, run.first_item, scores.numpy())
        yield chunk, scores


def _loss_and_gradients(
    inputs: list[Tensor],
    lengths: Tensor,
    targets: Tensor,
    label_smoothing: float,
    precision: str,
    with_gradients: bool,
) -> tuple[float, tuple[Tensor, ...] | None]:
    """The loss and, if asked for, the gradients of its inputs: keys, values, session and items."""
    from recbole_tagnnpp.model.target_attention import cpu_kernels, products

    cpu_kernels.match_torch_threads()
    keys, values, session, items = inputs
    n_sessions, n_items = session.shape[0], items.shape[0]
    rows = Rows(keys, values, session, lengths)
    value_gradient, key_gradient = torch.empty_like(rows.values), torch.empty_like(rows.keys)
    item_gradient = torch.zeros_like(items) if with_gradients else None
    runs = products.item_blocks(items, item_gradient, precision)
    n_blocks = sum(run.n_blocks for run in runs)
    on_target = np.float32((1.0 - label_smoothing) / n_sessions)
    on_all = np.float32(label_smoothing / n_items / n_sessions)
    total = 0.0
    for chunk in _chunks(lengths, items, precision):
        x = rows.of(chunk)
        chunk_targets = targets[chunk.sessions].numpy()
        peak, exponentials, added = np.empty((3, len(chunk_targets), n_blocks), np.float32)
        target_score = np.empty(len(chunk_targets), np.float32)
        z_of_run = []
        for run in runs:
            z = run.products(x)
            z_of_run.append(z)
            part = np.s_[:, run.first_block : run.first_block + run.n_blocks]
            cpu_kernels.forward_rows(
                products.as_array(z), chunk.first, chunk_targets - run.first_item,
                peak[part], exponentials[part], added[part], target_score,
            )  # fmt: skip

        if not np.isfinite(added).all():
            # weights that overflowed; the passes do not carry NaN through their comparisons
            return float("nan"), tuple(torch.full_like(t, torch.nan) for t in inputs) if with_gradients else None
        log_partition, share = _softmax_over_blocks(peak, exponentials)
        total += float((log_partition - (1.0 - label_smoothing) * target_score).sum())
        total -= label_smoothing * float(added.sum(dtype=np.float64)) / n_items
        if not with_gradients:
            continue
        factor = (share / n_sessions).astype(np.float32)
        x_gradient = torch.zeros_like(x)
        for run, z in zip(runs, z_of_run, strict=True):
            part = np.s_[:, run.first_block : run.first_block + run.n_blocks]
            cpu_kernels.gradient_rows(
                products.as_array(z), chunk.first, chunk_targets - run.first_item, factor[part], on_target, on_all
            )
            run.add_gradient_of_rows(z, x_gradient)
            run.add_gradient_of_items(z, x)
        value_gradient[chunk.values], key_gradient[chunk.keys] = x_gradient.split(
            [chunk.first[-1], len(x) - chunk.first[-1]]
        )
    if item_gradient is None:
        return total / n_sessions, None
    return total / n_sessions, (*rows.gradients(value_gradient, key_gradient, n_sessions), item_gradient)


def _softmax_over_blocks(peak: np.ndarray, exponentials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put the blocks' parts of the softmax over items together, in float64.

    Args:
        peak: [B, blocks] largest score of a block.
        exponentials: [B, blocks] sum of exp(score - peak).

    Returns:
        Logarithm [B] of the sum of exp(score) over all items, and the factor [B, blocks] that makes exp(score - peak) a
        probability.
    """
    largest = peak.max(axis=1, keepdims=True)
    relative = np.exp((peak - largest).astype(np.float64))
    partition = (relative * exponentials).sum(axis=1, keepdims=True)
    return np.log(partition[:, 0]) + largest[:, 0], relative / partition

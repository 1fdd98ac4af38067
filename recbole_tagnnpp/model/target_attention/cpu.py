"""Target attention on the CPU: loss and gradients in one go, chunk by chunk.

Two identities spare rows of the products.  The attention weights sum to 1, so the session vector can be added to the
values: ``s.v + sum_l p_l (u_l.v) = sum_l p_l ((u_l + s).v)``.  A softmax does not change when a number is added to all its
inputs, so the key of a session's first position can be taken off all its keys: it becomes 0 and needs no row.  A session
of n clicks then has n value rows and n - 1 key rows.

For a chunk of sessions the rows X give Z = X E^T.  One fused pass over Z computes scores and the sums behind the softmax
over items, a second one overwrites Z by the gradient of the loss, and two more products give the gradients of X and E.
The loss is the last thing that a training step computes, so all of this happens in the forward call; the backward call
only scales.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recbole_tagnnpp.model.target_attention.reference import stable_topk

CHUNK_ELEMENTS = 11_000_000
"""Values of Z that a chunk aims at (44 MB): 255 rows at 43,097 items."""
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
    return _FusedLoss.apply(keys, values, session, items, lengths, targets, label_smoothing, precision)


def target_attention_scores(
    keys: Tensor, values: Tensor, session: Tensor, lengths: Tensor, items: Tensor, *, precision: str = "float32"
) -> Tensor:
    """Scores [B, I]; no gradient."""
    scores = torch.empty(session.shape[0], items.shape[0])
    for chunk, chunk_scores in _score_chunks(keys, values, session, lengths, items, precision):
        scores[chunk.sessions] = chunk_scores
    return scores


def target_attention_topk(
    keys: Tensor,
    values: Tensor,
    session: Tensor,
    lengths: Tensor,
    items: Tensor,
    k: int,
    *,
    precision: str = "float32",
) -> tuple[Tensor, Tensor]:
    """The k best items of each session, best first; of equal scores the lower item index comes first."""
    best = torch.empty(session.shape[0], k)
    chosen = torch.empty(session.shape[0], k, dtype=torch.int64)
    for chunk, scores in _score_chunks(keys, values, session, lengths, items, precision):
        best[chunk.sessions], chosen[chunk.sessions] = stable_topk(scores, k)
    return best, chosen


@dataclass(frozen=True)
class _Chunk:
    """Sessions that are worked on together.

    Attributes:
        sessions: range of sessions.
        values: range of value rows, one for each position.
        keys: range of key rows, one for each position but the first of a session.
        first: [b + 1] int64, first value row of each session within the chunk, then their number.
    """

    sessions: slice
    values: slice
    keys: slice
    first: np.ndarray


def _chunks(lengths: Tensor, n_items: int) -> Iterator[_Chunk]:
    most_rows = max(FEWEST_ROWS, CHUNK_ELEMENTS // n_items)
    ends = np.concatenate([[0], np.cumsum(lengths.numpy())]).astype(np.int64)
    start = 0
    while start < len(ends) - 1:
        rows = 2 * (ends[start + 1 :] - ends[start]) - np.arange(1, len(ends) - start)
        stop = start + max(1, int(np.searchsorted(rows, most_rows, side="right")))
        low, high = int(ends[start]), int(ends[stop])
        yield _Chunk(slice(start, stop), slice(low, high), slice(low - start, high - stop), ends[start : stop + 1] - low)
        start = stop


class _Rows:
    """The rows X of all sessions, and the way back from their gradient.

    Args:
        keys, values: [P, D] float32.
        session: [B, D] float32.
        lengths: [B] int64.
    """

    def __init__(self, keys: Tensor, values: Tensor, session: Tensor, lengths: Tensor) -> None:
        self.owner = torch.repeat_interleave(lengths)  # [P]
        first = torch.cumsum(lengths, 0) - lengths  # [B]
        self.is_first = torch.zeros(len(keys), dtype=torch.bool)
        self.is_first[first] = True
        self.values = values + session[self.owner]  # [P, D]
        self.keys = (keys - keys[first][self.owner])[~self.is_first]  # [P - B, D]

    def of(self, chunk: _Chunk) -> Tensor:
        """X of a chunk: its value rows, then its key rows."""
        return torch.cat([self.values[chunk.values], self.keys[chunk.keys]])

    def gradients(self, values: Tensor, keys: Tensor, n_sessions: int) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of keys [P, D], values [P, D] and session [B, D] from those of ``self.values`` and ``self.keys``."""
        zeros = values.new_zeros(n_sessions, values.shape[1])
        of_keys = torch.empty_like(values)
        of_keys[~self.is_first] = keys
        of_keys[self.is_first] = -zeros.index_add(0, self.owner[~self.is_first], keys)
        return of_keys, values, zeros.index_add(0, self.owner, values)


def _plain(*tensors: Tensor) -> list[Tensor]:
    return [tensor.detach().float().contiguous() for tensor in tensors]


def _score_chunks(
    keys: Tensor, values: Tensor, session: Tensor, lengths: Tensor, items: Tensor, precision: str
) -> Iterator[tuple[_Chunk, Tensor]]:
    """Scores [b, I] of one chunk of sessions after the other."""
    from recbole_tagnnpp.model.target_attention import cpu_kernels, products

    cpu_kernels.match_torch_threads()
    keys, values, session, items = _plain(keys, values, session, items)
    rows = _Rows(keys, values, session, lengths)
    runs = products.item_blocks(items, None, precision)
    for chunk in _chunks(lengths, items.shape[0]):
        x = rows.of(chunk)
        scores = products.WORKSPACE.tensor("scores", len(chunk.first) - 1, items.shape[0])
        for run in runs:
            z = run.products(x)
            cpu_kernels.score_rows(z.numpy(), chunk.first)
            columns = slice(run.first_item, run.first_item + run.n_blocks * z.shape[2])
            score_rows = z[:, torch.from_numpy(chunk.first[:-1])]  # [blocks, b, columns]
            scores[:, columns].view(-1, run.n_blocks, z.shape[2]).copy_(score_rows.transpose(0, 1))
        yield chunk, scores


class _FusedLoss(torch.autograd.Function):
    """Loss whose gradients are computed with it."""

    @staticmethod
    def forward(
        ctx: Any,
        keys: Tensor,
        values: Tensor,
        session: Tensor,
        items: Tensor,
        lengths: Tensor,
        targets: Tensor,
        label_smoothing: float,
        precision: str,
    ) -> Tensor:
        inputs = (keys, values, session, items)
        loss, gradients = _loss_and_gradients(
            _plain(*inputs), lengths, targets, label_smoothing, precision, any(ctx.needs_input_grad[:4])
        )
        ctx.gradients = None
        if gradients is not None:
            ctx.gradients = [g.to(t.dtype) for g, t in zip(gradients, inputs, strict=True)]
        return torch.tensor(loss, dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        if ctx.gradients is None:
            raise RuntimeError("the gradients of this loss have been used; compute it again for a second backward")
        gradients, ctx.gradients = ctx.gradients, None  # lets the caller own them without a copy
        factor = upstream.item()
        if factor != 1.0:
            gradients = [g.mul_(factor) for g in gradients]
        return (*gradients, None, None, None, None)


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
    rows = _Rows(keys, values, session, lengths)
    value_gradient, key_gradient = torch.empty_like(rows.values), torch.empty_like(rows.keys)
    item_gradient = torch.zeros_like(items) if with_gradients else None
    runs = products.item_blocks(items, item_gradient, precision)
    n_blocks = sum(run.n_blocks for run in runs)
    on_target = np.float32((1.0 - label_smoothing) / n_sessions)
    on_all = np.float32(label_smoothing / n_items / n_sessions)
    total = 0.0
    for chunk in _chunks(lengths, n_items):
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
                z.numpy(), chunk.first, chunk_targets - run.first_item, peak[part], exponentials[part], added[part],
                target_score,
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
                z.numpy(), chunk.first, chunk_targets - run.first_item, factor[part], on_target, on_all
            )
            x_gradient += run.gradient_of_rows(z)
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

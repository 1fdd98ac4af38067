"""Target attention on CUDA: loss and gradients in one go, chunk by chunk, with two Triton passes over Z = X E^T.

The first pass reads Z and writes the scores [B, I] of a chunk of sessions; the second computes the attention weights again
and overwrites Z by its gradient, which costs less memory traffic than storing them.  The backward call only scales.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from recbole_tagnnpp.model.target_attention.fused_loss import fused_loss, plain
from recbole_tagnnpp.model.target_attention.reference import stable_topk
from recbole_tagnnpp.model.target_attention.rows import Chunk, Rows, chunks
from recbole_tagnnpp.transfer import to_device

CHUNK_ELEMENTS = 64 * 1024 * 1024
"""Values of Z that a chunk aims at: 256 MB in float32."""
FEWEST_ROWS = 256
"""A chunk has at least so many rows (if the batch has), however many items there are."""
ALIGNMENT = 64
"""Rows of Z start at multiples of so many values: tensor cores need aligned rows."""


def unavailable_reason(precision: str) -> str:
    """Why this backend cannot run here, or an empty string."""
    if not torch.cuda.is_available():
        return "there is no CUDA device"
    try:
        import triton  # noqa: F401
    except ImportError:
        return "Triton is not installed"
    if torch.cuda.get_device_capability() < (7, 0):
        return "Triton needs a GPU of compute capability 7.0 or later"
    if precision == "bfloat16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "the GPU has no bfloat16 arithmetic"
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
        with _as_asked(items.device, precision):
            return _loss_and_gradients(inputs, lengths, targets, label_smoothing, precision, with_gradients)

    return fused_loss(compute, keys, values, session, items)


def target_attention_scores(keys: Tensor, values: Tensor, session: Tensor, lengths: Tensor, items: Tensor) -> Tensor:
    """Scores [B, I]; no gradient."""
    scores = torch.empty(session.shape[0], items.shape[0], device=session.device)
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
    best, chosen = [], []
    for _, scores in _score_chunks(keys, values, session, lengths, items):
        chunk_best, chunk_chosen = stable_topk(scores, k)
        best.append(chunk_best)
        chosen.append(chunk_chosen)
    return torch.cat(best), torch.cat(chosen)


class _Products:
    """Matrix products with the items, in the precision that was asked for.

    Args:
        items: [I, D] float32.
        precision: ``float32``, ``tf32`` or ``bfloat16``.
        most_rows: rows of the largest chunk.
    """

    def __init__(self, items: Tensor, precision: str, most_rows: int) -> None:
        self.items = items.bfloat16() if precision == "bfloat16" else items
        width = -(-items.shape[0] // ALIGNMENT) * ALIGNMENT
        self.buffer = torch.empty(most_rows, width, dtype=self.items.dtype, device=items.device)

    def z(self, x: Tensor) -> Tensor:
        """Z [r, I] of rows x [r, D], valid until the next call; its rows lie further apart than I."""
        self.x = x.to(self.items.dtype)
        return torch.mm(self.x, self.items.T, out=self.buffer[: len(x), : self.items.shape[0]])

    def gradients(self, z_gradient: Tensor, item_gradient: Tensor) -> Tensor:
        """Gradient [r, D] float32 of the rows of the last call; that of the items is added to ``item_gradient``."""
        if z_gradient.dtype == torch.float32:
            item_gradient.addmm_(z_gradient.T, self.x)
        else:
            item_gradient.add_(torch.mm(z_gradient.T, self.x))
        return torch.mm(z_gradient, self.items).float()


@contextlib.contextmanager
def _as_asked(device: torch.device, precision: str) -> Iterator[None]:
    """Float32 products run in TF32 or not as asked, without autocast, and Triton launches on the device of the tensors."""
    before = torch.get_float32_matmul_precision()
    on_device = torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        with torch.autocast(device.type, enabled=False), on_device:
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def _chunks_of(lengths: Tensor, n_items: int) -> list[Chunk]:
    return list(chunks(lengths, max(FEWEST_ROWS, CHUNK_ELEMENTS // n_items)))


def _most_rows(parts: list[Chunk]) -> int:
    return max(2 * int(chunk.first[-1]) - len(chunk.first) + 1 for chunk in parts)


def _write_scores(z: Tensor, first: Tensor, n_positions: int) -> Tensor:
    """Scores [b, I] float32 of a chunk; its rows lie as far apart as those of Z."""
    from recbole_tagnnpp.model.target_attention import cuda_kernels

    n_sessions, n_items = len(first) - 1, z.shape[1]
    scores = torch.empty(n_sessions, z.stride(0), device=z.device)
    grid = (n_sessions, -(-z.stride(0) // cuda_kernels.BLOCK))
    cuda_kernels.score_kernel[grid](z, z.stride(0), scores, first, n_positions, BLOCK=cuda_kernels.BLOCK)
    return scores[:, :n_items]


def _score_chunks(
    keys: Tensor, values: Tensor, session: Tensor, lengths: Tensor, items: Tensor
) -> Iterator[tuple[Chunk, Tensor]]:
    """Scores [b, I] of one chunk of sessions after the other."""
    keys, values, session, items = plain(keys, values, session, items)
    host_lengths = lengths.cpu()
    rows = Rows(keys, values, session, host_lengths)
    parts = _chunks_of(host_lengths, items.shape[0])
    products = _Products(items, "float32", _most_rows(parts))
    firsts = to_device([torch.from_numpy(chunk.first) for chunk in parts], items.device)
    for chunk, first in zip(parts, firsts, strict=True):
        with torch.no_grad(), _as_asked(items.device, "float32"):
            scores = _write_scores(products.z(rows.of(chunk)), first, int(chunk.first[-1]))
        yield chunk, scores


def _loss_and_gradients(
    inputs: list[Tensor],
    lengths: Tensor,
    targets: Tensor,
    label_smoothing: float,
    precision: str,
    with_gradients: bool,
) -> tuple[Tensor, tuple[Tensor, ...] | None]:
    """The loss and, if asked for, the gradients of its inputs: keys, values, session and items."""
    from recbole_tagnnpp.model.target_attention import cuda_kernels

    keys, values, session, items = inputs
    n_sessions, n_items = session.shape[0], items.shape[0]
    host_lengths, targets = lengths.cpu(), targets.to(items.device)
    rows = Rows(keys, values, session, host_lengths)
    value_gradient, key_gradient = torch.empty_like(rows.values), torch.empty_like(rows.keys)
    item_gradient = torch.zeros_like(items)
    parts = _chunks_of(host_lengths, n_items)
    products = _Products(items, precision, _most_rows(parts))
    total = torch.zeros((), device=items.device, dtype=torch.float64)
    firsts = to_device([torch.from_numpy(chunk.first) for chunk in parts], items.device)
    for chunk, first in zip(parts, firsts, strict=True):
        n_positions, chunk_targets = int(chunk.first[-1]), targets[chunk.sessions]
        z = products.z(rows.of(chunk))
        scores = _write_scores(z, first, n_positions)
        log_partition = torch.logsumexp(scores, dim=1)  # [b]
        loss = log_partition - (1.0 - label_smoothing) * scores.gather(1, chunk_targets[:, None]).squeeze(1)
        if label_smoothing:
            loss -= label_smoothing * scores.mean(dim=1)
        total += loss.sum(dtype=torch.float64)
        if not with_gradients:
            continue
        grid = (len(scores), -(-z.stride(0) // cuda_kernels.BLOCK))
        cuda_kernels.gradient_kernel[grid](
            z, z.stride(0), scores, first, chunk_targets, log_partition, n_positions, 1.0 / n_sessions,
            (1.0 - label_smoothing) / n_sessions, label_smoothing / n_items / n_sessions,
            BLOCK=cuda_kernels.BLOCK,
        )  # fmt: skip
        value_gradient[chunk.values], key_gradient[chunk.keys] = products.gradients(z, item_gradient).split(
            [n_positions, len(z) - n_positions]
        )
    loss_of_batch = (total / n_sessions).float()
    if not with_gradients:
        return loss_of_batch, None
    return loss_of_batch, (*rows.gradients(value_gradient, key_gradient, n_sessions), item_gradient)

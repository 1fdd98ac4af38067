"""Choice of the target attention backend, and the functions that the model calls.

The score of item v for a session with keys k_l, values u_l and session vector s is

    z(v) = s · v + sum_l softmax_l(k_l · v) (u_l · v)

(TAGNN, Yu et al. 2020, eq. 4-6, with the final linear layer written in its blocks).  All backends compute exactly
this; they differ in speed and in rounding.

Shapes: B sessions, P real positions of all sessions one after the other, D embedding size, I items.
"""

import functools
import importlib
import logging
from types import ModuleType

import torch
from torch import Tensor

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.model.target_attention import reference

BACKENDS = ("auto", "reference", "cpu", "cuda")
PRECISIONS = ("float32", "tf32", "bfloat16")
_PACKAGE = "recbole_tagnnpp.model.target_attention"

_logger = logging.getLogger(__name__)


def target_attention_loss(
    keys: Tensor,
    values: Tensor,
    session: Tensor,
    lengths: Tensor,
    items: Tensor,
    targets: Tensor,
    *,
    label_smoothing: float = 0.0,
    backend: str = "auto",
    precision: str = "float32",
) -> Tensor:
    """Mean cross-entropy of the target item over all items.

    Args:
        keys: [P, D], the real positions of all sessions one after the other.
        values: [P, D].
        session: [B, D], the part of the score that does not depend on the attention.
        lengths: [B] int64, positions of each session, all at least 1, sum P.
        items: [I, D], embeddings of the candidates (without a padding row).
        targets: [B] int64 in [0, I).
        label_smoothing: e in [0, 1): the loss is (1 - e) times the cross-entropy plus e times the mean over the
            items of -log p.
        backend: one of ``BACKENDS``.
        precision: of the matrix products, one of ``PRECISIONS`` (``tf32`` is float32 away from CUDA); softmax, loss and
            gradients are summed in float32 (float64 for float64 input on the reference backend).

    Returns:
        Scalar, differentiable with respect to keys, values, session and items.

    Raises:
        UserError: unknown backend or precision.
        ValueError: shapes, lengths or targets that do not fit together.
    """
    _check_shapes(keys, values, session, lengths, items)
    _check_targets(targets, session, items)
    if not 0.0 <= label_smoothing < 1.0:
        raise ValueError(f"label_smoothing must lie in [0, 1), not {label_smoothing}")
    name = select_backend(backend, session.device, session.dtype, precision)
    return _module(name).target_attention_loss(
        keys, values, session, lengths, items, targets, label_smoothing=label_smoothing, precision=precision
    )


def target_attention_scores(
    keys: Tensor,
    values: Tensor,
    session: Tensor,
    lengths: Tensor,
    items: Tensor,
    *,
    backend: str = "auto",
) -> Tensor:
    """Scores [B, I] of all items; arguments as in :func:`target_attention_loss`.

    Products are float32 here whatever training used: scores rounded to bfloat16 would tie.

    Differentiable on the reference backend only: where a gradient is asked for, that one is taken.
    """
    _check_shapes(keys, values, session, lengths, items)
    name = select_backend(backend, session.device, session.dtype, "float32")
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (keys, values, session, items)):
        name = "reference"
    return _module(name).target_attention_scores(keys, values, session, lengths, items)


def target_attention_topk(
    keys: Tensor,
    values: Tensor,
    session: Tensor,
    lengths: Tensor,
    items: Tensor,
    k: int,
    *,
    backend: str = "auto",
) -> tuple[Tensor, Tensor]:
    """The k best items of each session without ever holding all the scores; no gradient.

    Returns:
        scores [B, k], descending, and item indices [B, k] int64; of equal scores the lower index comes first.

    Raises:
        UserError: unknown backend.
        ValueError: shapes or lengths that do not fit together, or k outside 1..I.
    """
    _check_shapes(keys, values, session, lengths, items)
    if not 1 <= k <= items.shape[0]:
        raise ValueError(f"k must lie in 1..{items.shape[0]} (the number of items), not {k}")
    name = select_backend(backend, session.device, session.dtype, "float32")
    return _module(name).target_attention_topk(keys, values, session, lengths, items, k)


def target_attention_pairs(keys: Tensor, values: Tensor, session: Tensor, lengths: Tensor, pair_items: Tensor) -> Tensor:
    """Score [B] of one item per session, whose embeddings are pair_items [B, D]; differentiable.

    Equal, up to rounding, to that item's entry of :func:`target_attention_scores`.

    Raises:
        ValueError: shapes or lengths that do not fit together.
    """
    _check_shapes(keys, values, session, lengths, pair_items)
    if pair_items.shape[0] != session.shape[0]:
        raise ValueError(f"pair_items must have one row per session: {session.shape[0]}, not {pair_items.shape[0]}")
    return reference.target_attention_pairs(keys, values, session, lengths, pair_items)


def select_backend(requested: str, device: torch.device | str, dtype: torch.dtype, precision: str) -> str:
    """Name of the backend that runs: "reference", "cpu" or "cuda".

    "auto" takes the fast backend of the device.  A fast backend that cannot run here (no Numba, no Triton, another device,
    float64, a precision that the processor lacks) gives way to the reference, with one log line.

    Raises:
        UserError: unknown backend or precision.
    """
    if requested not in BACKENDS:
        raise UserError(f"target_attention_backend={requested!r}: allowed are {', '.join(BACKENDS)}")
    if precision not in PRECISIONS:
        raise UserError(f"target_attention_precision={precision!r}: allowed are {', '.join(PRECISIONS)}")
    if requested == "reference":
        return "reference"
    return _select_fast(requested, torch.device(device).type, dtype, precision)


@functools.cache
def _select_fast(requested: str, device_type: str, dtype: torch.dtype, precision: str) -> str:
    """Cached, so that the log line of a fallback is written once."""
    wanted = requested if requested != "auto" else device_type
    if wanted not in BACKENDS:
        reason = f"there is none for device {device_type}"
    elif wanted != device_type:
        reason = f"the tensors are on device {device_type}"
    elif dtype not in (torch.float32, torch.bfloat16, torch.float16):
        reason = f"it does not compute in {dtype}"
    else:
        reason = _module(wanted).unavailable_reason(precision)
    if not reason:
        return wanted
    # float64 is asked for by tests that want the reference: "auto" takes it without a word
    level = logging.DEBUG if requested == "auto" and dtype == torch.float64 else logging.WARNING
    _logger.log(level, "target attention: backend %s is not used (%s); using reference", wanted, reason)
    return "reference"


def _module(name: str) -> ModuleType:
    # imported on first use: Numba and Triton are optional and slow to import
    return importlib.import_module(f"{_PACKAGE}.{name}")


def _check_shapes(keys: Tensor, values: Tensor, session: Tensor, lengths: Tensor, items: Tensor) -> None:
    """Raise ValueError where the packed tensors do not fit together."""
    for name, tensor in (("keys", keys), ("values", values), ("session", session), ("items", items)):
        if tensor.ndim != 2:
            raise ValueError(f"{name} must have two dimensions, not shape {tuple(tensor.shape)}")
        if tensor.shape[1] != session.shape[-1]:
            raise ValueError(f"{name} has embedding size {tensor.shape[1]}, session has {session.shape[-1]}")
        if tensor.device != session.device or tensor.dtype != session.dtype:
            raise ValueError(f"{name} is {tensor.dtype} on {tensor.device}, session is {session.dtype} on {session.device}")
        if tensor.shape[0] == 0:
            raise ValueError(f"{name} has no rows")
    if not session.dtype.is_floating_point:
        raise ValueError(f"the tensors must be floating-point, not {session.dtype}")
    if keys.shape != values.shape:
        raise ValueError(f"keys {tuple(keys.shape)} and values {tuple(values.shape)} must have the same shape")
    if lengths.shape != session.shape[:1] or lengths.dtype != torch.int64:
        raise ValueError(f"lengths must be [{session.shape[0]}] int64, not {tuple(lengths.shape)} {lengths.dtype}")
    host_lengths = lengths.detach().cpu()
    if int(host_lengths.min()) < 1 or int(host_lengths.sum()) != keys.shape[0]:
        raise ValueError(
            f"lengths must be at least 1 and add up to {keys.shape[0]} rows of keys, not minimum"
            f" {int(host_lengths.min())} and sum {int(host_lengths.sum())}"
        )


def _check_targets(targets: Tensor, session: Tensor, items: Tensor) -> None:
    if targets.shape != session.shape[:1] or targets.dtype != torch.int64:
        raise ValueError(f"targets must be [{session.shape[0]}] int64, not {tuple(targets.shape)} {targets.dtype}")
    # on a GPU this check would wait for the device; the gather that follows traps there by itself
    if targets.device.type == "cpu" and not bool(((targets >= 0) & (targets < items.shape[0])).all()):
        raise ValueError(f"targets must lie in [0, {items.shape[0]})")

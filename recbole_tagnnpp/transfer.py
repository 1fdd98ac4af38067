"""From the host to a GPU in one copy that nobody waits for: of many small tensors, each copy costs more than its bytes."""

from collections.abc import Sequence

import torch
from torch import Tensor

ALIGNMENT = 16
"""Bytes; every tensor of a copy begins at a multiple of it, so that it can be seen as any dtype."""


def to_device(tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """The same tensors on a device; those that are there already are returned as they are.

    Tensors of the host go to a GPU together, through pinned memory: the host goes on while they are on their way, and
    what is computed on the GPU from them waits for them by itself.

    Args:
        tensors: of any shapes and dtypes.
        device: where to.
    """
    if device.type != "cuda" or any(tensor.device.type != "cpu" for tensor in tensors):
        return [tensor.to(device) for tensor in tensors]
    staged, places = stage(tensors, pin_memory=True)
    return unstage(staged.to(device, non_blocking=True), tensors, places)


def stage(tensors: Sequence[Tensor], pin_memory: bool) -> tuple[Tensor, list[int]]:
    """Tensors of the host one behind the other: bytes [n] uint8, and where each tensor begins."""
    places, n_bytes = [], 0
    for tensor in tensors:
        places.append(n_bytes)
        n_bytes += -(-tensor.nbytes // ALIGNMENT) * ALIGNMENT
    staged = torch.empty(n_bytes, dtype=torch.uint8, pin_memory=pin_memory)
    for tensor, copy in zip(tensors, unstage(staged, tensors, places), strict=True):
        copy.copy_(tensor)
    return staged, places


def unstage(staged: Tensor, tensors: Sequence[Tensor], places: Sequence[int]) -> list[Tensor]:
    """Views of ``staged`` [n] uint8 with the shapes and dtypes of ``tensors``."""
    return [
        staged[place : place + tensor.nbytes].view(tensor.dtype).view(tensor.shape)
        for tensor, place in zip(tensors, places, strict=True)
    ]

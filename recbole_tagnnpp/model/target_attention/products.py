"""Matrix products of the CPU backend, in blocks of items and into buffers that are used again.

Z = X Eᵀ is kept as [blocks, rows, COLUMNS]: batched products over blocks of items run at the processor's speed, where one
product with a row of 43,000 numbers reaches half of it (docs/performance.md), and a block of a session is contiguous for
the passes between the products.
"""

import platform
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recbole_tagnnpp.model.target_attention import cpu_kernels
from recbole_tagnnpp.model.target_attention.cpu_kernels import COLUMNS


class Workspace(threading.local):
    """Buffers that live as long as their thread: fresh pages would cost more than the arithmetic on them."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, torch.dtype], Tensor] = {}

    def tensor(self, name: str, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """A tensor with arbitrary content; the next call with this name and type reuses its memory."""
        size = 1
        for length in shape:
            size *= length
        buffer = self._buffers.get((name, dtype))
        if buffer is None or buffer.numel() < size:
            with torch.inference_mode(False):  # training may be next, which cannot write into a tensor of that mode
                buffer = self._buffers[name, dtype] = torch.empty(size, dtype=dtype)
        return buffer[:size].view(shape)


WORKSPACE = Workspace()


@dataclass(frozen=True)
class ItemBlocks:
    """A run of blocks of equally many items.

    Attributes:
        first_item: number of the first item.
        first_block: number of the first block.
        items: [blocks, columns, D], their embeddings, in the precision of the products.
        gradient: [blocks, columns, D] float32, where their gradient is added up, or ``None``.
    """

    first_item: int
    first_block: int
    items: Tensor
    gradient: Tensor | None

    @property
    def n_blocks(self) -> int:
        """How many blocks."""
        return self.items.shape[0]

    def products(self, rows: Tensor) -> Tensor:
        """Z [blocks, r, columns] of rows [r, D], typed as ``items``; valid until the next call for as many columns."""
        return torch.bmm(
            self._expanded(rows),
            self.items.transpose(1, 2),
            out=self._buffer("products", rows.shape[0], self.items.shape[1]),
        )

    def add_gradient_of_rows(self, z_gradient: Tensor, gradient: Tensor) -> None:
        """Add the gradient of the rows, given that of Z, to ``gradient`` [r, D] float32."""
        parts = self._buffer("gradient of rows", z_gradient.shape[1], self.items.shape[2])
        cpu_kernels.add_blocks_into(gradient.numpy(), as_array(torch.bmm(z_gradient, self.items, out=parts)))

    def add_gradient_of_items(self, z_gradient: Tensor, rows: Tensor) -> None:
        """Add the gradient of the items, given that of Z, to ``gradient``."""
        assert self.gradient is not None
        transposed, expanded = z_gradient.transpose(1, 2), self._expanded(rows)
        if self.items.dtype == self.gradient.dtype:
            self.gradient.baddbmm_(transposed, expanded)
        else:
            parts = self._buffer("gradient of items", *self.items.shape[1:])
            cpu_kernels.add_into(self.gradient.numpy(), as_array(torch.bmm(transposed, expanded, out=parts)))

    def _expanded(self, rows: Tensor) -> Tensor:
        return rows.to(self.items.dtype).expand(self.n_blocks, -1, -1)

    def _buffer(self, name: str, *shape: int) -> Tensor:
        kind = "whole blocks" if self.items.shape[1] == COLUMNS else "rest"
        return WORKSPACE.tensor(f"{name}, {kind}", self.n_blocks, *shape, dtype=self.items.dtype)


def as_array(z: Tensor) -> np.ndarray:
    """Z as the Numba passes read it: float32, or the bits of bfloat16 as uint16; shares memory."""
    return z.view(torch.int16).numpy().view(np.uint16) if z.dtype == torch.bfloat16 else z.numpy()


def item_blocks(items: Tensor, gradient: Tensor | None, precision: str) -> list[ItemBlocks]:
    """Cut the items into blocks of ``COLUMNS``, and one smaller block for the rest.

    Args:
        items: [I, D] float32.
        gradient: [I, D] float32 or ``None``.
        precision: ``float32`` or ``bfloat16``.
    """
    typed = items.bfloat16() if precision == "bfloat16" else items
    return list(_runs(typed, gradient))


def _runs(items: Tensor, gradient: Tensor | None) -> Iterator[ItemBlocks]:
    n_items, size = items.shape
    whole = n_items // COLUMNS
    for first, count, columns in ((0, whole, COLUMNS), (whole * COLUMNS, 1, n_items - whole * COLUMNS)):
        if count and columns:
            part = slice(first, first + count * columns)
            yield ItemBlocks(
                first,
                first // COLUMNS,
                items[part].view(count, columns, size),
                None if gradient is None else gradient[part].view(count, columns, size),
            )


def bfloat16_is_fast() -> bool:
    """Whether the processor multiplies bfloat16 numbers itself.

    oneDNN also computes with them where the processor cannot (any AVX-512), slower than in float32.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()

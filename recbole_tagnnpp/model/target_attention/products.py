"""Matrix products of the CPU backend, in blocks of items and into buffers that are used again.

Z = X Eᵀ is kept as [blocks, rows, COLUMNS]: batched products over blocks of items run at the processor's speed, where one
product with a row of 43,000 numbers reaches half of it (docs/performance.md), and a block of a session is contiguous for
the passes between the products.
"""

import platform
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

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
        """Z [blocks, r, columns] float32 of rows [r, D], valid until the next call for blocks of the same size."""
        shape = (self.n_blocks, rows.shape[0], self.items.shape[1])
        z = WORKSPACE.tensor(f"products {shape[2] == COLUMNS}", *shape)
        typed = rows.to(self.items.dtype).expand(shape[0], -1, -1)
        if self.items.dtype == torch.float32:
            return torch.bmm(typed, self.items.transpose(1, 2), out=z)
        return z.copy_(torch.bmm(typed, self.items.transpose(1, 2), out=self._low(z, "products")))

    def gradient_of_rows(self, z_gradient: Tensor) -> Tensor:
        """Gradient [r, D] of the rows, given that of Z."""
        typed = self._typed(z_gradient)
        parts = WORKSPACE.tensor(
            "gradient of rows", self.n_blocks, z_gradient.shape[1], self.items.shape[2], dtype=self.items.dtype
        )
        return torch.bmm(typed, self.items, out=parts).sum(dim=0, dtype=torch.float32)

    def add_gradient_of_items(self, z_gradient: Tensor, rows: Tensor) -> None:
        """Add the gradient of the items, given that of Z, to ``gradient``."""
        assert self.gradient is not None
        expanded = rows.to(self.items.dtype).expand(self.n_blocks, -1, -1)
        typed = self._typed(z_gradient).transpose(1, 2)
        if self.items.dtype == torch.float32:
            self.gradient.baddbmm_(typed, expanded)
        else:
            self.gradient.add_(torch.bmm(typed, expanded))

    def _typed(self, z: Tensor) -> Tensor:
        return z if z.dtype == self.items.dtype else self._low(z, "gradient").copy_(z)

    def _low(self, like: Tensor, name: str) -> Tensor:
        return WORKSPACE.tensor(f"{name} {like.shape[2] == COLUMNS}", *like.shape, dtype=self.items.dtype)


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

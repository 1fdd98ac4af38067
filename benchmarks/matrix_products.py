"""The floor: the three matrix products of a target attention step, and nothing else, at their best layout."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

CHUNK_ROWS = (128, 256, 512)
BLOCK_ITEMS = (512, 1024, 2048)


def product_layouts(rows: int, n_items: int, size: int, device: torch.device) -> Iterator[tuple[str, Callable[[], None]]]:
    """Ways to compute Z = X E^T, dX = dZ E and dE += dZ^T X chunk by chunk over the rows of X, buffers reused.

    Yields:
        name of the layout and a function that does all the work of one step.
    """
    x, items = torch.randn(rows, size, device=device), torch.randn(n_items, size, device=device)
    gradient = torch.zeros_like(items)
    for chunk in CHUNK_ROWS:
        buffer = torch.empty(min(chunk, rows) * n_items, device=device)
        yield f"whole rows, {chunk} at a time", partial(_rows_first, x, items, gradient, buffer, chunk)
        yield f"whole columns, {chunk} rows at a time", partial(_items_first, x, items, gradient, buffer, chunk)
        for block in BLOCK_ITEMS:
            name = f"blocks of {block} items, {chunk} rows at a time"
            yield name, partial(_blocks, x, items, gradient, buffer, chunk, block)


def _rows_first(x: Tensor, items: Tensor, gradient: Tensor, buffer: Tensor, chunk: int) -> None:
    for part in x.split(chunk):
        z = torch.mm(part, items.T, out=buffer[: part.shape[0] * items.shape[0]].view(part.shape[0], -1))
        torch.mm(z, items)
        gradient.addmm_(z.T, part)


def _items_first(x: Tensor, items: Tensor, gradient: Tensor, buffer: Tensor, chunk: int) -> None:
    for part in x.split(chunk):
        z = torch.mm(items, part.T, out=buffer[: part.shape[0] * items.shape[0]].view(items.shape[0], -1))
        torch.mm(z.T, items)
        gradient.addmm_(z, part)


def _blocks(x: Tensor, items: Tensor, gradient: Tensor, buffer: Tensor, chunk: int, block: int) -> None:
    """Batched over blocks of items; the items that fill no block are one more, smaller batch."""
    whole = items.shape[0] // block * block
    for part in x.split(chunk):
        for first, last, columns in ((0, whole, block), (whole, items.shape[0], items.shape[0] - whole)):
            if first == last:
                continue
            of_items = items[first:last].view(-1, columns, items.shape[1])
            of_rows = part.expand(of_items.shape[0], -1, -1)
            z = buffer[: part.shape[0] * (last - first)].view(-1, part.shape[0], columns)
            torch.bmm(of_rows, of_items.transpose(1, 2), out=z)
            torch.bmm(z, of_items).sum(dim=0)
            gradient[first:last].view_as(of_items).baddbmm_(z.transpose(1, 2), of_rows)

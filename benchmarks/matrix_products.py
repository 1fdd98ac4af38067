"""The floor: the three matrix products of a target attention step, and nothing else, at their best layout."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

CHUNK_ROWS = (128, 256, 512, 1024)


def product_layouts(rows: int, n_items: int, size: int, device: torch.device) -> Iterator[tuple[str, Callable[[], None]]]:
    """Ways to compute Z = X E^T, dX = Z E and dE = Z^T X chunk by chunk over the rows of X, buffers reused.

    Yields:
        name of the layout and a function that does all the work of one step.
    """
    x, items = torch.randn(rows, size, device=device), torch.randn(n_items, size, device=device)
    gradient_items = torch.zeros_like(items)
    items_transposed = items.T.contiguous()
    for chunk in CHUNK_ROWS:
        if chunk / 2 >= rows:
            continue
        buffer = torch.empty(chunk * n_items, device=device)
        for name, transposed in (("rows first", False), ("items first", True)):
            yield (
                f"{name}, {chunk} rows",
                lambda chunk=chunk, buffer=buffer, transposed=transposed: _products(
                    x, items, items_transposed, gradient_items, buffer, chunk, transposed
                ),
            )


def _products(
    x: Tensor,
    items: Tensor,
    items_transposed: Tensor,
    gradient_items: Tensor,
    buffer: Tensor,
    chunk: int,
    transposed: bool,
) -> None:
    n_items = items.shape[0]
    for part in x.split(chunk):
        size = part.shape[0] * n_items
        if transposed:
            z = torch.mm(items, part.T, out=buffer[:size].view(n_items, part.shape[0]))
            torch.mm(z.T, items)
            gradient_items.addmm_(z, part)
        else:
            z = torch.mm(part, items_transposed, out=buffer[:size].view(part.shape[0], n_items))
            torch.mm(z, items)
            gradient_items.addmm_(z.T, part)

"""Rows X of the matrix products, shared by the fast backends, and the chunks of sessions that are worked on together.

Two identities spare rows.  The attention weights sum to 1, so the session vector can be added to the values:
``s.v + sum_l p_l (u_l.v) = sum_l p_l ((u_l + s).v)``.  A softmax does not change when a number is added to all its inputs,
so the key of a session's first position can be taken off all its keys: it becomes 0 and needs no row.  A session of n
clicks then has n value rows and n - 1 key rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recbole_tagnnpp.transfer import to_device


@dataclass(frozen=True)
class Chunk:
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


def chunks(lengths: Tensor, most_rows: int) -> Iterator[Chunk]:
    """Cut a batch into chunks of at most ``most_rows`` rows of X, and of at least one session.

    Args:
        lengths: [B] int64 on the CPU.
        most_rows: limit for all chunks but those of a single session.
    """
    ends = np.concatenate([[0], np.cumsum(lengths.numpy())]).astype(np.int64)
    start = 0
    while start < len(ends) - 1:
        rows = 2 * (ends[start + 1 :] - ends[start]) - np.arange(1, len(ends) - start)
        stop = start + max(1, int(np.searchsorted(rows, most_rows, side="right")))
        low, high = int(ends[start]), int(ends[stop])
        yield Chunk(slice(start, stop), slice(low, high), slice(low - start, high - stop), ends[start : stop + 1] - low)
        start = stop


class Rows:
    """The rows X of all sessions, and the way back from their gradient.

    Args:
        keys, values: [P, D] float32.
        session: [B, D] float32, on the same device.
        lengths: [B] int64 on the CPU: indices are made there, so that a GPU need not be waited for.
    """

    def __init__(self, keys: Tensor, values: Tensor, session: Tensor, lengths: Tensor) -> None:
        first = torch.cumsum(lengths, 0) - lengths  # [B]
        is_first = torch.zeros(len(keys), dtype=torch.bool)
        is_first[first] = True
        owner = torch.repeat_interleave(lengths)  # [P]
        later = torch.nonzero(~is_first).squeeze(1)  # [P - B]: positions but the first ones
        self.first, self.owner, self.later, self.later_owner = to_device([first, owner, later, owner[later]], keys.device)
        self.values = values + session[self.owner]  # [P, D]
        self.keys = keys[self.later] - keys[self.first][self.later_owner]  # [P - B, D]

    def of(self, chunk: Chunk) -> Tensor:
        """X of a chunk: its value rows, then its key rows."""
        return torch.cat([self.values[chunk.values], self.keys[chunk.keys]])

    def gradients(self, values: Tensor, keys: Tensor, n_sessions: int) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of keys [P, D], values [P, D] and session [B, D] from those of ``self.values`` and ``self.keys``."""
        zeros = values.new_zeros(n_sessions, values.shape[1])
        of_keys = torch.empty_like(values)
        of_keys[self.later] = keys
        of_keys[self.first] = -zeros.index_add(0, self.later_owner, keys)
        return of_keys, values, zeros.index_add(0, self.owner, values)

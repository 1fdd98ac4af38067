"""Sessions without padding: the real positions of a batch, one session after the other.

Shape letters used in this package: B sessions, L positions of the longest session of the batch, P real positions
of all sessions together, N graph nodes of all sessions together, I items, D embedding size, H heads.
"""

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from recbole_tagnnpp.transfer import to_device


@dataclass(frozen=True)
class PackedSessions:
    """The real positions of a batch of sessions.

    Attributes:
        items: [P] int64, item of every position, session by session, oldest click first.
        session_of_position: [P] int64, row of the batch that a position belongs to.
        lengths: [B] int64, number of positions of each session, at least 1.
        first_position: [B] int64, index into ``items`` of each session's first position.
        is_real: [B, L] bool, which cells of the padded form hold a position.
        cell: [P] int64, which of its cells, counted row by row, holds a position.
    """

    items: Tensor
    session_of_position: Tensor
    lengths: Tensor
    first_position: Tensor
    is_real: Tensor
    cell: Tensor

    @property
    def last_position(self) -> Tensor:
        """[B] int64, index into ``items`` of each session's last click."""
        return self.first_position + self.lengths - 1

    def to(self, device: torch.device) -> "PackedSessions":
        """The same on another device."""
        return PackedSessions(**tensors_on(self, device))

    def pad(self, packed: Tensor) -> Tensor:
        """Spread rows [P, ...] over [B, L, ...], zeros where there is no position."""
        cells = packed.new_zeros(self.is_real.numel(), *packed.shape[1:])
        return cells.index_copy(0, self.cell, packed).unflatten(0, self.is_real.shape)

    def pack(self, padded: Tensor) -> Tensor:
        """Take the real positions [P, ...] out of [B, L, ...]."""
        return padded.flatten(0, 1).index_select(0, self.cell)

    def sum_per_session(self, packed: Tensor) -> Tensor:
        """Add up the rows [P, D] of each session: [B, D]."""
        total = packed.new_zeros(self.lengths.shape[0], packed.shape[1])
        return total.index_add(0, self.session_of_position, packed)


def tensors_on(holder: Any, device: torch.device) -> dict[str, Tensor]:
    """Fields of a dataclass of tensors, moved to a device."""
    names = [field.name for field in fields(holder)]
    return dict(zip(names, to_device([getattr(holder, name) for name in names], device), strict=True))


def pack_sessions(item_seq: Tensor, item_seq_len: Tensor, max_length: int) -> PackedSessions:
    """Drop the padding of RecBole's ``item_seq``; of a session longer than ``max_length`` keep the newest clicks.

    Args:
        item_seq: [B, L] int64, clicks from column 0 on, anything behind ``item_seq_len`` is ignored.
        item_seq_len: [B] int64, number of clicks.
        max_length: most positions of a session.

    Raises:
        ValueError: a session is empty or longer than L.
    """
    width = item_seq.shape[1]
    shortest, longest = (int(length) for length in torch.aminmax(item_seq_len))
    if shortest < 1 or longest > width:
        raise ValueError(f"session lengths must lie in 1..{width}, got {item_seq_len.tolist()}")
    columns = torch.arange(longest, device=item_seq.device)
    is_real = (columns < item_seq_len[:, None]) & (columns >= item_seq_len[:, None] - max_length)  # [B, L]
    lengths = item_seq_len.clamp(max=max_length)
    cell = is_real.flatten().nonzero().squeeze(1)
    return PackedSessions(
        items=item_seq[:, :longest].flatten().index_select(0, cell),
        session_of_position=cell // longest,
        lengths=lengths,
        first_position=lengths.cumsum(0) - lengths,
        is_real=is_real,
        cell=cell,
    )

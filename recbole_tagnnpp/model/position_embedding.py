"""Step 3: where in the session a click stands ("PE" in Table II)."""

from typing import Literal

import torch
from torch import Tensor, nn

from recbole_tagnnpp.model.packing import PackedSessions

PositionOrder = Literal["from_end", "from_start"]


class PositionEmbedding(nn.Module):
    """Learned vector of a position, added to its state.

    Args:
        max_length: longest session, number of vectors.
        embedding_size: D.
        order: ``from_end`` gives the last click position 0, ``from_start`` the first.
    """

    def __init__(self, max_length: int, embedding_size: int, order: PositionOrder) -> None:
        super().__init__()
        self.order = order
        self.embedding = nn.Embedding(max_length, embedding_size)

    def forward(self, sessions: PackedSessions) -> Tensor:
        """Position vectors [P, D] of a batch's positions."""
        index = torch.arange(sessions.items.shape[0], device=sessions.items.device)
        end = sessions.last_position if self.order == "from_end" else sessions.first_position
        return self.embedding((index - end[sessions.session_of_position]).abs())

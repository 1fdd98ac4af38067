"""Outer memory encoder: what the most similar sessions before say."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class OuterMemoryEncoder(nn.Module):
    r"""A memory of the last sessions, read by similarity, written first in, first out.

    Reading with :math:`c^l`: the k slots of largest cosine :math:`\cos(c^l, m_p)` are the neighbours, and
    :math:`c^o = \sum_p w_p m_p` with :math:`w = \mathrm{softmax}_p(\cos(c^l, m_p))` over them.  While fewer slots are
    written, all of them are neighbours; while none is, the session is its own: :math:`c^o = c^l`.

    Slots are values, not weights: they learn nothing themselves, and checkpoints hold them.

    Args:
        n_slots: most sessions in memory.
        n_neighbors: k.
        hidden_size: width H of a slot.
    """

    slots: Tensor
    n_written: Tensor

    def __init__(self, n_slots: int, n_neighbors: int, hidden_size: int) -> None:
        super().__init__()
        self.n_neighbors = n_neighbors
        self.register_buffer("slots", torch.zeros(n_slots, hidden_size))
        self.register_buffer("n_written", torch.zeros((), dtype=torch.int64))  # since the start of training

    def read(self, sessions: Tensor) -> Tensor:
        """What the neighbours of sessions [B, H] say, [B, H]; the memory stays as it is."""
        filled = self.slots[: int(self.n_written)]
        if filled.shape[0] == 0:
            return sessions
        cosine = F.normalize(sessions, dim=1) @ F.normalize(filled, dim=1).T  # [B, slots]
        nearest, slot = torch.topk(cosine, min(self.n_neighbors, filled.shape[0]), dim=1, sorted=False)  # [B, k]
        weights = torch.softmax(nearest, dim=1)
        # a product with mostly zeros costs less than gathering the neighbours as [B, k, H]
        return weights.new_zeros(cosine.shape).scatter(1, slot, weights) @ filled

    @torch.no_grad()
    def write(self, sessions: Tensor) -> None:
        """Keep sessions [B, H], without gradient, in place of the oldest ones."""
        n_slots = self.slots.shape[0]
        kept = sessions[-n_slots:]
        skipped = sessions.shape[0] - kept.shape[0]
        steps = torch.arange(kept.shape[0], device=kept.device)
        slot = (self.n_written + skipped + steps) % n_slots
        # a new tensor: the backward pass of what was read before still needs the old one
        self.slots = self.slots.index_copy(0, slot, kept)
        self.n_written = self.n_written + sessions.shape[0]

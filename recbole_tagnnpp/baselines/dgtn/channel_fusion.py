"""One vector from the two channels of an item (DGTN, section on fusion)."""

import torch
from torch import Tensor, nn


class ChannelFusion(nn.Module):
    """Mix the two channels in the same way in every dimension.

    ``cnn``: filters of size one over the two channels, then a weighted sum of the filters (the paper's choice);
    ``max``: the larger one of both, without parameters (what the released code runs).

    Args:
        fusion: ``cnn`` or ``max``.
        n_filters: of ``cnn``.
    """

    def __init__(self, fusion: str, n_filters: int) -> None:
        super().__init__()
        self.convolution = nn.Sequential(nn.Linear(2, n_filters), nn.Linear(n_filters, 1)) if fusion == "cnn" else None

    def forward(self, intra: Tensor, inter: Tensor) -> Tensor:
        """Fuse states.

        Args:
            intra: [M, D] states of the channel within the session.
            inter: [M, D] states of the channel from the neighbour sessions.

        Returns:
            [M, D].
        """
        if self.convolution is None:
            return torch.maximum(intra, inter)
        return self.convolution(torch.stack([intra, inter], dim=2)).squeeze(2)

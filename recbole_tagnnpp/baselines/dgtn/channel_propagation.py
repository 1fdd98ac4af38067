"""Item vectors travel along the edges of one channel (DGTN, section on propagation)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from recbole_tagnnpp.baselines.dgtn.channel_graph import ChannelGraph


def propagate(states: Tensor, graph: ChannelGraph, n_layers: int) -> Tensor:
    """``h_i <- h_i / (d_i + 1) + sum_j h_j / sqrt((d_i + 1) (d_j + 1))``, without weights and nonlinearity.

    Args:
        states: [N, D] node states.
        graph: edges and their weights.
        n_layers: how often.

    Returns:
        [N, D] states behind the last layer.
    """
    sender, first_edge, weight = (
        torch.from_numpy(array).to(states.device) for array in (graph.sender, graph.first_edge, graph.weight)
    )
    for _ in range(n_layers):
        # a node's new state is a "bag": the weighted sum of the states that are sent to it
        states = F.embedding_bag(sender, states, first_edge, mode="sum", per_sample_weights=weight.to(states.dtype))
    return states

"""WGAT: a node attends to its predecessors and sees how often each was followed by it (FGNN, section 4.2)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recbole_tagnnpp.baselines.fgnn.weighted_graph import WeightedSessionGraphs
from recbole_tagnnpp.baselines.segments import segment_softmax, segment_sum


class WeightedGraphAttention(nn.Module):
    r"""One layer of weighted graph attention.

    With w_ij the weight of the edge from j to i and N(i) the nodes with an edge towards i,

    .. math::
        \alpha^k_{ij} &= \mathrm{softmax}_{j \in N(i)} \mathrm{LeakyReLU}(a^k \cdot [W^k x_i ; W^k x_j ; w_{ij}]) \\
        x'_i &= \sigma\Big(\frac{1}{K} \sum_k \sum_{j \in N(i)} \alpha^k_{ij} W^k x_j\Big)

    The vector a is kept as its three parts, so that no row [W x_i ; W x_j ; w_ij] is ever written down.

    Args:
        embedding_size: D.
        n_heads: K, each of width D.
        negative_slope: of the LeakyReLU.
    """

    def __init__(self, embedding_size: int, n_heads: int, negative_slope: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.negative_slope = negative_slope
        self.projection = nn.Linear(embedding_size, n_heads * embedding_size, bias=False)  # W of all heads
        self.attention_target = nn.Parameter(torch.empty(n_heads, embedding_size))  # a, part of W x_i
        self.attention_source = nn.Parameter(torch.empty(n_heads, embedding_size))  # a, part of W x_j
        self.attention_weight = nn.Parameter(torch.empty(n_heads))  # a, part of w_ij
        # the mean of K heads of independent weights is sqrt(K) smaller than one of them: with these it keeps the scale
        scale_kept = math.sqrt(3 * n_heads / embedding_size)
        nn.init.uniform_(self.projection.weight, -scale_kept, scale_kept)
        bound = 1.0 / math.sqrt(embedding_size)
        for parameter in (self.attention_target, self.attention_source, self.attention_weight):
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, states: Tensor, graphs: WeightedSessionGraphs) -> Tensor:
        """Update node states.

        Args:
            states: [N, D] node states.
            graphs: weighted edges between the nodes.

        Returns:
            [N, D] new node states.
        """
        n_nodes, size = states.shape
        projected = self.projection(states).view(n_nodes, self.n_heads, size)
        of_target = (projected * self.attention_target).sum(2)  # [N, K]
        of_source = (projected * self.attention_source).sum(2)
        scores = (
            of_target[graphs.edge_target] + of_source[graphs.edge_source] + graphs.weight[:, None] * self.attention_weight
        )  # [E, K]
        scores = F.leaky_relu(scores, self.negative_slope)
        heads = torch.arange(self.n_heads, device=states.device)
        segment = graphs.edge_target[:, None] * self.n_heads + heads  # [E, K], one group for each node and head
        attention = segment_softmax(scores.flatten(), segment.flatten(), n_nodes * self.n_heads).view_as(scores)
        messages = (attention[:, :, None] * projected[graphs.edge_source]).mean(1)  # [E, D]
        return F.elu(segment_sum(messages, graphs.edge_target, n_nodes))

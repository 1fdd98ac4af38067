"""Shortcut graph attention, the even layers of LESSR."""

import torch
from torch import Tensor, nn

from recbole_tagnnpp.baselines.lessr.batch_norm import RowBatchNorm
from recbole_tagnnpp.baselines.lessr.graphs import LosslessGraphs
from recbole_tagnnpp.baselines.segments import segment_softmax, segment_sum


class SGAT(nn.Module):
    r"""Every node attends to itself and to the nodes that were clicked before it.

    :math:`x_i' = \mathrm{PReLU}(\sum_j \alpha_{ij} W_{val} x_j)` over the shortcut edges from j to i, with
    :math:`\alpha_{i \cdot} = \mathrm{softmax}(p \cdot \sigma(W_{qry} x_j + W_{key} x_i + b))`; x is batch-normalised
    before.

    Args:
        input_size: width of a node's input.
        output_size: width of its output and of the attention's hidden layer.
        dropout_prob: dropout of the input.
    """

    def __init__(self, input_size: int, output_size: int, dropout_prob: float) -> None:
        super().__init__()
        self.batch_norm = RowBatchNorm(input_size)
        self.dropout = nn.Dropout(dropout_prob)
        self.query = nn.Linear(input_size, output_size)  # its bias is b
        self.key = nn.Linear(input_size, output_size, bias=False)
        self.value = nn.Linear(input_size, output_size, bias=False)
        self.weight = nn.Linear(output_size, 1, bias=False)  # p
        self.activation = nn.PReLU(output_size)

    def forward(self, states: Tensor, graphs: LosslessGraphs) -> Tensor:
        """Node states [N, input_size] to new ones [N, output_size]."""
        source, target, n_nodes = graphs.shortcut_source, graphs.shortcut_target, states.shape[0]
        states = self.dropout(self.batch_norm(states))
        hidden = torch.sigmoid(self.query(states)[source] + self.key(states)[target])  # [S, output_size]
        attention = segment_softmax(self.weight(hidden).squeeze(1), target, n_nodes)  # [S]
        return self.activation(segment_sum(attention[:, None] * self.value(states)[source], target, n_nodes))

"""From the nodes of a session to one vector."""

import torch
from torch import Tensor, nn

from recbole_tagnnpp.baselines.lessr.batch_norm import RowBatchNorm
from recbole_tagnnpp.baselines.lessr.graphs import LosslessGraphs
from recbole_tagnnpp.baselines.segments import segment_softmax, segment_sum


class AttentionReadout(nn.Module):
    r"""Attention over the nodes of a session, with the last click's node as query.

    :math:`s_g = \mathrm{PReLU}(W \sum_i \beta_i x_i)` with
    :math:`\beta = \mathrm{softmax}_i(q \cdot \sigma(W_1 x_i + W_2 x_{last} + r))`; x is batch-normalised before.

    Args:
        input_size: width of a node's state.
        output_size: width of the output and of the attention's hidden layer.
        dropout_prob: dropout of the states.
    """

    def __init__(self, input_size: int, output_size: int, dropout_prob: float) -> None:
        super().__init__()
        self.batch_norm = RowBatchNorm(input_size)
        self.dropout = nn.Dropout(dropout_prob)
        self.key = nn.Linear(input_size, output_size, bias=False)  # W_1
        self.query = nn.Linear(input_size, output_size)  # W_2; its bias is r
        self.weight = nn.Linear(output_size, 1, bias=False)  # q
        self.output = nn.Linear(input_size, output_size, bias=False)
        self.activation = nn.PReLU(output_size)

    def forward(self, states: Tensor, graphs: LosslessGraphs) -> Tensor:
        """Node states [N, input_size] to session vectors [B, output_size]."""
        session, n_sessions = graphs.session_of_node, graphs.last_node.shape[0]
        states = self.dropout(self.batch_norm(states))
        hidden = torch.sigmoid(self.key(states) + self.query(states[graphs.last_node])[session])  # [N, output_size]
        attention = segment_softmax(self.weight(hidden).squeeze(1), session, n_sessions)  # [N]
        return self.activation(self.output(segment_sum(attention[:, None] * states, session, n_sessions)))

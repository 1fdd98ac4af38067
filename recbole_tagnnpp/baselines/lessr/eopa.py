"""Edge-order preserving aggregation, the odd layers of LESSR."""

from torch import Tensor, nn

from recbole_tagnnpp.baselines.lessr.batch_norm import RowBatchNorm
from recbole_tagnnpp.baselines.lessr.graphs import LosslessGraphs
from recbole_tagnnpp.baselines.ragged_gru import RaggedGRU


class EOPA(nn.Module):
    r"""A GRU reads the predecessors of a node in the order in which they led to it.

    For node i with predecessors :math:`j_1, \dots, j_d` (one for each time i was clicked after another click):
    :math:`x_i' = \mathrm{PReLU}(W_{self} x_i + W_{neigh} h_d)` with :math:`h_k = \mathrm{GRU}(x_{j_k}, h_{k-1})` and
    :math:`h_0 = 0`; x is batch-normalised before.

    Args:
        input_size: width of a node's input.
        output_size: width of its output.
        dropout_prob: dropout of what the GRU reads.
    """

    def __init__(self, input_size: int, output_size: int, dropout_prob: float) -> None:
        super().__init__()
        self.batch_norm = RowBatchNorm(input_size)
        self.dropout = nn.Dropout(dropout_prob)
        self.gru = RaggedGRU(input_size, input_size)
        self.self_weight = nn.Linear(input_size, output_size, bias=False)
        self.neighbor_weight = nn.Linear(input_size, output_size, bias=False)
        self.activation = nn.PReLU(output_size)

    def forward(self, states: Tensor, graphs: LosslessGraphs) -> Tensor:
        """Node states [N, input_size] to new ones [N, output_size]."""
        states = self.batch_norm(states)
        _, neighbors = self.gru(self.dropout(states)[graphs.predecessors], graphs.in_degree)
        return self.activation(self.self_weight(states) + self.neighbor_weight(neighbors))

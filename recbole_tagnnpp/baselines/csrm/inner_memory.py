"""Inner memory encoder: what the session itself says."""

import torch
from torch import Tensor, nn

from recbole_tagnnpp.baselines.ragged_gru import RaggedGRU
from recbole_tagnnpp.baselines.segments import segment_softmax
from recbole_tagnnpp.model.packing import PackedSessions


class InnerMemoryEncoder(nn.Module):
    r"""Two GRUs over the clicks, as in NARM (Li et al., CIKM 2017).

    The global encoder's last state is :math:`c^g`.  The local encoder attends over its own states with its last one as
    query: :math:`c^l = \sum_j \alpha_j h_j` with
    :math:`\alpha = \mathrm{softmax}_j(v \cdot \sigma(A_1 h_t + A_2 h_j))`.

    Args:
        input_size: width of an item vector.
        hidden_size: width H of the states.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.global_gru = RaggedGRU(input_size, hidden_size)
        self.local_gru = RaggedGRU(input_size, hidden_size)
        self.query = nn.Linear(hidden_size, hidden_size, bias=False)  # A_1
        self.key = nn.Linear(hidden_size, hidden_size, bias=False)  # A_2
        self.weight = nn.Linear(hidden_size, 1, bias=False)  # v

    def forward(self, vectors: Tensor, sessions: PackedSessions) -> tuple[Tensor, Tensor]:
        """Encode a batch of sessions.

        Args:
            vectors: [P, input_size] item vectors of the clicks.
            sessions: the positions of the vectors.

        Returns:
            :math:`c^l` [B, H] and :math:`c^g` [B, H].
        """
        _, whole = self.global_gru(vectors, sessions.lengths)
        states, last = self.local_gru(vectors, sessions.lengths)
        session = sessions.session_of_position
        scores = self.weight(torch.sigmoid(self.query(last)[session] + self.key(states)))  # [P, 1]
        attention = segment_softmax(scores.squeeze(1), session, sessions.lengths.shape[0])
        return sessions.sum_per_session(attention[:, None] * states), whole

"""The session as a whole: a query looks at all nodes several times and changes with what it saw (FGNN, section 4.3)."""

import torch
from torch import Tensor, nn

from recbole_tagnnpp.baselines.segments import segment_softmax, segment_sum


class RecurrentReadout(nn.Module):
    r"""Set2Set (Vinyals et al. 2016) with a GRU.

    From :math:`q^*_0 = 0` and an empty memory, for t = 1..T,
    :math:`q_t = \mathrm{GRU}(q^*_{t-1})`, :math:`\alpha_{t,i} = \mathrm{softmax}_i(x_i \cdot q_t)`,
    :math:`r_t = \sum_i \alpha_{t,i} x_i` and :math:`q^*_t = [q_t ; r_t]`.  The result does not depend on the order of
    the nodes.

    Args:
        embedding_size: D.
        n_steps: T, at least 1.
    """

    def __init__(self, embedding_size: int, n_steps: int) -> None:
        super().__init__()
        self.n_steps = n_steps
        self.gru_cell = nn.GRUCell(2 * embedding_size, embedding_size)

    def forward(self, states: Tensor, session_of_node: Tensor, n_sessions: int) -> Tensor:
        """Read a batch of sessions.

        Args:
            states: [N, D] node states.
            session_of_node: [N] int64.
            n_sessions: B; every session has a node.

        Returns:
            [B, 2 D], the last query and what it saw.
        """
        size = states.shape[1]
        query = states.new_zeros(n_sessions, size)
        seen = states.new_zeros(n_sessions, 2 * size)
        for _ in range(self.n_steps):
            query = self.gru_cell(seen, query)
            scores = (states * query[session_of_node]).sum(1)  # [N]
            attention = segment_softmax(scores, session_of_node, n_sessions)
            seen = torch.cat([query, segment_sum(attention[:, None] * states, session_of_node, n_sessions)], dim=1)
        return seen

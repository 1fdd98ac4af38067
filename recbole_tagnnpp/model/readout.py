"""Step 5: one vector for what the session is about now, one for what it is about as a whole (SR-GNN equation 6)."""

import torch
from torch import Tensor, nn

from recbole_tagnnpp.model.packing import PackedSessions


class SessionReadout(nn.Module):
    """Local and global session embedding.

    ``s_local`` is the state of the last click; ``s_global = sum_l alpha_l h_l`` with
    ``alpha_l = q . sigmoid(W_query s_local + W_key h_l + c)``, not normalised over positions, as in SR-GNN.

    Args:
        embedding_size: D.
    """

    def __init__(self, embedding_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(embedding_size, embedding_size)  # its bias is c
        self.key = nn.Linear(embedding_size, embedding_size, bias=False)
        self.weight = nn.Linear(embedding_size, 1, bias=False)  # q

    def forward(self, states: Tensor, sessions: PackedSessions) -> tuple[Tensor, Tensor]:
        """Read a batch of sessions.

        Args:
            states: [P, D] packed states.
            sessions: the positions of the states.

        Returns:
            ``s_local`` [B, D] and ``s_global`` [B, D].
        """
        return read_sessions(states, sessions, self.query, self.key, self.weight)


def read_sessions(
    states: Tensor, sessions: PackedSessions, query: nn.Module, key: nn.Module, weight: nn.Module
) -> tuple[Tensor, Tensor]:
    """What :class:`SessionReadout` computes, with the layers of any model.

    Args:
        states: [P, D] packed states.
        sessions: the positions of the states.
        query, key: D to D, of the last click and of every click.
        weight: D to 1.

    Returns:
        ``s_local`` [B, D] and ``s_global`` [B, D].
    """
    local = states.index_select(0, sessions.last_position)
    query_of_session = query(local).index_select(0, sessions.session_of_position)  # [P, D]
    attention = weight(torch.sigmoid(query_of_session + key(states)))  # [P, 1]
    return local, sessions.sum_per_session(attention * states)

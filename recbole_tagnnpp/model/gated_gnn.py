"""Step 2: states flow along the edges of the session graph (Li et al. 2015; SR-GNN equations 1 to 5)."""

import torch
from torch import Tensor, nn

from recbole_tagnnpp.model.session_graph import SessionGraphs


class GatedGNN(nn.Module):
    """Gated graph network with separate weights for incoming and outgoing edges.

    One step computes, with node states H, ``message = [A_in (H W_in + c_in) + b_in ; A_out (H W_out + c_out) + b_out]``
    and ``H <- GRUCell(message, H)``.

    Args:
        embedding_size: D.
        n_steps: how often the states are updated, at least 1.
    """

    def __init__(self, embedding_size: int, n_steps: int) -> None:
        super().__init__()
        self.n_steps = n_steps
        self.incoming = nn.Linear(embedding_size, embedding_size)
        self.outgoing = nn.Linear(embedding_size, embedding_size)
        self.incoming_bias = nn.Parameter(torch.zeros(embedding_size))
        self.outgoing_bias = nn.Parameter(torch.zeros(embedding_size))
        self.gru_cell = nn.GRUCell(2 * embedding_size, embedding_size)

    def forward(self, states: Tensor, graphs: SessionGraphs) -> Tensor:
        """Update node states.

        Args:
            states: [N, D] node states.
            graphs: edges between the nodes.

        Returns:
            [N, D] new node states.
        """
        for _ in range(self.n_steps):
            states = self.gru_cell(self._messages(states, graphs), states)
        return states

    def _messages(self, states: Tensor, graphs: SessionGraphs) -> Tensor:
        """What every node hears from its predecessors and its successors, [N, 2 D]."""
        incoming, outgoing = flow_along_edges(self.incoming(states), self.outgoing(states), graphs)
        return torch.cat([incoming + self.incoming_bias, outgoing + self.outgoing_bias], dim=1)


def flow_along_edges(to_successors: Tensor, to_predecessors: Tensor, graphs: SessionGraphs) -> tuple[Tensor, Tensor]:
    """Both products with the adjacency matrices, ``A_in to_successors`` and ``A_out to_predecessors``.

    Args:
        to_successors: [N, D], what every node sends along its outgoing edges.
        to_predecessors: [N, D], what every node sends back along its incoming edges.
        graphs: edges between the nodes.

    Returns:
        [N, D] each: what arrives at every node from its predecessors, and from its successors.
    """
    from_predecessors = to_successors.index_select(0, graphs.edge_source) * graphs.weight_in[:, None]  # [E, D]
    from_successors = to_predecessors.index_select(0, graphs.edge_target) * graphs.weight_out[:, None]  # [E, D]
    nothing = from_predecessors.new_zeros(to_successors.shape)  # under autocast what is sent has another dtype
    return (
        nothing.index_add(0, graphs.edge_target, from_predecessors),
        nothing.index_add(0, graphs.edge_source, from_successors),
    )

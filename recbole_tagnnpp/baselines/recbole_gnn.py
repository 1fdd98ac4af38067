"""The gated graph network of RecBole's SRGNN and GCSAN, on nodes without padding."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from recbole_tagnnpp.model.gated_gnn import flow_along_edges
from recbole_tagnnpp.model.session_graph import SessionGraphs

NO_BIAS = (0.0, 0.0)


def update_nodes(
    gnn: Any, states: Tensor, graphs: SessionGraphs, biases: tuple[Tensor | float, Tensor | float] = NO_BIAS
) -> Tensor:
    """What RecBole's ``GNN`` computes, its parameters applied to packed nodes (SR-GNN equations 1 to 5).

    Args:
        gnn: RecBole's ``GNN``, of ``srgnn`` or of ``gcsan``.
        states: [N, D] node states.
        graphs: edges between the nodes.
        biases: [D] each, added to what came along incoming and outgoing edges; only SRGNN has them.

    Returns:
        [N, D] new node states.
    """
    for _ in range(gnn.step):
        incoming, outgoing = flow_along_edges(gnn.linear_edge_in(states), gnn.linear_edge_out(states), graphs)
        messages = torch.cat([incoming + biases[0], outgoing + biases[1]], dim=1)  # [N, 2 D]
        of_message = F.linear(messages, gnn.w_ih, gnn.b_ih).chunk(3, dim=1)
        of_state = F.linear(states, gnn.w_hh, gnn.b_hh).chunk(3, dim=1)
        reset_gate = torch.sigmoid(of_message[0] + of_state[0])
        update_gate = torch.sigmoid(of_message[1] + of_state[1])
        candidate = torch.tanh(of_message[2] + reset_gate * of_state[2])
        states = states + update_gate * (candidate - states)
    return states

"""What RecBole's SRGNN and GCSAN begin with, a gated graph network over session graphs, without padding."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from recbole_tagnnpp.model.gated_gnn import flow_along_edges
from recbole_tagnnpp.model.packing import PackedSessions, pack_sessions
from recbole_tagnnpp.model.session_graph import SessionGraphs, build_session_graphs

Bias = Tensor | float


def graph_states(
    model: Any, item_seq: Tensor, item_seq_len: Tensor, incoming_bias: Bias = 0.0, outgoing_bias: Bias = 0.0
) -> tuple[PackedSessions, Tensor]:
    """State of every position behind the graph network (SR-GNN equations 1 to 5).

    Args:
        model: RecBole's ``SRGNN`` or ``GCSAN``, whose parameters are used.
        item_seq: [B, L] int64 clicks, padded with 0 behind.
        item_seq_len: [B] int64 number of clicks, 1..L.
        incoming_bias, outgoing_bias: [D], added to what came along the edges; only SRGNN has them.

    Returns:
        The real positions of the batch, and their states [P, D].

    Raises:
        ValueError: a session is empty, or ``item_seq_len`` is larger than L.
    """
    weight = model.item_embedding.weight
    # a GPU would have to be waited for at every step of these few integers
    on_host = pack_sessions(item_seq.cpu(), item_seq_len.cpu(), item_seq.shape[1])
    graphs = build_session_graphs(on_host, model.n_items, weight.dtype).to(weight.device)
    states = model.item_embedding(graphs.node_items)  # [N, D]
    for _ in range(model.gnn.step):
        states = _update(model.gnn, states, graphs, incoming_bias, outgoing_bias)
    return on_host.to(weight.device), states.index_select(0, graphs.alias)


def _update(gnn: Any, states: Tensor, graphs: SessionGraphs, incoming_bias: Bias, outgoing_bias: Bias) -> Tensor:
    """RecBole's ``GNNCell``, whose update gate says how much is new, on packed nodes [N, D]."""
    incoming, outgoing = flow_along_edges(gnn.linear_edge_in(states), gnn.linear_edge_out(states), graphs)
    messages = torch.cat([incoming + incoming_bias, outgoing + outgoing_bias], dim=1)  # [N, 2 D]
    of_message = F.linear(messages, gnn.w_ih, gnn.b_ih).chunk(3, dim=1)
    of_state = F.linear(states, gnn.w_hh, gnn.b_hh).chunk(3, dim=1)
    reset_gate = torch.sigmoid(of_message[0] + of_state[0])
    update_gate = torch.sigmoid(of_message[1] + of_state[1])
    candidate = torch.tanh(of_message[2] + reset_gate * of_state[2])
    return states + update_gate * (candidate - states)

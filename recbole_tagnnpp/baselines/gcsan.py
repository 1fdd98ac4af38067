"""RecBole's GCSAN without padding."""

from typing import Any

import torch
from torch import Tensor

from recbole_tagnnpp.baselines.recbole_gnn import graph_states
from recbole_tagnnpp.model.packing import PackedSessions
from recbole_tagnnpp.model.transformer import attend_within_sessions
from recbole_tagnnpp.recbole_compat import import_sequential_model

RecBoleGCSAN = import_sequential_model("gcsan").GCSAN


class GCSAN(RecBoleGCSAN):  # type: ignore[misc, valid-type]
    """GC-SAN (Xu et al., IJCAI 2019) as RecBole computes it.

    RecBole builds every graph in Python loops, pads every session to 50 positions and gives every position a node.
    Here tensor operations build the graphs of a whole batch, and only real nodes and positions are computed, with
    RecBole's own parameters; padding has no part in RecBole's result, so that the numbers stay the same.
    """

    pads_to_longest = True
    """Tells the loader that batches may be cut to their longest session."""

    def forward(self, item_seq: Tensor, item_seq_len: Tensor) -> Tensor:
        """Session vectors [B, D] of ``item_seq`` [B, L] int64, padded with 0 behind ``item_seq_len`` [B] clicks."""
        sessions, states = graph_states(self, item_seq, item_seq_len)
        last = states.index_select(0, sessions.last_position)  # [B, D]
        for layer in self.self_attention.layer:
            states = layer.feed_forward(_attend(layer.multi_head_attention, states, sessions))
        return self.weight * states.index_select(0, sessions.last_position) + (1 - self.weight) * last


def _attend(attention: Any, states: Tensor, sessions: PackedSessions) -> Tensor:
    """RecBole's ``MultiHeadAttention``, Add & LayerNorm included, on packed states [P, D].

    RecBole lets a position see itself and what came before it; the paper's self-attention has no such mask.
    """
    query_key_value = torch.cat([attention.query(states), attention.key(states), attention.value(states)], dim=1)
    dropout_prob = attention.attn_dropout.p if attention.training else 0.0
    attended = attend_within_sessions(query_key_value, sessions, attention.num_attention_heads, dropout_prob, causal=True)
    return attention.LayerNorm(attention.out_dropout(attention.dense(attended)) + states)

"""RecBole's SRGNN without padding."""

import torch
from torch import Tensor

from recbole_tagnnpp.baselines.recbole_gnn import graph_states
from recbole_tagnnpp.model.readout import read_sessions
from recbole_tagnnpp.recbole_compat import import_sequential_model

RecBoleSRGNN = import_sequential_model("srgnn").SRGNN


class SRGNN(RecBoleSRGNN):  # type: ignore[misc, valid-type]
    """SR-GNN (Wu et al., AAAI 2019) as RecBole computes it.

    RecBole builds every graph in Python loops, pads every session to 50 positions and gives every position a node.
    Here tensor operations build the graphs of a whole batch, and only real nodes and positions are computed, with
    RecBole's own parameters; padding has no part in RecBole's result, so that the numbers stay the same.
    """

    pads_to_longest = True
    """Tells the loader that batches may be cut to their longest session."""

    def forward(self, item_seq: Tensor, item_seq_len: Tensor) -> Tensor:
        """Session vectors [B, D] of ``item_seq`` [B, L] int64, padded with 0 behind ``item_seq_len`` [B] clicks."""
        sessions, states = graph_states(self, item_seq, item_seq_len, self.gnn.b_iah, self.gnn.b_ioh)
        local, whole = read_sessions(states, sessions, self.linear_one, self.linear_two, self.linear_three)  # [B, D] each
        return self.linear_transform(torch.cat([whole, local], dim=1))

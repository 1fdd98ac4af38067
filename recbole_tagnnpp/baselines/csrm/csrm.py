"""CSRM: a session's own clicks and the most similar sessions before it, mixed by a gate."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recbole_tagnnpp.baselines.csrm.inner_memory import InnerMemoryEncoder
from recbole_tagnnpp.baselines.csrm.outer_memory import OuterMemoryEncoder
from recbole_tagnnpp.baselines.session_vector_recommender import SessionVectorRecommender
from recbole_tagnnpp.model.packing import pack_sessions

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.data.dataset import Dataset


class CSRM(SessionVectorRecommender):
    r"""CSRM (Wang et al., SIGIR 2019, "A Collaborative Session-based Recommendation Approach with Parallel Memory
    Modules").

    1. :class:`InnerMemoryEncoder`: the session's own :math:`c^l` (local) and :math:`c^g` (global).
    2. :class:`OuterMemoryEncoder`: :math:`c^o` of the sessions in memory that are most similar to :math:`c^l`.
    3. Fusion gate :math:`f = \sigma(w_l \cdot c^l + w_g \cdot c^g + w_o \cdot c^o)`, and
       :math:`c = f [c^l ; c^g] + (1 - f) [c^o ; c^o]`.
    4. Bilinear decoder: score of item v is :math:`v \cdot B c`; cross-entropy over all items.

    What we had to decide:

    - We had the paper's abstract and the released code (github.com/wmeirui/CSRM_SIGIR2019; its memory cell is missing
      there and was read in github.com/rn5l/session-rec), not the paper's full text: the equations are the code's.
    - So the local attention is a softmax over the clicks, the gate is one number per session, :math:`c^o` stands in
      both halves of the outer part, all three representations are standardised to mean 0 and variance 1 over their
      features before the gate (``standardize_representations``), and the memory holds :math:`c^l` as it was before.
    - "Last" sessions are those seen last in training: with ``shuffle`` (the default here) in random order, in the
      released code in the order of the file.  As everywhere here, a training sequence is a prefix.
    - The memory is written in training only, after it was read, so that no sequence of a batch finds itself or its
      company.  The released code goes on writing while it evaluates, which makes a score depend on the test sessions
      before it; here the memory is only read then.
    - The released code empties the memory at the start of every epoch; here it goes on, and a resumed run finds it in
      the checkpoint.
    - The GRU is PyTorch's: its reset gate acts behind the recurrent matrix, TensorFlow's before, and TensorFlow starts
      the gates' biases at 1.

    Outside training a score depends on its own session and on the memory, not on the rest of the batch.

    Args:
        config: keys of ``properties/model/CSRM.yaml``, each explained there.
        dataset: tells the number of items; item 0 is padding.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        size, hidden_size = config["embedding_size"], config["hidden_size"]
        dropout_of_items, dropout_of_sessions = config["dropout_probs"]
        self.standardize: bool = config["standardize_representations"]
        self.item_dropout = nn.Dropout(dropout_of_items)
        self.inner_memory = InnerMemoryEncoder(size, hidden_size)
        self.outer_memory = OuterMemoryEncoder(config["memory_size"], config["n_neighbors"], hidden_size)
        self.gate = nn.Linear(3 * hidden_size, 1, bias=False)  # w_l, w_g, w_o
        self.session_dropout = nn.Dropout(dropout_of_sessions)
        self.decoder = nn.Linear(2 * hidden_size, size, bias=False)  # B
        self._initialize()

    def _initialize(self) -> None:
        """Normal with variance 2 over the rows that the released code's matrix has; GRUs as PyTorch."""
        size, hidden_size = self.decoder.out_features, self.gate.in_features // 3
        for weight, n_rows in (
            (self.item_embedding.weight, self.n_items),
            (self.inner_memory.query.weight, hidden_size),
            (self.inner_memory.key.weight, hidden_size),
            (self.inner_memory.weight.weight, 1),
            (self.gate.weight, hidden_size),  # one vector for each of the three representations
            (self.decoder.weight, size),
        ):
            nn.init.normal_(weight, std=math.sqrt(2.0 / n_rows))
        with torch.no_grad():
            self.item_embedding.weight[0].zero_()

    def forward(self, item_seq: Tensor, item_seq_len: Tensor) -> Tensor:
        """Session vectors B c [B, D]; see the base class.  In training the sessions are kept in memory."""
        sessions = pack_sessions(item_seq, item_seq_len, self.max_seq_length)
        vectors = self.item_dropout(self.item_vectors(sessions.items))
        local, whole = self.inner_memory(vectors, sessions)
        outer = self.outer_memory.read(local)
        if self.training:
            self.outer_memory.write(local)
        if self.standardize:
            local, whole, outer = (standardized(part) for part in (local, whole, outer))
        gate = torch.sigmoid(self.gate(torch.cat([local, whole, outer], dim=1)))  # [B, 1]
        inner = torch.cat([local, whole], dim=1)
        mixed = gate * inner + (1.0 - gate) * torch.cat([outer, outer], dim=1)
        return self.decoder(self.session_dropout(mixed))


def standardized(rows: Tensor) -> Tensor:
    """Rows [B, H] with mean 0 and variance 1 each."""
    return F.layer_norm(rows, rows.shape[1:], eps=1e-10)

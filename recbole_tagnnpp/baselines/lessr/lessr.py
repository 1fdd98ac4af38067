"""LESSR: a session as two graphs, layers that alternate between them, one vector, dot products with all items."""

import torch
from torch import Tensor, nn

from recbole_tagnnpp.baselines.lessr.batch_norm import RowBatchNorm
from recbole_tagnnpp.baselines.lessr.eopa import EOPA
from recbole_tagnnpp.baselines.lessr.graphs import build_lossless_graphs
from recbole_tagnnpp.baselines.lessr.readout import AttentionReadout
from recbole_tagnnpp.baselines.lessr.sgat import SGAT
from recbole_tagnnpp.baselines.session_vector_recommender import SessionVectorRecommender
from recbole_tagnnpp.model.packing import pack_sessions

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.data.dataset import Dataset


class LESSR(SessionVectorRecommender):
    r"""LESSR (Chen and Wong, KDD 2020, "Handling Information Loss of Graph Neural Networks for Session-based
    Recommendation").

    1. Nodes are the distinct items of a session, :math:`x^{(0)}` their vectors.
    2. Layers 1, 3, ... are :class:`EOPA` on the edge-order preserving multigraph, layers 2, 4, ... :class:`SGAT` on the
       shortcut graph.  Connections are dense: layer l reads :math:`[x^{(l-1)} ; \dots ; x^{(0)}]`.
    3. :class:`AttentionReadout` over the concatenation of all layers gives :math:`s_g`; :math:`s_l` is that
       concatenation at the last click's node.
    4. :math:`s = W_h [s_l ; s_g]`, score of item v: :math:`s \cdot v`; cross-entropy over all items.

    What we had to decide:

    - Batch normalisation before every layer, PReLU behind it, dropout and item vectors of length at most 1 are taken
      from the released code (github.com/twchen/lessr); the equations above are the paper's without them.
    - The paper's EOPA multiplies a message by a matrix before the GRU.  As in the released code the GRU's own input
      matrix does that; two matrices in a row would compute the same functions.
    - The released code shortens item vectors in place whenever it looks them up, at evaluation too.  Here that happens
      in training only; at evaluation the shortened vectors are computed and the weights stay as they are: same scores.
      While training, call ``backward`` before the next ``calculate_loss``.
    - The released code drops the last, smaller batch.  Here it counts, and a batch that has a single row to normalise
      is normalised with the remembered statistics.
    - The released code leaves biases and norms out of weight decay; the trainer decays all parameters alike (AdamW at
      learning rate 0.001 and 1e-4 takes a ten-millionth off them a step).

    A score depends on its own session alone, outside training, where batch normalisation ties a batch together.

    Args:
        config: keys of ``properties/model/LESSR.yaml``, each explained there.
        dataset: tells the number of items; item 0 is padding.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        size, dropout_prob = config["embedding_size"], config["dropout_prob"]
        self.max_norm: float | None = config["embedding_max_norm"]
        self.layers = nn.ModuleList()
        width = size
        for number in range(config["n_layers"]):
            layer = EOPA if number % 2 == 0 else SGAT
            self.layers.append(layer(width, size, dropout_prob))
            width += size
        self.readout = AttentionReadout(width, size, dropout_prob)
        self.batch_norm = RowBatchNorm(width + size)
        self.dropout = nn.Dropout(dropout_prob)
        self.session_weight = nn.Linear(width + size, size, bias=False)  # W_h

    def forward(self, item_seq: Tensor, item_seq_len: Tensor) -> Tensor:
        """Session vectors [B, D]; see the base class."""
        if self.training:
            self._shorten_items_()
        graphs = build_lossless_graphs(pack_sessions(item_seq, item_seq_len, self.max_seq_length), self.n_items)
        states = self.item_vectors(graphs.node_items)  # [N, D]
        for layer in self.layers:
            states = torch.cat([layer(states, graphs), states], dim=1)
        session = torch.cat([states[graphs.last_node], self.readout(states, graphs)], dim=1)
        return self.session_weight(self.dropout(self.batch_norm(session)))

    def item_vectors(self, items: Tensor | None = None) -> Tensor:
        """Vectors [..., D] of some items [...], or [I, D] of all, none longer than ``embedding_max_norm``."""
        vectors = super().item_vectors(items)
        if self.max_norm is None or self.training:  # in training the table itself is short
            return vectors
        return vectors * shortening(vectors, self.max_norm)

    @torch.no_grad()
    def _shorten_items_(self) -> None:
        """Scale the rows of the item table that have grown too long, in place."""
        if self.max_norm is not None:
            factor = shortening(self.item_embedding.weight, self.max_norm)
            if (factor < 1.0).any():
                self.item_embedding.weight.mul_(factor)


@torch.no_grad()
def shortening(rows: Tensor, max_norm: float) -> Tensor:
    """Factors [..., 1] that bring rows [..., D] longer than ``max_norm`` to that length; 1 for the others."""
    norms = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    too_long = norms > max_norm * (1.0 + 1e-6)  # a row that was shortened is not shortened again for its last bit
    return torch.where(too_long, max_norm / norms, torch.ones_like(norms))

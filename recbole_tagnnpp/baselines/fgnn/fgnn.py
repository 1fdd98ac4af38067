"""FGNN: the steps of the model in the order in which they are computed."""

import math

import torch
from torch import Tensor, nn

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.data.dataset import Dataset

from recbole_tagnnpp.baselines.fgnn.readout import RecurrentReadout
from recbole_tagnnpp.baselines.fgnn.weighted_attention import WeightedGraphAttention
from recbole_tagnnpp.baselines.fgnn.weighted_graph import build_weighted_session_graphs
from recbole_tagnnpp.baselines.session_vector_recommender import SessionVectorRecommender
from recbole_tagnnpp.model.packing import pack_sessions


class FGNN(SessionVectorRecommender):
    r"""FGNN (Qiu et al., CIKM 2019, "Rethinking the Item Order in Session-based Recommendation with Graph Neural
    Networks").

    A session becomes a directed graph of its items whose edges carry counts and whose nodes have self-loops; layers of
    weighted graph attention (WGAT) update the nodes; a readout with a recurrent query gives :math:`q^*`; the score of
    item v is :math:`z(v) = (W_{out} q^*) \cdot x_v` with v's embedding :math:`x_v`; the loss is cross-entropy over all
    items.  A score depends on its own session alone.

    What the paper leaves open
    --------------------------
    The code that the authors released is incomplete: its main model is missing, and what is there builds another one.
    The equations (arXiv 1911.11942) were at hand as reviews of the paper reproduce them, not in its full text; what is
    called open here may be settled there.

    - The nonlinearity of a WGAT layer is only called sigma: ELU, as in the graph attention network that it extends.
    - Heads are averaged in every layer, so that the width stays D; concatenated heads are described as well.
    - The score of a node in the readout is only called a function of node and query: the dot product, as in the
      released readout and in Set2Set.  Query and memory begin at zero, as there.
    - Number of layers (3), heads (8) and query steps (3): the values that runs and re-implementations name.  Slope of
      the LeakyReLU (0.2): the paper.
    - No dropout and no bias in WGAT, because no equation has one.
    - Weights are drawn uniformly within 1 / sqrt(D), as in the released code, but those of the heads so that a layer
      keeps the scale of its input: else the states fade with every layer, and three layers hardly learn.

    Args:
        config: keys of ``properties/model/FGNN.yaml``, each explained there.
        dataset: tells the number of items; item 0 is padding.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        size = config["embedding_size"]
        self.readout = RecurrentReadout(size, config["n_readout_steps"])
        self.output = nn.Linear(2 * size, size, bias=False)  # W_out
        bound = 1.0 / math.sqrt(size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        with torch.no_grad():
            self.item_embedding.weight[0].zero_()
        self.attention_layers = nn.ModuleList(
            WeightedGraphAttention(size, config["n_attention_heads"], config["negative_slope"])
            for _ in range(config["n_layers"])
        )

    def forward(self, item_seq: Tensor, item_seq_len: Tensor) -> Tensor:
        """Session vectors [B, D]; see the base class."""
        sessions = pack_sessions(item_seq, item_seq_len, self.max_seq_length)
        graphs = build_weighted_session_graphs(sessions, self.n_items, self.item_embedding.weight.dtype)
        states = self.item_vectors(graphs.node_items)  # [N, D]
        for layer in self.attention_layers:
            states = layer(states, graphs)
        return self.output(self.readout(states, graphs.session_of_node, len(item_seq_len)))

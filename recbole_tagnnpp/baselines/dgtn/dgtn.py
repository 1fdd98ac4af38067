"""DGTN: the steps of the model in the order in which they are computed."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.data.interaction import Interaction

from recbole_tagnnpp.baselines.dgtn.channel_fusion import ChannelFusion
from recbole_tagnnpp.baselines.dgtn.channel_graph import DualChannelGraphs, build_dual_channel_graphs
from recbole_tagnnpp.baselines.dgtn.channel_propagation import propagate
from recbole_tagnnpp.baselines.dgtn.neighbour_sessions import EarlierSessionSearch
from recbole_tagnnpp.baselines.dgtn.ragged import ragged_from_rows, sorted_distinct
from recbole_tagnnpp.baselines.dgtn.training_sessions import collect_training_sessions
from recbole_tagnnpp.baselines.session_vector_recommender import SessionVectorRecommender
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.model.packing import PackedSessions, pack_sessions
from recbole_tagnnpp.model.readout import SessionReadout


class DGTN(SessionVectorRecommender):
    r"""DGTN (Zheng et al., ICDM workshops 2020, "DGTN: Dual-channel Graph Transition Network for Session-based
    Recommendation").

    A session and its most similar earlier sessions become one graph of items, with an edge between items that follow
    each other in any of them.  Item embeddings are propagated along it in two channels: items of the session send in
    one, items of the neighbour sessions in the other.  The channels are fused; the readout of SR-GNN gives the session
    vector; its product with an item's embedding is the score; the loss is cross-entropy over all items.

    Neighbours are training sessions, the whole session of each: for the loss only sessions before the sequence's own
    one (never that one, so that a target cannot be read off), for scores all of them.  Time order is the order of the
    training file; validation sessions that ``refit`` adds follow.  A score depends on its own session and on
    the training sessions alone.

    What the paper leaves open
    --------------------------
    The paper (arXiv 2009.10002) was at hand as a summary with its text on graph, channels and fusion, not in full; what
    is called open here may be settled there.  Where the released code (github.com/kunwuz/DGTN) differs, the text wins.

    - "Previous" sessions: for training, those with a smaller session number.  The released code finds neighbours among
      training and test sessions together, and there a prefix may find its own session, target included.
    - Ties in the number of common items: the more recent session comes first.
    - Candidates: the most recent 1000 sessions with a common item, as the released code and session-kNN methods cap
      them.  The released code compares by cosine and keeps similarities of at least 0.5; the paper counts common items.
    - Number of neighbours (120), layers (2) and filters (2): the defaults of the released code.
    - Direction: the formula has one degree for each node, so edges count both ways; the released code sends along the
      clicks only.  An item that follows itself adds no edge beside the one that every node has to itself.
    - Degrees: those within a channel.  An edge belongs to a channel by its sender, whoever clicked the pair, as the
      paper's text has it; in the released code the intra channel knows the session's own pairs only.
    - No weights in the propagation, as in the paper.  The released code has a weight matrix behind it, and drops the
      result of the inter channel, because it subtracts where it means to assign.
    - No nonlinearity in the fusion, as in the released code, which runs ``max`` in its place.
    - Weights are drawn uniformly within 1 / sqrt(D), as in the released code, but those of the fusion by their own
      number of inputs, because two such maps in a row would begin close to zero.

    Args:
        config: keys of ``properties/model/DGTN.yaml``, each explained there.
        dataset: number of items (item 0 is padding) and training sequences.
    """

    reads_training_sessions = True
    """Tells those who load a checkpoint that the weights alone cannot score."""

    def __init__(self, config: Config, dataset: SessionDataset) -> None:
        super().__init__(config, dataset)
        self.training_sessions = collect_training_sessions(dataset.training, self.n_items)
        self.neighbour_search = EarlierSessionSearch(
            self.training_sessions,
            config["n_neighbors"],
            config["sample_size"],
            config["neighbor_similarity"],
        )
        size = config["embedding_size"]
        self.n_layers: int = config["n_layers"]
        self.readout = SessionReadout(size)
        self.session_hybrid = nn.Linear(2 * size, size, bias=False)
        bound = 1.0 / math.sqrt(size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        self.fusion = ChannelFusion(config["channel_fusion"], config["n_fusion_filters"])
        with torch.no_grad():
            self.item_embedding.weight[0].zero_()

    def forward(self, item_seq: Tensor, item_seq_len: Tensor, before: Tensor | None = None) -> Tensor:
        """Session vectors [B, D] to multiply item embeddings with.

        Args:
            item_seq: [B, L] int64 clicks, padded with 0; the newest ``MAX_ITEM_LIST_LENGTH`` clicks count.
            item_seq_len: [B] int64 number of clicks, 1..L.
            before: [B] int64, neighbours have a smaller session number; ``None`` for any.

        Raises:
            ValueError: a session is empty, or ``item_seq_len`` is larger than L.
        """
        sessions = pack_sessions(item_seq, item_seq_len, self.max_seq_length)
        graphs = self._build_graphs(sessions, before)
        own_nodes, alias, node_items = (
            torch.from_numpy(array).to(item_seq.device) for array in (graphs.own_nodes, graphs.alias, graphs.node_items)
        )
        items = self.item_vectors(node_items)  # [N, D]
        intra = propagate(items[own_nodes], graphs.intra, self.n_layers)
        inter = propagate(items, graphs.inter, self.n_layers)[own_nodes]
        states = self.fusion(intra, inter)[alias]  # [P, D]
        session_local, session_global = self.readout(states, sessions)
        return self.session_hybrid(torch.cat([session_local, session_global], dim=1))

    def _build_graphs(self, sessions: PackedSessions, before: Tensor | None) -> DualChannelGraphs:
        """Neighbours and merged graphs; on the CPU, where the training sessions are."""
        row, clicks = sessions.session_of_position.cpu().numpy(), sessions.items.cpu().numpy()
        n_sessions = len(sessions.lengths)
        distinct = sorted_distinct(row * self.n_items + clicks)
        items = ragged_from_rows(distinct // self.n_items, distinct % self.n_items, n_sessions)
        end = np.full(n_sessions, len(self.training_sessions)) if before is None else before.cpu().numpy()
        return build_dual_channel_graphs(row, clicks, self.neighbour_search.find(items, end), self.training_sessions)

    def calculate_loss(self, interaction: Interaction) -> Tensor:
        """Mean cross-entropy of the target items over all items but padding, a scalar.

        Args:
            interaction: training sequences, with their session numbers.
        """
        vectors = self.forward(interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN], before=interaction[self.USER_ID])
        return F.cross_entropy(vectors @ self.item_vectors()[1:].T, interaction[self.POS_ITEM_ID] - 1)

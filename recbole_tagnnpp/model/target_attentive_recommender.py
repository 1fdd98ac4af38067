"""What TAGNN and TAGNN++ share: session graph, gated GNN, readout, target attention over all items, loss."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender

from recbole_tagnnpp.model.candidate_sampling import CandidateSampler, append_correction
from recbole_tagnnpp.model.gated_gnn import GatedGNN
from recbole_tagnnpp.model.normalization import unit_rows
from recbole_tagnnpp.model.packing import PackedSessions, pack_sessions
from recbole_tagnnpp.model.readout import SessionReadout
from recbole_tagnnpp.model.session_graph import build_session_graphs
from recbole_tagnnpp.model.target_attention import (
    select_backend,
    target_attention_loss,
    target_attention_pairs,
    target_attention_scores,
    target_attention_topk,
)
from recbole_tagnnpp.transfer import to_device


@dataclass(frozen=True)
class EncodedSessions:
    """What the target attention needs to know of a batch of sessions.

    Attributes:
        keys: [P, D], ``W_t h_l`` of every position.
        values: [P, D], ``W_v h_l`` of every position.
        session: [B, D], the part of the session embedding that does not depend on the candidate item.
        lengths: [B] int64 on the CPU, positions of each session.
    """

    keys: Tensor
    values: Tensor
    session: Tensor
    lengths: Tensor


class TargetAttentiveRecommender(SequentialRecommender):
    r"""A graph network over the session, a readout, and target attention over every candidate item.

    For a session with states :math:`h_l`, the score of candidate item v is
    :math:`z(v) = W [s_{target}(v) ; s_{local} ; s_{global}] \cdot v` with
    :math:`s_{target}(v) = \sum_l \mathrm{softmax}_l(v \cdot W_t h_l) h_l` (TAGNN equations 4 to 6).  W is kept as its
    three blocks, so that :math:`z(v) = s \cdot v + \sum_l \beta_l(v) (W_v h_l \cdot v)` and no tensor over sessions,
    items and features exists.

    A score depends on its own session alone: neither on the rest of the batch nor on the padding.

    Args:
        config: ``embedding_size``, ``n_gnn_steps``, ``embedding_dropout_prob``, ``label_smoothing``, the two keys of
            normalisation, the two of candidate sampling and the two of target attention, each explained in
            ``properties/model/TAGNNPP.yaml``.
        dataset: tells the number of items; item 0 is padding.
    """

    pads_to_longest = True
    """Tells the loader that batches may be cut to their longest session."""
    takes_batches_on_host = True
    """Tells the trainer to leave training batches on the host: :meth:`forward` begins there, on every device."""

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        size = config["embedding_size"]
        self.normalize_embeddings: bool = config["normalize_embeddings"]
        self.normalization_scale: float = config["normalization_scale"]
        self.label_smoothing: float = config["label_smoothing"]
        self.backend: str = config["target_attention_backend"]
        self.training_precision: str = config["target_attention_precision"]

        n_candidates = config["training_candidates"]
        self.candidate_sampler = (
            CandidateSampler(
                dataset.item_counter, self.n_items - 1, n_candidates, config["candidate_distribution"], self.device
            )
            if n_candidates and n_candidates < self.n_items - 1  # a sample as large as the catalogue is the catalogue
            else None
        )

        self.item_embedding = nn.Embedding(self.n_items, size, padding_idx=0)
        self.embedding_dropout = nn.Dropout(config["embedding_dropout_prob"])
        self.gated_gnn = self._build_graph_network(config)
        self._build_context(config)
        self.readout = SessionReadout(size)
        self.target_key = nn.Linear(size, size, bias=False)  # W_t
        self.target_value = nn.Linear(size, size, bias=False)  # W, block of s_target
        self.session_hybrid = nn.Linear(2 * size, size, bias=False)  # W, blocks of s_local and s_global
        self._initialize(size)

    def _build_graph_network(self, config: Config) -> GatedGNN | None:
        """The layer between item vectors and states; without it a position's state is its item's vector."""
        return GatedGNN(config["embedding_size"], config["n_gnn_steps"])

    def _build_context(self, config: Config) -> None:
        """Layers between the graph network and the readout; none here."""

    def _contextualize(self, graph_states: Tensor, sessions: PackedSessions) -> Tensor:
        """States [P, D] of the graph network on their way to the readout, as :meth:`_build_context` made layers for."""
        return graph_states

    def _initialize(self, size: int) -> None:
        """Uniform within 1 / sqrt(D), as SR-GNN and TAGNN; LayerNorm keeps its ones and zeros, padding its zeros."""
        bound = 1.0 / math.sqrt(size)
        norms = {id(p) for m in self.modules() if isinstance(m, nn.LayerNorm) for p in m.parameters()}
        for parameter in self.parameters():
            if id(parameter) not in norms:
                nn.init.uniform_(parameter, -bound, bound)
        with torch.no_grad():
            self.item_embedding.weight[0].zero_()

    def forward(self, item_seq: Tensor, item_seq_len: Tensor) -> EncodedSessions:
        """Encode sessions; no candidate item is looked at yet.

        Args:
            item_seq: [B, L] int64 clicks, padded with 0; the newest ``MAX_ITEM_LIST_LENGTH`` clicks count.  On the host or
                on the device of the model.
            item_seq_len: [B] int64 number of clicks, 1..L, likewise.

        Raises:
            ValueError: a session is empty, or ``item_seq_len`` is larger than L.
        """
        # a GPU would have to be waited for at every step of these few integers
        on_host = pack_sessions(item_seq.cpu(), item_seq_len.cpu(), self.max_seq_length)
        sessions = on_host.to(self.item_embedding.weight.device)
        states = self._contextualize(self._item_states(on_host, sessions), sessions)  # [P, D]
        session_local, session_global = self.readout(states, sessions)
        session = self.session_hybrid(torch.cat([session_local, session_global], dim=1))
        values = self.target_value(states)
        if self.normalize_embeddings:
            # NISER (Gupta et al. 2019): lengths carry popularity, so only directions count, times a fixed scale; of s
            # and of every value, as the session vector that NISER scales is here another one for each item
            session = self.normalization_scale * unit_rows(session)
            values = self.normalization_scale * unit_rows(values)
        dtype = self.item_embedding.weight.dtype  # under autocast the layers above compute in less
        return EncodedSessions(self.target_key(states).to(dtype), values.to(dtype), session.to(dtype), on_host.lengths)

    def _item_states(self, on_host: PackedSessions, sessions: PackedSessions) -> Tensor:
        """State of every position, [P, D]: item vectors, mixed along the session graph."""
        if self.gated_gnn is None:
            return self.embedding_dropout(self._embed(sessions.items))
        weight = self.item_embedding.weight
        graphs = build_session_graphs(on_host, self.n_items, weight.dtype).to(weight.device)
        nodes = self.embedding_dropout(self._embed(graphs.node_items))
        return self.gated_gnn(nodes, graphs).index_select(0, graphs.alias)

    def _embed(self, items: Tensor) -> Tensor:
        vectors = self.item_embedding(items)
        return unit_rows(vectors) if self.normalize_embeddings else vectors

    def candidate_embeddings(self) -> Tensor:
        """[I - 1, D] vectors of all items but padding; row v - 1 belongs to item v."""
        candidates = self.item_embedding.weight[1:]
        return unit_rows(candidates) if self.normalize_embeddings else candidates

    def _encode(self, interaction: Interaction) -> EncodedSessions:
        return self.forward(interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN])

    def calculate_loss(self, interaction: Interaction) -> Tensor:
        """Mean cross-entropy of the target items, a scalar: over all items but padding, or, while training with
        ``training_candidates``, over a corrected sample of them."""
        encoded = self._encode(interaction)
        keys, values, session = encoded.keys, encoded.values, encoded.session
        (targets,) = to_device([interaction[self.POS_ITEM_ID] - 1], session.device)
        if self.training and self.candidate_sampler is not None:
            candidates = self.candidate_sampler.draw(targets)
            items = self._embed(candidates.items + 1)
            keys, values, session, items = append_correction(keys, values, session, items, candidates.log_inclusion)
            targets = candidates.targets
        else:
            items = self.candidate_embeddings()
        return target_attention_loss(
            keys,
            values,
            session,
            encoded.lengths,
            items,
            targets,
            label_smoothing=self.label_smoothing,
            backend=self.backend,
            precision=self.training_precision,
        )

    @property
    def backend_in_use(self) -> str:
        """Name of the backend that trains here; one that cannot run gives way to the reference."""
        weight = self.item_embedding.weight
        return select_backend(self.backend, weight.device, weight.dtype, self.training_precision)

    def predict(self, interaction: Interaction) -> Tensor:
        """[B] scores of one given item (field ``item_id``) per session."""
        encoded = self._encode(interaction)
        vectors = self._embed(interaction[self.ITEM_ID])
        return target_attention_pairs(encoded.keys, encoded.values, encoded.session, encoded.lengths, vectors)

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """[B, I] scores of every item per session; column 0, padding, is minus infinity."""
        encoded = self._encode(interaction)
        scores = target_attention_scores(
            encoded.keys,
            encoded.values,
            encoded.session,
            encoded.lengths,
            self.candidate_embeddings(),
            backend=self.backend,
        )
        return F.pad(scores, (1, 0), value=-torch.inf)

    @torch.no_grad()
    def top_items(self, interaction: Interaction, k: int) -> tuple[Tensor, Tensor]:
        """The k best items per session, best first, without ever holding the scores of the whole batch.

        Returns:
            scores [B, k] and items [B, k] int64.
        """
        encoded = self._encode(interaction)
        scores, candidates = target_attention_topk(
            encoded.keys,
            encoded.values,
            encoded.session,
            encoded.lengths,
            self.candidate_embeddings(),
            k,
            backend=self.backend,
        )
        return scores, candidates + 1

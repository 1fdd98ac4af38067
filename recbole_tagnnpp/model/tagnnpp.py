"""TAGNN++: TAGNN with positions and a Transformer between the graph network and the readout."""

from torch import Tensor

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.config import Config

from recbole_tagnnpp.model.gated_gnn import GatedGNN
from recbole_tagnnpp.model.packing import PackedSessions
from recbole_tagnnpp.model.position_embedding import PositionEmbedding
from recbole_tagnnpp.model.target_attentive_recommender import TargetAttentiveRecommender
from recbole_tagnnpp.model.transformer import TransformerEncoder, TransformerSkip


class TAGNNPP(TargetAttentiveRecommender):
    """TAGNN++ (Mitharan et al., "Introducing Self-Attention to Target Attentive Graph Neural Networks").

    Session graph, gated GNN, position vectors, Transformer, readout, target attention over every candidate item; graph
    network, positions and Transformer can each be switched off (Table II).

    Args:
        config: keys of ``properties/model/TAGNNPP.yaml``, each explained there.
        dataset: tells the number of items; item 0 is padding.
    """

    def _build_graph_network(self, config: Config) -> GatedGNN | None:
        return super()._build_graph_network(config) if config["use_gnn"] else None

    def _build_context(self, config: Config) -> None:
        size = config["embedding_size"]
        self.position_embedding = (
            PositionEmbedding(self.max_seq_length, size, config["position_order"])
            if config["use_position_embedding"]
            else None
        )
        self.transformer = (
            TransformerEncoder(
                config["n_layers"],
                embedding_size=size,
                n_heads=config["n_heads"],
                inner_size=config["inner_size"],
                hidden_dropout_prob=config["hidden_dropout_prob"],
                attn_dropout_prob=config["attn_dropout_prob"],
                hidden_act=config["hidden_act"],
                layer_norm_eps=config["layer_norm_eps"],
            )
            if config["use_transformer"]
            else None
        )
        has_skip = config["use_transformer"] and config["transformer_skip"]
        self.transformer_skip = TransformerSkip(size) if has_skip else None

    def _initialize(self, size: int) -> None:
        super()._initialize(size)
        if self.transformer_skip is not None:
            self.transformer_skip.reset_parameters()

    def _contextualize(self, graph_states: Tensor, sessions: PackedSessions) -> Tensor:
        states = graph_states
        if self.position_embedding is not None:
            states = states + self.position_embedding(sessions)
        if self.transformer is not None:
            states = self.transformer(states, sessions)
        if self.transformer_skip is not None:
            states = self.transformer_skip(graph_states, states)
        return states

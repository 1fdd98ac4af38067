"""Step 4: every position looks at every other one of its session (paper equation 1 and Fig. 2)."""

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from recbole_tagnnpp.model.packing import PackedSessions

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU}


class TransformerLayer(nn.Module):
    """Self-attention, Add & LayerNorm, position-wise feed-forward, Add & LayerNorm.

    Attention goes in both directions over the real positions of a session.  Rows stay packed: only the attention
    itself sees the padded form, and never attends to padding.

    Args:
        embedding_size: D, a multiple of ``n_heads``.
        n_heads: H.
        inner_size: width of the feed-forward layer.
        hidden_dropout_prob: dropout after attention and after the feed-forward layer.
        attn_dropout_prob: dropout of the attention weights.
        hidden_act: ``relu`` or ``gelu``.
        layer_norm_eps: added to the variance in LayerNorm.
    """

    def __init__(
        self,
        embedding_size: int,
        n_heads: int,
        inner_size: int,
        hidden_dropout_prob: float,
        attn_dropout_prob: float,
        hidden_act: str,
        layer_norm_eps: float,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.attn_dropout_prob = attn_dropout_prob
        self.query_key_value = nn.Linear(embedding_size, 3 * embedding_size)
        self.attention_output = nn.Linear(embedding_size, embedding_size)
        self.attention_norm = nn.LayerNorm(embedding_size, eps=layer_norm_eps)
        self.feed_forward = nn.Sequential(
            nn.Linear(embedding_size, inner_size), ACTIVATIONS[hidden_act](), nn.Linear(inner_size, embedding_size)
        )
        self.feed_forward_norm = nn.LayerNorm(embedding_size, eps=layer_norm_eps)
        self.dropout = nn.Dropout(hidden_dropout_prob)

    def forward(self, states: Tensor, sessions: PackedSessions) -> Tensor:
        """Map packed states [P, D] to packed states [P, D]."""
        attended = self.attention_output(self._attend(states, sessions))
        states = self.attention_norm(states + self.dropout(attended))
        return self.feed_forward_norm(states + self.dropout(self.feed_forward(states)))

    def _attend(self, states: Tensor, sessions: PackedSessions) -> Tensor:
        dropout = self.attn_dropout_prob if self.training else 0.0
        return attend_within_sessions(self.query_key_value(states), sessions, self.n_heads, dropout)


def attend_within_sessions(
    query_key_value: Tensor, sessions: PackedSessions, n_heads: int, dropout_prob: float, causal: bool = False
) -> Tensor:
    """Every position attends to positions of its session, never to padding.

    Args:
        query_key_value: [P, 3 D], queries, keys and values of the positions, one beside the other.
        sessions: whose positions they are.
        n_heads: H, divides D.
        dropout_prob: dropout of the attention weights.
        causal: attend to the position itself and what came before it, instead of in both directions; the sessions must
            be whole, each from the first column of its padded form on.

    Returns:
        [P, D] attended values, the heads one beside the other.
    """
    batch_size, longest = sessions.is_real.shape
    query, key, value = (
        sessions.pad(query_key_value)  # [B, L, 3 D]
        .view(batch_size, longest, 3, n_heads, -1)
        .permute(2, 0, 3, 1, 4)  # [3, B, H, L, D / H]
    )
    # causal attention meets no padding: it lies behind the last click
    mask = None if causal else sessions.is_real[:, None, None, :]
    with in_fixed_order(query.device):
        attended = F.scaled_dot_product_attention(query, key, value, mask, dropout_prob, is_causal=causal)
    return sessions.pack(attended.transpose(1, 2).reshape(batch_size, longest, -1))


def in_fixed_order(device: torch.device) -> AbstractContextManager[None]:
    """Where equal seeds are to give equal bits, attention on a GPU without torch's fused kernel, whose gradients are sums
    in whatever order they arrive."""
    if device.type == "cuda" and torch.are_deterministic_algorithms_enabled():
        return sdpa_kernel(SDPBackend.MATH)
    return nullcontext()


class TransformerEncoder(nn.Module):
    """A stack of :class:`TransformerLayer`.

    Args:
        n_layers: number of layers.
        layer: arguments of every layer.
    """

    def __init__(self, n_layers: int, **layer: int | float | str) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TransformerLayer(**layer) for _ in range(n_layers))  # type: ignore[arg-type]

    def forward(self, states: Tensor, sessions: PackedSessions) -> Tensor:
        """Map packed states [P, D] to packed states [P, D]."""
        for layer in self.layers:
            states = layer(states, sessions)
        return states


class TransformerSkip(nn.Module):
    """States of the graph network beside the Transformer's: ``h + w * Transformer(h + p)``, w learned, p of the positions.

    A way around the Transformer, as GC-SAN (Xu et al., IJCAI 2019) and SGNN-HN (Pan et al., CIKM 2020) have one; not in
    the TAGNN++ paper.  The Transformer's states leave a LayerNorm with a length of about sqrt(D); w begins at
    1 / sqrt(D), where both parts are about as long.

    Args:
        embedding_size: D.
    """

    def __init__(self, embedding_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(embedding_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set w to its start."""
        nn.init.constant_(self.weight, self.weight.numel() ** -0.5)

    def forward(self, graph_states: Tensor, transformed: Tensor) -> Tensor:
        """Add up packed states [P, D] from before and behind the Transformer."""
        return graph_states + self.weight * transformed

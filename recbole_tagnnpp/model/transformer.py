"""Step 4: every position looks at every other one of its session (paper equation 1 and Fig. 2)."""

import torch.nn.functional as F
from torch import Tensor, nn

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
        batch_size, longest = sessions.is_real.shape
        query, key, value = (
            sessions.pad(self.query_key_value(states))  # [B, L, 3 D]
            .view(batch_size, longest, 3, self.n_heads, -1)
            .permute(2, 0, 3, 1, 4)  # [3, B, H, L, D / H]
        )
        attended = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=sessions.is_real[:, None, None, :],
            dropout_p=self.attn_dropout_prob if self.training else 0.0,
        )
        return sessions.pack(attended.transpose(1, 2).reshape(batch_size, longest, -1))


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

"""Exact target attention over all items: loss, scores and top-k, in several backends."""

from recbole_tagnnpp.model.target_attention.dispatch import (
    BACKENDS,
    PRECISIONS,
    select_backend,
    target_attention_loss,
    target_attention_pairs,
    target_attention_scores,
    target_attention_topk,
)

__all__ = [
    "BACKENDS",
    "PRECISIONS",
    "select_backend",
    "target_attention_loss",
    "target_attention_pairs",
    "target_attention_scores",
    "target_attention_topk",
]

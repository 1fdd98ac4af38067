"""Asking a model for its best items, however it gives them."""

import torch
from torch import Tensor

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import AbstractRecommender


def best_items(model: AbstractRecommender, interaction: Interaction, k: int) -> tuple[Tensor, Tensor]:
    """The k best items per session, best first: by the model's own ``top_items``, else from the scores of all items.

    Returns:
        scores [B, k] and items [B, k] int64.
    """
    if hasattr(model, "top_items"):
        scores, items = model.top_items(interaction, k)
        return scores, items
    return torch.topk(full_scores(model, interaction), k, dim=1)


def full_scores(model: AbstractRecommender, interaction: Interaction) -> Tensor:
    """[B, I] scores of all items per session; padding, column 0, is minus infinity."""
    scores: Tensor = model.full_sort_predict(interaction).view(len(interaction), -1)
    scores[:, 0] = -torch.inf  # padding is no recommendation
    return scores

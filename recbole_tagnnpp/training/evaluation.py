"""Ranking all items for every sequence of an evaluation."""

import math

import torch
from torch import Tensor

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_loader import SessionLoader
from recbole_tagnnpp.progress import progress_bar
from recbole_tagnnpp.training.distributed.ranks import Ranks
from recbole_tagnnpp.training.ranking import best_items, full_scores
from recbole_tagnnpp.training.target_collector import TargetCollector, rank_of_target


@torch.no_grad()
def rank_items(
    model: AbstractRecommender,
    eval_data: SessionLoader,
    collector: TargetCollector,
    config: SessionConfig,
    ranks: Ranks,
    show_progress: bool = False,
) -> Tensor:
    """Let the model rank all items for every sequence; all processes see the rankings of all sequences.

    Args:
        model: in evaluation mode.
        eval_data: sequences with their target items.
        collector: takes what the configured metrics need.
        config: says ``topk``, ``device`` and the item field.
        ranks: the processes that share the batches.
        show_progress: progress bar.

    Returns:
        [N] int64 on the CPU: rank of each sequence's target item, from 1; 0 is beyond the largest K.
    """
    largest_k, device = max(config["topk"]), config["device"]
    own_results: list[tuple[Tensor, Tensor]] = []
    own_batches, n_own = ranks.evaluation_batches(eval_data), math.ceil(len(eval_data) / ranks.size)
    for interaction in progress_bar(own_batches, "evaluate", show_progress, total=n_own):
        interaction = interaction.to(device)
        targets = interaction[config["ITEM_ID_FIELD"]]
        if collector.needs_only_top_items:
            top_items = best_items(model, interaction, largest_k)[1]
        else:
            rows = torch.arange(len(targets), device=device)
            scores = full_scores(model, interaction)
            collector.eval_batch_collect(scores, interaction, rows, targets)
            top_items = torch.topk(scores, largest_k, dim=1).indices
        own_results.append((top_items.cpu(), targets.cpu()))
    results = ranks.in_batch_order(own_results)
    all_top_items, all_targets = (torch.cat(parts) for parts in zip(*results, strict=True))
    if collector.needs_only_top_items:  # all at once: the collector copies all it has with every addition
        collector.collect_top_items(all_top_items, all_targets)
    return rank_of_target(all_top_items, all_targets)

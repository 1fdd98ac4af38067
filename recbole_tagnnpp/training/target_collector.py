"""From the best items of a batch to what RecBole's ranking metrics need."""

import torch
from torch import Tensor

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.evaluator import Collector
from recbole.evaluator.collector import DataStruct


def rank_of_target(top_items: Tensor, targets: Tensor) -> Tensor:
    """[B] int64 ranks of the target items, from 1; 0 where a target is not among the top items.

    Args:
        top_items: [B, K] int64, best first.
        targets: [B] int64.
    """
    is_target = top_items == targets[:, None]
    ranks = torch.arange(1, top_items.shape[1] + 1, device=top_items.device)
    return (is_target * ranks).sum(dim=1)


class TargetCollector(Collector):
    """RecBole's collector for sequences with one target item each.

    RecBole marks targets in a dense [B, I] matrix; with one target per sequence comparing the top items with it gives
    the same ``rec.topk`` at a thousandth of the memory.
    """

    @property
    def needs_only_top_items(self) -> bool:
        """Whether the configured metrics can be computed from each sequence's best items."""
        return not any(self.register.need(need) for need in ("rec.meanrank", "rec.score", "data.label"))

    def collect_top_items(self, top_items: Tensor, targets: Tensor) -> None:
        """Add sequences, best all of an evaluation in one call.

        Args:
            top_items: [B, K] int64, best first, K the largest ``topk``.
            targets: [B] int64.
        """
        if self.register.need("rec.items"):
            self.data_struct.update_tensor("rec.items", top_items)
        if self.register.need("rec.topk"):
            is_target = (top_items == targets[:, None]).int()
            n_targets = torch.ones_like(is_target[:, :1])
            self.data_struct.update_tensor("rec.topk", torch.cat([is_target, n_targets], dim=1))

    def get_data_struct(self) -> DataStruct:
        """What was collected, on the CPU; what belongs to this evaluation alone is forgotten here.

        RecBole's method calls ``.cpu()`` on counts too (collector.py:228), which fails for coverage and popularity.
        """
        collected = DataStruct()
        for name, value in self.data_struct._data_dict.items():
            collected.set(name, value.cpu() if isinstance(value, Tensor) else value)
        for name in [name for name in self.data_struct._data_dict if name.startswith("rec.") or name == "data.label"]:
            del self.data_struct[name]
        return collected

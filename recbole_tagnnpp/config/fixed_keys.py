"""Keys that the protocol decides, and those that nothing here reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Fixed:
    """A key that the protocol decides.

    Attributes:
        value: the value it has.
        reason: for the message.
        implied: entries of a mapping that go without saying.
    """

    value: Any
    reason: str
    implied: Mapping[str, Any] = field(default_factory=dict)

    def accepts(self, given: Any) -> bool:
        """Whether a setting says the same, perhaps less of it or in RecBole's longer form."""
        if isinstance(self.value, dict) and isinstance(given, dict):
            said = {**self.value, **self.implied}
            return all(key in said and self._same(said[key], entry) for key, entry in given.items())
        return type(given) is type(self.value) and given == self.value

    @staticmethod
    def _same(value: Any, given: Any) -> bool:
        in_each_phase = isinstance(given, dict) and given.keys() == {"valid", "test"} and isinstance(value, str)
        return given == value or (in_each_phase and set(given.values()) == {value})


FIXED: dict[str, Fixed] = {
    "repeatable": Fixed(True, "items of the session stay candidates, as in all published results"),
    "train_neg_sample_args": Fixed(None, "training competes against all items"),
    "eval_args": Fixed(
        {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"},
        "every item is ranked, and the split is made by `prepare`",
        implied={"group_by": "user"},
    ),
    "benchmark_filename": Fixed(["train", "valid", "test"], "the split is made by `prepare`"),
    "USER_ID_FIELD": Fixed("session_id", "prepared files name it so"),
    "ITEM_ID_FIELD": Fixed("item_id", "prepared files name it so"),
    "LIST_SUFFIX": Fixed("_list", "prepared files name it so"),
    "alias_of_item_id": Fixed(["item_id_list"], "prefixes and targets share one vocabulary"),
    "worker": Fixed(0, "batches are made in the training process; runs at the same time are --workers of a grid or search"),
}
"""Keys that the protocol decides."""

_NO_STEP = "prepared sessions are used as they are; what `prepare` keeps is said in properties/dataset/"
_NO_CACHE = "RecBole's caches are pickles, which are not read here"
_NO_WANDB = "runs are written to results_path"
UNUSED: dict[str, str] = {
    **dict.fromkeys(
        (
            "rm_dup_inter", "val_interval", "filter_inter_by_user_or_item", "user_inter_num_interval",
            "item_inter_num_interval", "load_col", "unload_col", "unused_col", "additional_feat_suffix", "seq_len",
            "threshold", "numerical_features", "normalize_field", "normalize_all", "discretization", "preload_weight",
            "alias_of_user_id", "alias_of_entity_id", "alias_of_relation_id", "field_separator", "seq_separator",
            "transform", "kg_reverse_r", "entity_kg_num_interval", "relation_kg_num_interval",
        ),
        _NO_STEP,
    ),
    **dict.fromkeys(("save_dataset", "dataset_save_path", "save_dataloaders", "dataloaders_save_path"), _NO_CACHE),
    **dict.fromkeys(("log_wandb", "wandb_project"), _NO_WANDB),
    "valid_metric_bigger": "it follows from valid_metric",
}  # fmt: skip
"""RecBole's keys that nothing here reads, and why: other values than RecBole's own would be ignored in silence."""

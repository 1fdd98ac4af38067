"""Which settings make two runs different experiments."""

from collections.abc import Mapping
from typing import Any

IRRELEVANT_FOR_RESULTS = {
    "data_path", "checkpoint_dir", "results_path", "show_progress", "state", "resume", "gpu_id", "config_files",
    "log_wandb", "wandb_project", "benchmark_filename", "preparation", "threads", "nproc",
}  # fmt: skip
"""Keys that may differ between two runs of the same experiment (threads: but for the rounding of sums; nproc: but for
that and for random numbers, so that each number of processes above one has a digest of its own)."""

YOUNGER_KEYS = {"transformer_skip": False}
"""Keys that came when records had been published, and what held before: with that value they do not count, so that what
was recorded before is still found, and what was interrupted goes on."""


def settings_that_count(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that make two runs different experiments."""
    return {
        key: value
        for key, value in config.items()
        if key not in IRRELEVANT_FOR_RESULTS and not (key in YOUNGER_KEYS and value == YOUNGER_KEYS[key])
    }


def differing_settings(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Keys of the settings that make two runs different experiments, in alphabetical order."""
    ours, theirs = settings_that_count(first), settings_that_count(second)
    missing = object()
    return sorted(key for key in ours.keys() | theirs.keys() if ours.get(key, missing) != theirs.get(key, missing))

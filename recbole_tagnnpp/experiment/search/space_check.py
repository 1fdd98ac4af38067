"""Does a space fit the configuration that is searched around?  Asked before any trial runs, without torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recbole_tagnnpp.config.layers import CHOICES, Layers, merge_layers
from recbole_tagnnpp.config.value_checks import check_values
from recbole_tagnnpp.config.yaml_files import shortened
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.space import SearchSpace

NOT_SEARCHABLE = {
    **dict.fromkeys(CHOICES, "it chooses property files; give it on the command line"),
    **dict.fromkeys(
        ("data_path", "checkpoint_dir", "results_path", "resume", "show_progress", "state", "use_gpu", "gpu_id",
         "threads", "nproc", "eval_batch_size"),
        "it does not change results",
    ),
    **dict.fromkeys(("preparation", "topk", "metrics", "valid_metric", "metric_decimal_place", "eval_step"),
                    "scores of trials could not be compared"),
    "refit": "trials are scored before it; give it on the command line, for the last run",
    "seed": "the luckiest seed is no better setting; compare --seeds runs several",
}  # fmt: skip
"""Keys that a search cannot vary, and why."""
ATTEMPTS = 200
"""Settings of the other keys that are tried before a value counts as never allowed."""


def check_space(space: SearchSpace, layers: Layers) -> None:
    """Check every key and every value that a space can give, at its ends.

    Args:
        space: the space.
        layers: the configuration around it.

    Raises:
        UserError: an unknown key, one that cannot be searched or that the command line fixes, or a value that is not
            allowed whatever the other searched keys are; names file and line.
    """
    for name in space.parameters:
        if name in NOT_SEARCHABLE:
            raise UserError(f"{space.where(name)}{name}: cannot be searched, {NOT_SEARCHABLE[name]}")
        if name in layers.command_line:
            raise UserError(f"{space.where(name)}{name} is searched here and fixed by --{name}; leave one of them out")
        if name not in layers.final:
            _explain_unknown(name, space, layers)
    generator = np.random.default_rng(0)
    for name, parameter in space.parameters.items():
        for value in parameter.extremes():
            alone = problem_of(layers, {name: value})
            if alone and not _has_company(space, layers, {name: value}, generator):
                raise UserError(f"{space.where(name)}{alone}")


def problem_of(layers: Layers, setting: Mapping[str, Any]) -> str | None:
    """What a setting laid over a configuration breaks, or ``None``."""
    try:
        check_values({**layers.final, **setting}, layers.recbole_defaults, layers.model_defaults, lambda key: "")
    except UserError as problem:
        return str(problem)
    return None


def _has_company(space: SearchSpace, layers: Layers, fixed: Mapping[str, Any], generator: np.random.Generator) -> bool:
    """Whether other searched keys can make a value allowed: 8 heads need a width that 8 divides."""
    for _ in range(ATTEMPTS):
        drawn = {name: parameter.sample(generator) for name, parameter in space.parameters.items()}
        if problem_of(layers, {**drawn, **fixed}) is None:
            return True
    return False


def _explain_unknown(name: str, space: SearchSpace, layers: Layers) -> None:
    try:
        merge_layers(layers.model, layers.dataset, dictionary={name: None, "preset": layers.final["preset"]})
    except UserError as problem:
        raise UserError(f"{space.where(name)}{problem}") from None
    raise UserError(f"{space.where(name)}{name}: unknown key of {shortened(layers.model)}")

"""``compare`` and ``ablate``: from the command line's settings to a grid."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.command_line import config_files
from recbole_tagnnpp.config.value_rules import TEXT, Rule, integer, number_from
from recbole_tagnnpp.config.yaml_files import read_yaml, shortened
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.systems import TABLE_ONE, System, ablations, find_system

RULES: dict[str, Rule] = {
    "workers": integer(0),
    "address": TEXT,
    "attempts": integer(1),
    "gpus_per_run": number_from(0.0),
}
"""Arguments of a grid beside those that say what runs; they are those of ``run_grid``."""


NOT_OF_COMPARE = {"model": "write --models", "seed": "write --seeds", "preset": "write --models=MODEL:PRESET"}
NOT_OF_ABLATE = {
    "model": "ablate takes no model: it is TAGNN++ that loses its parts",
    "seed": "write --seeds",
    "preset": "write --preset on the command line",
}
"""Keys of a single run that a grid decides, and what to write instead."""


def compare(settings: dict[str, Any]) -> int:
    """Run systems beside each other on the same data.

    Args:
        settings: ``dataset``, ``models``, ``seeds``, those of the grid, and keys for every run.

    Returns:
        Exit status: 1 if a run failed.

    Raises:
        UserError: a setting is missing, unknown or not allowed.
    """
    names = _words(settings.pop("models"), "models") if "models" in settings else None
    systems = list(TABLE_ONE) if names is None else [find_system(name) for name in names]
    return _run(settings, lambda dataset: systems, NOT_OF_COMPARE)


def ablate(settings: dict[str, Any]) -> int:
    """Run TAGNN++ without each of its parts (Table II).

    Args:
        settings: ``dataset``, ``preset``, ``seeds``, those of the grid, and keys for every run.

    Returns:
        Exit status: 1 if a run failed.

    Raises:
        UserError: a setting is missing, unknown or not allowed.
    """
    if "models" in settings:
        raise UserError(NOT_OF_ABLATE["model"])
    preset = settings.pop("preset", "recommended")
    if preset is None:
        raise UserError("--preset=~: parts are taken from a preset; name one, such as recommended")
    return _run(settings, lambda dataset: ablations(str(preset), dataset), NOT_OF_ABLATE)


def _run(settings: dict[str, Any], systems_of: Callable[[str], Sequence[System]], not_of_a_grid: Mapping[str, str]) -> int:
    files = config_files(settings)
    for origin, content in [("--", settings), *((f"{file}: ", read_yaml(Path(file))) for file in files)]:
        for key, instead in not_of_a_grid.items():
            if key in content:
                raise UserError(f"{origin}{key}: {instead}; see --help")
    if "dataset" not in settings:
        raise UserError("no dataset given: --dataset=NAME, or several: --dataset=diginetica,yoochoose1_64")
    datasets = _words(settings.pop("dataset"), "dataset")
    seeds = _seeds(settings.pop("seeds", 2020))
    if settings.get("resume") is False:
        raise UserError(
            "--resume=False: a grid always goes on where it stopped; to run it again, give it another --results_path and "
            "--checkpoint_dir"
        )
    options = {key: settings.pop(key) for key in RULES if key in settings}
    for key, value in options.items():
        if not RULES[key].accepts(value):
            raise UserError(f"--{key}={shortened(value)}: allowed is {RULES[key].allowed}")
    if not options.get("workers") and "address" not in options:
        for key in ("attempts", "gpus_per_run"):
            if key in options:
                raise UserError(f"--{key}: has no effect without --workers or --address, as runs go on in this process")

    from recbole_tagnnpp.experiment.grid.grid import run_grid
    from recbole_tagnnpp.experiment.grid.plan import plan_grid
    from recbole_tagnnpp.experiment.grid.progress import State

    planned = plan_grid({dataset: systems_of(dataset) for dataset in datasets}, seeds, settings, files)
    runs = run_grid(planned, **options)
    return 1 if any(run.state is State.FAILED for run in runs) else 0


def _words(value: Any, key: str, kind: str = "names") -> list[str]:
    """``a,b`` or a list as words, at least one and none twice."""
    parts = value if isinstance(value, list) else [] if value is None else str(value).split(",")
    words = [str(part).strip() for part in parts]
    if not words or not all(words) or len(set(words)) < len(words):
        given = "" if value is None else shortened(value)
        raise UserError(f"--{key}={given}: allowed is a list of different {kind}, with commas between them")
    return words


def _seeds(value: Any) -> list[int]:
    try:
        seeds = [int(word) for word in _words(value, "seeds", "whole numbers")]
    except ValueError as problem:
        raise UserError(f"--seeds={shortened(value)}: allowed are whole numbers, for example 1,2,3") from problem
    if len(set(seeds)) < len(seeds):
        raise UserError(f"--seeds={shortened(value)}: names a seed twice")
    return seeds

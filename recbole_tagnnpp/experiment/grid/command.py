"""``compare`` and ``ablate``: from the command line's settings to a grid."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.command_line import config_files
from recbole_tagnnpp.config.yaml_files import read_yaml
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.systems import TABLE_ONE, System, ablations, find_system

DEFAULT_ATTEMPTS = 2


def compare(settings: dict[str, Any]) -> int:
    """Run systems beside each other on the same data.

    Args:
        settings: ``dataset``, ``models``, ``seeds``, those of the grid, and keys for every run.

    Returns:
        Exit status: 1 if a run failed.

    Raises:
        UserError: a setting is missing, unknown or not allowed.
    """
    names = _words(settings.pop("models", None), "models")
    systems = [find_system(name) for name in names] if names else list(TABLE_ONE)
    return _run(settings, systems)


def ablate(settings: dict[str, Any]) -> int:
    """Run TAGNN++ without each of its parts (Table II).

    Args:
        settings: ``dataset``, ``preset``, ``seeds``, those of the grid, and keys for every run.

    Returns:
        Exit status: 1 if a run failed.

    Raises:
        UserError: a setting is missing, unknown or not allowed.
    """
    if "models" in settings or "model" in settings:
        raise UserError("ablate takes no model: it is TAGNN++ that loses its parts")
    return _run(settings, ablations(str(settings.pop("preset", "recommended"))))


def _run(settings: dict[str, Any], systems: Sequence[System]) -> int:
    for key, instead in (("model", "models"), ("seed", "seeds"), ("preset", "models=MODEL:PRESET")):
        if key in settings:
            raise UserError(f"--{key}: write --{instead}; see --help")
    datasets = _words(settings.pop("dataset", None), "dataset")
    if not datasets:
        raise UserError("no dataset given: --dataset=NAME, or several: --dataset=diginetica,yoochoose1_64")
    seeds = _numbers(settings.pop("seeds", 2020), "seeds", int, "whole numbers, for example 1,2,3")
    workers = _number(settings.pop("workers", 0), "workers", int, 0)
    attempts = _number(settings.pop("attempts", DEFAULT_ATTEMPTS), "attempts", int, 1)
    gpus_per_run = _number(settings.pop("gpus_per_run", 0.0), "gpus_per_run", float, 0)
    address = settings.pop("address", None)

    from recbole_tagnnpp.experiment.grid.grid import run_grid
    from recbole_tagnnpp.experiment.grid.plan import plan_grid
    from recbole_tagnnpp.experiment.grid.progress import State

    files = {key: value for file in config_files(settings) for key, value in read_yaml(Path(file)).items()}
    planned = plan_grid(systems, datasets, seeds, {**files, **settings})
    runs = run_grid(planned, workers, None if address is None else str(address), attempts, gpus_per_run)
    return 1 if any(run.state is State.FAILED for run in runs) else 0


def _words(value: Any, key: str) -> list[str]:
    """``a,b`` or a list as words, none twice."""
    if value is None:
        return []
    words = [str(word).strip() for word in value] if isinstance(value, list) else [w.strip() for w in str(value).split(",")]
    if not all(words) or len(set(words)) < len(words):
        raise UserError(f"--{key}={value}: allowed is a list of different names, with commas between them")
    return words


def _numbers(value: Any, key: str, kind: Callable[[str], int], allowed: str) -> list[int]:
    try:
        return [kind(word) for word in _words(value, key)]
    except ValueError as problem:
        raise UserError(f"--{key}={value}: allowed are {allowed}") from problem


def _number(value: Any, key: str, kind: type[int] | type[float], minimum: int) -> Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or value < minimum or kind(value) != value:
        raise UserError(f"--{key}={value}: allowed is a {'whole ' if kind is int else ''}number of at least {minimum}")
    return kind(value)

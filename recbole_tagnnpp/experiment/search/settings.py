"""Which settings are tried: a random list or a grid, the same for the same seed wherever they are trained."""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.space import SearchSpace, Setting, setting_key

ATTEMPTS = 200
"""Draws in a row that give nothing new before a small space counts as used up."""
LARGEST_GRID = 100_000


def random_settings(
    space: SearchSpace,
    count: int,
    seed: int,
    is_allowed: Callable[[Setting], bool],
    first: Mapping[str, Any] | None = None,
) -> list[Setting]:
    """Different settings, drawn at random; more of them begin with the same ones.

    Args:
        space: where from.
        count: how many; fewer where the space does not hold so many.
        seed: of the draws.
        is_allowed: settings that are not are passed over.
        first: a setting to begin with, the untuned one.

    Raises:
        UserError: no setting is allowed.
    """
    generator = np.random.default_rng(seed)
    found: dict[str, Setting] = {}
    if first is not None:
        found[setting_key(first)] = dict(first)
    misses = 0
    while len(found) < count and misses < ATTEMPTS:
        setting = {name: parameter.sample(generator) for name, parameter in space.parameters.items()}
        key = setting_key(setting)
        if key in found or not is_allowed(setting):
            misses += 1
            continue
        found[key] = setting
        misses = 0
    if not found:
        raise UserError(f"{space.file}: none of {ATTEMPTS} settings drawn from it is allowed")
    return list(found.values())


def grid_settings(space: SearchSpace, is_allowed: Callable[[Setting], bool]) -> list[Setting]:
    """Every allowed combination, the last key changing fastest.

    Raises:
        UserError: a key has no list of values, there are too many combinations, or none is allowed.
    """
    values = values_of_keys(space)
    size = math.prod(len(of_key) for of_key in values.values())
    if size > LARGEST_GRID:
        raise UserError(f"{space.file}: has {size} combinations; algorithm=exhaustive allows at most {LARGEST_GRID}")
    combinations = (dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values()))
    allowed = [setting for setting in combinations if is_allowed(setting)]
    if not allowed:
        raise UserError(f"{space.file}: none of its {size} combinations is allowed")
    return allowed


def values_of_keys(space: SearchSpace) -> dict[str, list[Any]]:
    """Every value of every key.

    Raises:
        UserError: a key has no list of values.
    """
    values: dict[str, list[Any]] = {}
    for name, parameter in space.parameters.items():
        of_key = parameter.grid()
        if of_key is None:
            raise UserError(
                f"{space.where(name)}{name}: exhaustive search needs lists of values (choice, quniform, randint), "
                f"not {type(parameter).__name__.lower()}"
            )
        values[name] = of_key
    return values

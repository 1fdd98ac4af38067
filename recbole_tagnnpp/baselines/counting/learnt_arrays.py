"""Checks of what a counting model learnt, as it comes back from a file that may be damaged or made by hand."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

LearntArrays = dict[str, npt.NDArray[Any]]
"""Name to array of one dimension."""


def check_dtypes(tensors: Mapping[str, Tensor], dtypes: Mapping[str, type[np.generic]]) -> LearntArrays:
    """The tensors as arrays.

    Raises:
        ValueError: one is missing, is no plain dense tensor, or has another dtype or number of dimensions.
    """
    learnt = {}
    for name, dtype in dtypes.items():
        if name not in tensors:
            raise ValueError(f"{name!r} is missing")
        try:
            array = np.ascontiguousarray(tensors[name].detach().cpu().numpy())
        except (TypeError, RuntimeError, NotImplementedError) as problem:  # sparse, quantized, bfloat16, on no device
            raise ValueError(f"{name!r} must be a dense tensor of {np.dtype(dtype)}") from problem
        if array.dtype != dtype or array.ndim != 1:
            raise ValueError(
                f"{name!r} must be {np.dtype(dtype)} of one dimension, found {array.dtype} of shape {array.shape}"
            )
        learnt[name] = array
    return learnt


def check_values_from(name: str, array: npt.NDArray[Any], minimum: float, below: float = np.inf) -> None:
    """Check that all values are in [minimum, below).

    Raises:
        ValueError: one is not, or is no number.
    """
    wrong = np.flatnonzero(~((array >= minimum) & (array < below)))
    if len(wrong):
        allowed = f"at least {minimum}" + ("" if below == np.inf else f" and below {below}")
        raise ValueError(f"{name!r} holds {array[wrong[0]]} at place {wrong[0]}, allowed is {allowed}")


def check_ends(name: str, ends: npt.NDArray[np.int64], count: int, total: int, shortest: int) -> None:
    """Check the ends of ``count`` parts, of at least ``shortest`` entries each, of an array of ``total`` entries.

    Args:
        name: for the message.
        ends: part n is ``ends[n]:ends[n + 1]``.
        count: parts that there must be.
        total: length of the array that is parted.
        shortest: smallest part that is allowed.

    Raises:
        ValueError: they are not.
    """
    if len(ends) != count + 1:
        raise ValueError(f"{name!r} has {len(ends)} entries, {count + 1} are needed")
    # compared, not subtracted: a difference of damaged numbers may overflow
    if ends[0] != 0 or ends[-1] != total or np.any((ends < 0) | (ends > total)) or np.any(np.diff(ends) < shortest):
        raise ValueError(f"{name!r} must rise from 0 to {total} in steps of at least {shortest}")

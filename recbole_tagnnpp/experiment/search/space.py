"""RecBole's hyper-parameter files, read strictly and without ``eval``.

A line is ``name kind values``::

    learning_rate loguniform -8,-5        # exp(-8) to exp(-5), bounds are exponents of e, as in RecBole
    n_layers choice [1, 2]                # Python values: numbers, 'words', True, False, None, lists
    label_smoothing uniform 0.0,0.2
    train_batch_size quniform 50,200,50   # multiples of 50; whole numbers give integers
    n_gnn_steps randint 1,3               # integers 1, 2 and 3 (RecBole does not have this kind)

Blank lines and comments are allowed; RecBole's own parser knows only the former.
"""

import ast
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.yaml_files import shortened
from recbole_tagnnpp.errors import UserError, suggestion
from recbole_tagnnpp.experiment.search.parameters import (
    Choice,
    LogUniform,
    Parameter,
    QUniform,
    RandInt,
    Uniform,
    is_same_value,
)

FORMS = {
    "choice": "name choice [a, b, ...]",
    "uniform": "name uniform low,high",
    "loguniform": "name loguniform low,high",
    "quniform": "name quniform low,high,q",
    "randint": "name randint low,high",
}
LARGEST_EXPONENT = 700.0
"""exp of more is infinite in float64."""
LARGEST_COUNT = 2**53
"""float64 does not tell larger whole numbers apart."""

Setting = dict[str, Any]
"""Searched key to value: one point of a space."""


@dataclass(frozen=True)
class SearchSpace:
    """The searched keys.

    Attributes:
        file: where they were read, for messages.
        parameters: name to parameter, in the order of the file.
    """

    file: str
    parameters: Mapping[str, Parameter]

    def plain(self, setting: Mapping[str, Any]) -> Setting:
        """A setting with values as configurations hold them, in the order of the file."""
        return {name: parameter.plain(setting[name]) for name, parameter in self.parameters.items()}

    def where(self, name: str) -> str:
        """Start of a message about a key: file and line."""
        return f"{self.file}:{self.parameters[name].line}: "

    def describe(self) -> dict[str, str]:
        """Key to kind and values, for records."""
        return {name: _describe(parameter) for name, parameter in self.parameters.items()}


def setting_key(setting: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits that two settings share if and only if they are the same; 12 and 12.0 are."""
    return hashlib.sha256(json.dumps(_with_one_spelling(setting), sort_keys=True).encode()).hexdigest()[:8]


def _with_one_spelling(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_one_spelling(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_one_spelling(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def read_space(path: Path) -> SearchSpace:
    """Read a hyper-parameter file.

    Raises:
        UserError: the file is missing, empty or not text, or a line is wrong; names file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as problem:
        raise UserError(f"{path}: no such file") from problem
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"{path}: not readable as UTF-8 text ({problem})") from problem
    parameters: dict[str, Parameter] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.strip().startswith("#"):
            continue
        try:
            parameter = _parse_line(line, number)
            if parameter.name in parameters:
                raise _MistakeError(f"{parameter.name} is searched in line {parameters[parameter.name].line} already")
        except _MistakeError as mistake:
            raise UserError(f"{path}:{number}: {mistake}") from None
        parameters[parameter.name] = parameter
    if not parameters:
        raise UserError(f"{path}: holds no parameters; a line is one of {'; '.join(FORMS.values())}")
    return SearchSpace(str(path), parameters)


class _MistakeError(Exception):
    """What is wrong with a line, without its place."""


def _parse_line(text: str, line: int) -> Parameter:
    words = text.split(maxsplit=2)
    name, kind = words[0], words[1] if len(words) > 1 else ""
    if not name.isidentifier():
        raise _MistakeError(f"{shortened(name)} is not a key; a line is one of {'; '.join(FORMS.values())}")
    if kind not in FORMS:
        raise _MistakeError(f"{name}: {shortened(kind)} is no kind of parameter; {suggestion(kind.lower(), list(FORMS))}")
    values = words[2] if len(words) > 2 else ""
    try:
        return _PARSERS[kind](name, line, values)
    except _MistakeError as mistake:
        raise _MistakeError(f"{name} {kind} {values.strip()[:150]}: {mistake}, as in '{FORMS[kind]}'") from None


def _choice(name: str, line: int, text: str) -> Parameter:
    try:
        values = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise _MistakeError("must be a list of Python values (numbers, 'words' in quotes, True, False, None)") from None
    if not isinstance(values, (list, tuple)) or not values:
        raise _MistakeError("must be a list of at least one value")
    for position, value in enumerate(values):
        if not _is_plain(value):
            raise _MistakeError(f"{shortened(value)} is not a number, word, True, False, None or list of these")
        if any(is_same_value(value, earlier) for earlier in values[:position]):
            raise _MistakeError(f"{shortened(value)} stands there twice; every value once")
    return Choice(name, line, tuple(values))


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(entry) for entry in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(entry) for key, entry in value.items())
    return value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value))


def _numbers(text: str, names: tuple[str, ...]) -> list[float]:
    parts = [part.strip() for part in text.partition("#")[0].split(",")]
    if len(parts) != len(names) or not all(parts):
        raise _MistakeError(f"must be {len(names)} numbers with commas between them ({','.join(names)})")
    numbers = []
    for part in parts:
        try:
            numbers.append(float(part))
        except ValueError:
            raise _MistakeError(f"{shortened(part)} is not a number") from None
        if not math.isfinite(numbers[-1]):
            raise _MistakeError(f"{part} is not a finite number")
    if numbers[0] >= numbers[1]:
        raise _MistakeError(f"low must be below high, found {parts[0]} and {parts[1]}")
    if not math.isfinite(numbers[1] - numbers[0]):
        raise _MistakeError("low and high are too far apart")
    return numbers


def _uniform(name: str, line: int, text: str) -> Parameter:
    low, high = _numbers(text, ("low", "high"))
    return Uniform(name, line, low, high)


def _loguniform(name: str, line: int, text: str) -> Parameter:
    low, high = _numbers(text, ("low", "high"))
    if max(abs(low), abs(high)) > LARGEST_EXPONENT:
        raise _MistakeError(f"bounds are exponents of e, from -{LARGEST_EXPONENT:.0f} to {LARGEST_EXPONENT:.0f}")
    return LogUniform(name, line, low, high)


def _quniform(name: str, line: int, text: str) -> Parameter:
    low, high, q = _numbers(text, ("low", "high", "q"))
    if not 0 < q <= high - low:
        raise _MistakeError(f"q must be above 0 and at most high - low, found {q:g}")
    if not max(abs(low), abs(high)) / q <= LARGEST_COUNT:
        raise _MistakeError(f"bounds are at most {LARGEST_COUNT} times q")
    return QUniform(name, line, low, high, q)


def _randint(name: str, line: int, text: str) -> Parameter:
    low, high = _numbers(text, ("low", "high"))
    if not (low.is_integer() and high.is_integer()):
        raise _MistakeError("low and high must be whole numbers")
    if max(abs(low), abs(high)) > LARGEST_COUNT:
        raise _MistakeError(f"low and high are at most {LARGEST_COUNT}")
    return RandInt(name, line, int(low), int(high))


_PARSERS: dict[str, Callable[[str, int, str], Parameter]] = {
    "choice": _choice,
    "uniform": _uniform,
    "loguniform": _loguniform,
    "quniform": _quniform,
    "randint": _randint,
}


def _describe(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        return f"one of {', '.join(str(value) for value in parameter.values)}"
    smallest, largest = parameter.extremes()
    words = {Uniform: "", LogUniform: ", even on a logarithmic scale", RandInt: ", whole numbers"}
    how = f", multiples of {parameter.q:g}" if isinstance(parameter, QUniform) else words[type(parameter)]
    return f"{smallest:.4g} to {largest:.4g}{how}"

"""The kinds of line in a hyper-parameter file: what values they stand for and how these are drawn, counted and moved."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

SIGNIFICANT_DIGITS = 12
"""Of multiples of q: 3 * 0.1 is 0.3, not 0.30000000000000004."""


@dataclass(frozen=True)
class Parameter(ABC):
    """One searched key.

    Attributes:
        name: key of the configuration.
        line: of the file, from 1, for messages.
    """

    name: str
    line: int

    @abstractmethod
    def sample(self, generator: np.random.Generator) -> Any:
        """Draw a value."""

    @abstractmethod
    def grid(self) -> list[Any] | None:
        """Every value, or ``None`` where they cannot be counted."""

    @abstractmethod
    def extremes(self) -> list[Any]:
        """Values to check before anything runs: all of a choice, the smallest and the largest otherwise."""

    def holds(self, value: Any) -> bool:
        """Whether ``value`` is one that this line stands for; that of the configuration around a space need not be."""
        values = self.grid()
        if values is not None:
            return any(is_same_value(entry, value) for entry in values)
        low, high = self.extremes()
        return isinstance(value, (int, float)) and bool(low <= value <= high)

    @abstractmethod
    def moved(self, value: Any, generator: np.random.Generator) -> Any:
        """A value near ``value``, which the parameter holds, and still inside: the step of population based training."""

    @abstractmethod
    def hyperopt(self) -> Any:
        """The same distribution as an expression of hyperopt, labelled with the name."""

    def hyperopt_value(self, value: Any) -> Any:
        """A value as hyperopt's trials hold it: the position in a choice, else the value."""
        return value

    def plain(self, value: Any) -> Any:
        """A value as configurations hold it; hyperopt gives numpy numbers, tuples for lists and floats for integers.

        A value that the parameter does not hold stays what it is: a search begins with the configuration around it.
        """
        return plain_value(value)


@dataclass(frozen=True)
class Choice(Parameter):
    """``name choice [a, b, c]``: one of some values, each as likely as the others."""

    values: tuple[Any, ...]

    def sample(self, generator: np.random.Generator) -> Any:
        """Draw a value."""
        return plain_value(self.values[int(generator.integers(len(self.values)))])

    def grid(self) -> list[Any]:
        """Every value."""
        return [plain_value(value) for value in self.values]

    def extremes(self) -> list[Any]:
        """Every value."""
        return self.grid()

    def moved(self, value: Any, generator: np.random.Generator) -> Any:
        """The value beside ``value`` in the list."""
        position = self.hyperopt_value(value) + (1 if generator.random() < 0.5 else -1)
        return plain_value(self.values[min(max(position, 0), len(self.values) - 1)])

    def hyperopt(self) -> Any:
        """``hp.choice``."""
        from hyperopt import hp

        return hp.choice(self.name, list(self.values))

    def hyperopt_value(self, value: Any) -> int:
        """Position of ``value`` in the list."""
        return next(i for i, entry in enumerate(self.values) if is_same_value(entry, value))


@dataclass(frozen=True)
class Uniform(Parameter):
    """``name uniform low,high``: a number between two others."""

    low: float
    high: float

    def sample(self, generator: np.random.Generator) -> float:
        """Draw a value."""
        return float(generator.uniform(self.low, self.high))

    def grid(self) -> None:
        """Not countable."""
        return

    def extremes(self) -> list[Any]:
        """Both ends."""
        return [self.low, self.high]

    def moved(self, value: Any, generator: np.random.Generator) -> float:
        """A tenth of the range up or down, cut at the ends."""
        step = (self.high - self.low) / 10 * (1 if generator.random() < 0.5 else -1)
        return min(max(float(value) + step, self.low), self.high)

    def hyperopt(self) -> Any:
        """``hp.uniform``."""
        from hyperopt import hp

        return hp.uniform(self.name, self.low, self.high)


@dataclass(frozen=True)
class LogUniform(Parameter):
    """``name loguniform low,high``: exp of a number between low and high, which are exponents of e as in RecBole."""

    low: float
    high: float

    def sample(self, generator: np.random.Generator) -> float:
        """Draw a value."""
        return math.exp(generator.uniform(self.low, self.high))

    def grid(self) -> None:
        """Not countable."""
        return

    def extremes(self) -> list[Any]:
        """Both ends, as values."""
        return [math.exp(self.low), math.exp(self.high)]

    def moved(self, value: Any, generator: np.random.Generator) -> float:
        """A fifth less or a quarter more, cut at the ends."""
        smallest, largest = self.extremes()
        return min(max(float(value) * (1.25 if generator.random() < 0.5 else 0.8), smallest), largest)

    def hyperopt(self) -> Any:
        """``hp.loguniform``."""
        from hyperopt import hp

        return hp.loguniform(self.name, self.low, self.high)


@dataclass(frozen=True)
class QUniform(Parameter):
    """``name quniform low,high,q``: ``round(x / q) * q`` of a number x between low and high.

    Where low, high and q are whole numbers the values are integers (RecBole hands on 128.0, which no integer key takes).
    """

    low: float
    high: float
    q: float

    @property
    def is_whole(self) -> bool:
        """Whether the values are integers."""
        return all(float(number).is_integer() for number in (self.low, self.high, self.q))

    def sample(self, generator: np.random.Generator) -> float | int:
        """Draw a value."""
        return self._multiple(round(generator.uniform(self.low, self.high) / self.q))

    def grid(self) -> list[Any]:
        """Every multiple of q that can be drawn."""
        return [self._multiple(n) for n in range(round(self.low / self.q), round(self.high / self.q) + 1)]

    def extremes(self) -> list[Any]:
        """Smallest and largest multiple."""
        return [self._multiple(round(self.low / self.q)), self._multiple(round(self.high / self.q))]

    def moved(self, value: Any, generator: np.random.Generator) -> float | int:
        """One multiple up or down, cut at the ends."""
        smallest, largest = self.extremes()
        moved = self._multiple(round(value / self.q) + (1 if generator.random() < 0.5 else -1))
        return min(max(moved, smallest), largest)

    def hyperopt(self) -> Any:
        """``hp.quniform``."""
        from hyperopt import hp

        return hp.quniform(self.name, self.low, self.high, self.q)

    def plain(self, value: Any) -> Any:
        """A multiple as it is spelt here, an integer where all are."""
        value = plain_value(value)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            return value
        multiple = self._multiple(round(value / self.q))
        return multiple if math.isclose(value, multiple) else value

    def _multiple(self, n: int) -> float | int:
        value = float(f"{n * self.q:.{SIGNIFICANT_DIGITS}g}")
        return round(value) if self.is_whole else value


@dataclass(frozen=True)
class RandInt(Parameter):
    """``name randint low,high``: an integer, both ends included (not in RecBole's format)."""

    low: int
    high: int

    def sample(self, generator: np.random.Generator) -> int:
        """Draw a value."""
        return int(generator.integers(self.low, self.high, endpoint=True))

    def grid(self) -> list[Any]:
        """Every integer."""
        return list(range(self.low, self.high + 1))

    def extremes(self) -> list[Any]:
        """Both ends."""
        return [self.low, self.high]

    def moved(self, value: Any, generator: np.random.Generator) -> int:
        """One up or down, cut at the ends."""
        return min(max(int(value) + (1 if generator.random() < 0.5 else -1), self.low), self.high)

    def hyperopt(self) -> Any:
        """``hp.uniformint``."""
        from hyperopt import hp

        return hp.uniformint(self.name, self.low, self.high)

    def plain(self, value: Any) -> Any:
        """An integer, not a float of the same value."""
        value = plain_value(value)
        return int(value) if isinstance(value, float) and value.is_integer() else value


def plain_value(value: Any) -> Any:
    """numpy's numbers as Python's, tuples as lists."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [plain_value(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): plain_value(entry) for key, entry in value.items()}
    return value


def is_same_value(one: Any, other: Any) -> bool:
    """Equality that tells True from 1, and 1 from 1.0 not."""
    one, other = plain_value(one), plain_value(other)
    return isinstance(one, bool) == isinstance(other, bool) and one == other

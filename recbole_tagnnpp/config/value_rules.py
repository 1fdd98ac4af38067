"""Kinds of values that a key may have, each with the words that a message says them in."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recbole_tagnnpp.errors import is_unicode
from recbole_tagnnpp.limits import LARGEST_INTEGER


@dataclass(frozen=True)
class Rule:
    """Allowed values of a key.

    Attributes:
        allowed: in words, for the message.
        accepts: the check.
        is_real: whether 12 means 12.0.
    """

    allowed: str
    accepts: Callable[[Any], bool]
    is_real: bool = False


def is_number(value: Any) -> bool:
    """Whether it is a float, or a whole number that has one."""
    return isinstance(value, float) or (is_integer(value) and abs(value) <= sys.float_info.max)


def is_integer(value: Any) -> bool:
    """Whether it is a whole number; Python counts True and False among them."""
    return isinstance(value, int) and not isinstance(value, bool)


def integer(minimum: int, maximum: int = LARGEST_INTEGER, or_none: bool = False) -> Rule:
    """A whole number of at least ``minimum`` and at most ``maximum``."""
    return Rule(
        f"a whole number of at least {minimum} and at most {maximum}" + (", or ~" if or_none else ""),
        lambda v: (or_none and v is None) or (is_integer(v) and minimum <= v <= maximum),
    )


def number(above: float, or_none: bool = False) -> Rule:
    """A finite number larger than ``above``."""
    words = f"a number above {above}" + (", or ~" if or_none else "")
    return Rule(words, lambda v: (or_none and v is None) or (is_number(v) and above < v < float("inf")), is_real=True)


def number_from(minimum: float, below: float | None = None) -> Rule:
    """A finite number in [minimum, below)."""
    limit = float("inf") if below is None else below
    words = f"a number of at least {minimum}" + ("" if below is None else f" and below {below}")
    return Rule(words, lambda v: is_number(v) and minimum <= v < limit, is_real=True)


def one_of(*values: str, or_none: bool = False) -> Rule:
    """One of some words."""
    return Rule(
        "one of " + ", ".join(values) + (", or ~" if or_none else ""),
        lambda v: v in values or (or_none and v is None),
    )


def list_of(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """The check of a list from the check of an entry."""
    return lambda v: isinstance(v, (list, tuple)) and all(accepts(entry) for entry in v)


BOOLEAN = Rule("True or False", lambda v: isinstance(v, bool))
WORDS = Rule("a list of words", list_of(lambda v: isinstance(v, str)))
PROBABILITY = number_from(0.0, 1.0)
SHARE = Rule("a number above 0 and at most 1", lambda v: is_number(v) and 0 < v <= 1, is_real=True)
TEXT = Rule(
    "a word, of whole characters and without NUL",
    lambda v: isinstance(v, str) and bool(v) and "\0" not in v and is_unicode(v),
)
THREADS = integer(1, 1024, or_none=True)  # no machine has more cores, and some libraries crash on more threads

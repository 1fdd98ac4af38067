"""The rules by which a dataset is prepared: the ``preparation`` mapping of ``properties/dataset/<name>.yaml``."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any

from recbole_tagnnpp.errors import UserError, suggestion
from recbole_tagnnpp.limits import LARGEST_INTEGER

SOURCE_FORMATS = (
    "auto", "diginetica_csv", "yoochoose_dat", "srgnn_processed", "recbole_inter", "recbole_benchmark", "click_csv"
)  # fmt: skip
VALIDATION = ("recent_sessions", "random_sessions")
TIME_UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}
"""Units of times that are numbers, counted since 1970: how many make a second."""


def complete(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Rules of a manifest or checkpoint; one that is older than a rule did by its default."""
    return {**PreparationRules().to_mapping(), **rules}


def no_rules(dataset: str) -> str:
    """What a user reads who has given no rules."""
    return (
        f'dataset={dataset}: no rules to prepare it by; give some, as --preparation="{{test_days: 7}}", or keep them in '
        f"properties/dataset/{dataset}.yaml, of which the shipped example.yaml is a model"
    )


@dataclass(frozen=True)
class PreparationRules:
    """How raw clicks become training, validation and test sequences.

    Attributes:
        source_format: one of ``SOURCE_FORMATS``; ``auto`` looks at the file.
        session_field, item_field, time_field: columns of an ``.inter`` or CSV source.
        time_unit: of its times where they are numbers, one of ``TIME_UNITS``.
        session_gap_minutes: minutes without a click that end a session, for a log whose ``session_field`` names
            visitors; ``None`` takes it at its word.
        min_item_count: items with fewer clicks are dropped.
        min_session_length: sessions with fewer clicks are dropped.
        test_days: days at the end of the log whose sessions are the test.
        train_fraction: most recent share of the training sequences that is kept, a fraction such as ``1/64``.
        validation_by: which training sessions become validation data: the most recent ones or random ones.
        validation_fraction: their share, in (0, 1).
        validation_seed: of the random choice.
        max_prefix_length: longest prefix that is written; of longer ones the newest clicks are kept.
    """

    source_format: str = "auto"
    session_field: str = "session_id"
    item_field: str = "item_id"
    time_field: str = "timestamp"
    time_unit: str = "seconds"
    session_gap_minutes: float | None = None
    min_item_count: int = 5
    min_session_length: int = 2
    test_days: int = 7
    train_fraction: str = "1/1"
    validation_by: str = "recent_sessions"
    validation_fraction: float = 0.1
    validation_seed: int = 2020
    max_prefix_length: int = 50

    @classmethod
    def from_mapping(cls, mapping: Any, where: str, origin_of: Callable[[str], str] = lambda _: "") -> "PreparationRules":
        """Check a mapping strictly.

        Args:
            mapping: the ``preparation`` value of a property file.
            where: its place, for messages.
            origin_of: tells where a rule was set, as what a message begins with.

        Raises:
            UserError: not a mapping, an unknown key, or a value that is not allowed.
        """
        if not isinstance(mapping, Mapping):
            raise UserError(f"{where}: must be a mapping of keys to values, found {mapping!r}")
        known = [field.name for field in fields(cls)]
        for key in mapping:
            if key not in known:
                raise UserError(f"{where}: {key}: unknown key; {suggestion(str(key), known)}")
        rules = cls(**mapping)
        rules._check(where, origin_of)
        return rules

    def _check(self, where: str, origin_of: Callable[[str], str]) -> None:
        def refuse(key: str, allowed: str) -> None:
            raise UserError(f"{origin_of(key)}{where}: {key}={getattr(self, key)!r}: allowed is {allowed}")

        choices = {"source_format": SOURCE_FORMATS, "time_unit": tuple(TIME_UNITS), "validation_by": VALIDATION}
        for key, values in choices.items():
            if getattr(self, key) not in values:
                refuse(key, "one of " + ", ".join(values))
        for key in ("session_field", "item_field", "time_field"):
            if not isinstance(getattr(self, key), str) or not getattr(self, key):
                refuse(key, "the name of a column")
        if len({self.session_field, self.item_field, self.time_field}) < 3:
            raise UserError(f"{where}: session_field, item_field and time_field must name three different columns")
        minima = {
            "min_item_count": 1, "min_session_length": 2, "test_days": 1, "validation_seed": 0, "max_prefix_length": 1
        }  # fmt: skip
        for key, minimum in minima.items():
            value = getattr(self, key)
            if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= LARGEST_INTEGER:
                refuse(key, f"a whole number of at least {minimum} and at most {LARGEST_INTEGER}")
        gap = self.session_gap_minutes
        if gap is not None and (
            not isinstance(gap, (int, float)) or isinstance(gap, bool) or not 0 < gap <= LARGEST_INTEGER
        ):
            refuse("session_gap_minutes", f"a number above 0 and at most {LARGEST_INTEGER}, or ~ for none")
        if not isinstance(self.train_fraction, str) or not re.fullmatch(r"[1-9]\d*/[1-9]\d*", self.train_fraction):
            refuse("train_fraction", "a fraction such as 1/64")
        if self.training_share > 1:
            refuse("train_fraction", "a fraction of at most 1")
        share = self.validation_fraction
        if not isinstance(share, (int, float)) or isinstance(share, bool) or not 0 < share < 1:
            refuse("validation_fraction", "a number above 0 and below 1")

    @property
    def training_share(self) -> Fraction:
        """``train_fraction`` as an exact number."""
        return Fraction(self.train_fraction)

    def to_mapping(self) -> dict[str, Any]:
        """All rules with their values, for the manifest."""
        return asdict(self)

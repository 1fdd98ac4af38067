"""Test sequences in groups: by the length of their session, by the popularity of their target."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_tagnnpp.experiment.statistics.sequence_results import FloatArray, IntArray

SHORT_AT_MOST, LONG_AT_LEAST = 3, 10
"""Clicks of a session, its last one included: short 2-3, medium 4-9, long from 10.

The paper speaks of short, medium and long sessions, after a survey (its reference 19), and draws no boundaries; these
are ours.
"""


@dataclass(frozen=True)
class SequenceGroup:
    """Some of the test sequences.

    Attributes:
        name: for table and plot.
        detail: its boundaries in words.
        members: [N] bool, which sequences.
    """

    name: str
    detail: str
    members: npt.NDArray[np.bool_]

    def mean(self, results: FloatArray) -> float | None:
        """Mean of results [N] over the group, ``None`` where it is empty."""
        members = results[self.members]
        return math.fsum(members) / len(members) if len(members) else None  # fsum: the same on every machine


def session_lengths(session: IntArray) -> IntArray:
    """[N] clicks of the whole test session that each sequence is a prefix of.

    A session of n clicks gives n - 1 test sequences, one for each click that has clicks before it.

    Args:
        session: [N] session numbers.
    """
    _, number, counts = np.unique(session, return_inverse=True, return_counts=True)
    return counts[number] + 1


def groups_by_length(session: IntArray) -> list[SequenceGroup]:
    """Sequences of short, medium and long sessions, see ``SHORT_AT_MOST`` and ``LONG_AT_LEAST``.

    Args:
        session: [N] session numbers.
    """
    lengths = session_lengths(session)
    is_short, is_long = lengths <= SHORT_AT_MOST, lengths >= LONG_AT_LEAST
    return [
        SequenceGroup("short", f"sessions of 2-{SHORT_AT_MOST} clicks", is_short),
        SequenceGroup("medium", f"{SHORT_AT_MOST + 1}-{LONG_AT_LEAST - 1} clicks", ~is_short & ~is_long),
        SequenceGroup("long", f"{LONG_AT_LEAST} clicks and more", is_long),
    ]


def groups_by_popularity(target_count: IntArray, names: Sequence[str]) -> list[SequenceGroup]:
    """Quantiles of the test sequences by how often their target was a target before, rarest first.

    Sequences whose targets are equally frequent stay together, so groups can be of unequal size.

    Args:
        target_count: [N] training and validation sequences with the same target.
        names: one for each quantile.
    """
    shares = np.arange(1, len(names)) / len(names)
    inner = np.quantile(target_count, shares, method="inverted_cdf")  # an observed count: whole, no interpolation
    number = np.searchsorted(inner, target_count, side="left")  # [N], a count equal to a boundary lies below it
    groups = []
    for index, name in enumerate(names):
        members = number == index
        counts = target_count[members]
        detail = f"{counts.min()}-{counts.max()} times" if members.any() else "no sequence"
        groups.append(SequenceGroup(name, detail, members))
    return groups

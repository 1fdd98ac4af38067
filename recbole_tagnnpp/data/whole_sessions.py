"""Whole sessions: put together from a split's prefixes, and the clicks of a batch in the same form."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recbole_tagnnpp.data.session_sequences import IntArray, SessionSequences

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SessionClicks:
    """Sessions one after the other, oldest click first.

    Attributes:
        items: [T] int64, item of every click.
        ends: [S + 1] int64, session s is ``items[ends[s]:ends[s + 1]]``; no session is empty.
    """

    items: IntArray
    ends: IntArray

    def __len__(self) -> int:
        return len(self.ends) - 1

    @property
    def lengths(self) -> IntArray:
        """[S] int64 clicks of each session."""
        return np.diff(self.ends)

    def select(self, start: int, stop: int) -> "SessionClicks":
        """Sessions ``start`` to ``stop - 1``."""
        ends = self.ends[start : stop + 1]
        return SessionClicks(self.items[ends[0] : ends[-1]], ends - ends[0])

    def distinct(self) -> "DistinctClicks":
        """Every session's items once each, with the place of their last click."""
        session = np.repeat(np.arange(len(self)), self.lengths)
        position = np.arange(len(self.items)) - self.ends[session] + 1
        width = self.items.max(initial=0) + 1
        # of equal keys np.unique reports the first, which is the last click when the clicks are reversed
        keys, last = np.unique((session * width + self.items)[::-1], return_index=True)
        chosen = len(self.items) - 1 - last
        ends = np.searchsorted(keys, np.arange(len(self) + 1) * width)
        return DistinctClicks(self.items[chosen], position[chosen], ends.astype(np.int64))


@dataclass(frozen=True)
class DistinctClicks:
    """The distinct items of sessions.

    Attributes:
        items: [T] int64, ascending inside a session.
        positions: [T] int64, place of the item's last click in its session, from 1.
        ends: [S + 1] int64, session s has ``items[ends[s]:ends[s + 1]]``.
    """

    items: IntArray
    positions: IntArray
    ends: IntArray

    @property
    def counts(self) -> IntArray:
        """[S] int64 distinct items of each session."""
        return np.diff(self.ends)

    def matrix(self, values: FloatArray, n_items: int) -> sparse.csr_array:
        """[S, n_items] with one of ``values`` [T] for every session and item."""
        return sparse.csr_array((values, self.items, self.ends), shape=(len(self.ends) - 1, n_items))


def whole_sessions(sequences: SessionSequences) -> SessionClicks:
    """Sessions that sequences are prefixes of: each one's longest prefix and the target behind it.

    A session of which the oldest prefixes are missing (the first of Yoochoose 1/64) is as complete as its longest
    prefix.  Where preparation has cut prefixes to the newest ``max_prefix_length`` clicks, what was cut off is taken
    from the session's shorter prefixes.

    Args:
        sequences: of each session, the prefixes from some length on, in any order; those of the greatest length, to which
            longer ones were cut, as the session went.

    Returns:
        Sessions in the order of their numbers.  Files list sessions oldest first (``filter_and_split`` sorts them) and
        number them by first appearance, so that a later session is a more recent one.  Validation sessions that were
        put behind them (``refit``) are more recent still, unless they were drawn at random.
    """
    order = np.lexsort((sequences.prefix_lengths, sequences.session_numbers))  # stable: equal lengths are cut prefixes
    numbers, lengths = sequences.session_numbers[order], sequences.prefix_lengths[order]
    is_first = np.diff(numbers, prepend=-1) != 0
    # a sequence adds its target, and those clicks of its prefix that lie behind the target of the one before
    added = np.where(is_first, lengths, np.maximum(np.diff(lengths, prepend=0), 1) - 1)
    ends = np.concatenate([[0], np.cumsum(added + 1)])
    is_target = np.zeros(ends[-1], dtype=bool)
    is_target[ends[1:] - 1] = True
    items = np.empty(ends[-1], dtype=np.int64)
    items[is_target] = sequences.target_items[order]
    first_source = sequences.prefix_ends[order + 1] - added
    within = np.arange(added.sum()) - np.repeat(np.cumsum(added) - added, added)
    items[~is_target] = sequences.prefix_items[np.repeat(first_source, added) + within]
    session_starts = ends[:-1][is_first]
    return SessionClicks(items, np.append(session_starts, ends[-1]).astype(np.int64))

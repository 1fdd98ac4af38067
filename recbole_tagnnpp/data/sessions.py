"""Sessions in memory, packed."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sessions:
    """Sessions of item codes, oldest click first.

    Attributes:
        items: [T] int64, item codes of all sessions one after the other.
        ends: [S + 1] int64, session s is ``items[ends[s]:ends[s + 1]]``.
        ids: [S] string array, session tokens.
        dates: [S] int64, day or second by which sessions are ordered and split.
        shortest_prefixes: [S] int64, length of the shortest prefix that is a sequence: 1, unless the source gives
            only some of a session's sequences.
    """

    items: IntArray
    ends: IntArray
    ids: pa.Array
    dates: IntArray
    shortest_prefixes: IntArray

    @classmethod
    def whole(cls, items: IntArray, ends: IntArray, ids: pa.Array, dates: IntArray) -> "Sessions":
        """Sessions of which every prefix is a sequence."""
        return cls(items, ends, ids, dates, np.ones(len(ends) - 1, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ends) - 1

    @property
    def lengths(self) -> IntArray:
        """[S] int64 clicks of each session."""
        return np.diff(self.ends)

    @property
    def sequence_counts(self) -> IntArray:
        """[S] int64 sequences (prefix and target item) that each session gives."""
        return self.lengths - self.shortest_prefixes

    @property
    def n_sequences(self) -> int:
        """Number of sequences of all sessions."""
        return int(self.sequence_counts.sum())

    @property
    def is_target(self) -> BoolArray:
        """[T] bool: the click is the target of a sequence."""
        place = np.arange(len(self.items)) - np.repeat(self.ends[:-1], self.lengths)
        return place >= np.repeat(self.shortest_prefixes, self.lengths)

    @property
    def session_of_click(self) -> IntArray:
        """[T] int64."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def keep_clicks(self, keep: BoolArray) -> "Sessions":
        """Leave out clicks; sessions stay, even empty ones."""
        lengths = np.bincount(self.session_of_click[keep], minlength=len(self))
        return replace(self, items=self.items[keep], ends=_ends(lengths))

    def take(self, index: IntArray) -> "Sessions":
        """Some sessions, in the order of ``index``."""
        lengths = self.lengths[index]
        ends = _ends(lengths)
        clicks = np.arange(ends[-1]) + np.repeat(self.ends[index] - ends[:-1], lengths)
        return Sessions(
            self.items[clicks], ends, self.ids.take(pa.array(index)), self.dates[index], self.shortest_prefixes[index]
        )

    def keep_sessions(self, keep: BoolArray) -> "Sessions":
        """Leave out sessions."""
        return self.take(np.flatnonzero(keep))

    def cut_first_session(self, length: int) -> "Sessions":
        """Keep only the first ``length`` clicks of session 0."""
        index = np.arange(len(self.items))
        return self.keep_clicks((index < length) | (index >= self.lengths[0]))


def _ends(lengths: IntArray) -> IntArray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


@dataclass(frozen=True)
class ClickLog:
    """A raw log of clicks, as a source has them.

    Attributes:
        sessions: every session of the log in order of first appearance, clicks in order of time.
        item_tokens: token of each item code.
    """

    sessions: Sessions
    item_tokens: pa.Array


@dataclass(frozen=True)
class SplitSessions:
    """Training and test sessions, oldest first.

    Attributes:
        training, test: the sessions.
        item_tokens: token of each item code.
        counts: what each step of the protocol left, in order, for the manifest.
    """

    training: Sessions
    test: Sessions
    item_tokens: pa.Array
    counts: dict[str, int]


def sessions_of_clicks(
    session: pa.Array, item_codes: IntArray, times: npt.NDArray, dates: IntArray, date_of_last_row: bool = False
) -> Sessions:
    """Group clicks to sessions.

    Args:
        session: [n] session ids of the clicks, in the order of the log.
        item_codes: [n] int64.
        times: [n] what clicks are ordered by inside a session; ties keep the order of the log.
        dates: [n] int64; the date of a session is that of its last click.
        date_of_last_row: take the date of the session's last row in the log instead.
    """
    codes, ids = encode_ids(session)
    order = np.lexsort((times, codes))  # stable
    lengths = np.bincount(codes, minlength=len(ids))
    ends = _ends(lengths)
    dated = np.argsort(codes, kind="stable") if date_of_last_row else order
    return Sessions.whole(item_codes[order], ends, ids.cast(pa.string()), dates[dated[ends[1:] - 1]])


def encode_ids(ids: pa.Array | pa.ChunkedArray) -> tuple[IntArray, pa.Array]:
    """Number ids in order of first appearance.

    Returns:
        [n] int64 numbers from 0, and the distinct ids in their order.
    """
    encoded = ids.dictionary_encode()  # before chunks are joined: their text may be more than 32-bit offsets reach
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary

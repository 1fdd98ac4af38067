"""Lists of different lengths in two flat arrays."""

from dataclasses import dataclass

import numpy as np

from recbole_tagnnpp.data.session_sequences import IntArray


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths, one after the other.

    Attributes:
        values: [V] int64.
        ends: [R + 1] int64, row r is ``values[ends[r]:ends[r + 1]]``.
    """

    values: IntArray
    ends: IntArray

    @property
    def lengths(self) -> IntArray:
        """[R] int64 number of values of each row."""
        return np.diff(self.ends)

    @property
    def row_of_value(self) -> IntArray:
        """[V] int64."""
        return np.repeat(np.arange(len(self.ends) - 1), self.lengths)

    def take(self, rows: IntArray) -> "Ragged":
        """Some rows, in the order asked for; a row may be asked for more than once."""
        starts, lengths = self.ends[rows], self.lengths[rows]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        return Ragged(self.values[np.repeat(starts - ends[:-1], lengths) + np.arange(ends[-1])], ends)


def ragged_from_rows(row_of_value: IntArray, values: IntArray, n_rows: int) -> Ragged:
    """Values that are sorted by their row.

    Args:
        row_of_value: [V] int64, ascending, less than ``n_rows``.
        values: [V] int64.
        n_rows: R; rows without values are empty.
    """
    return Ragged(values, np.searchsorted(row_of_value, np.arange(n_rows + 1)))


def sorted_distinct(keys: IntArray) -> IntArray:
    """Distinct entries of keys [K] of at least 0, ascending; the keys are sorted in place.

    With many keys that is several times faster than ``np.unique``.
    """
    keys.sort()
    return keys[np.diff(keys, prepend=-1) != 0]

"""The training sessions that are most like a session (DGTN, section on session graphs)."""

import numpy as np
from scipy import sparse

from recbole_tagnnpp.baselines.dgtn.ragged import Ragged, ragged_from_rows
from recbole_tagnnpp.baselines.dgtn.training_sessions import TrainingSessions
from recbole_tagnnpp.data.session_sequences import IntArray


class EarlierSessionSearch:
    """Finds the most similar earlier sessions among the training sessions.

    Candidates are the most recent sessions that share an item with the session; they are found in an inverted index.
    Similarity compares sets of items; of equally similar sessions the more recent one comes first.  There is no chance
    in it: the same session has the same neighbours.

    Args:
        sessions: where to search.
        n_neighbors: most neighbours of a session.
        sample_size: most candidates that are compared with a session, the most recent ones; ``None`` for all.
        similarity: ``common_items`` (number of items in both), ``cosine`` (that over the root of the product of the
            numbers of items) or ``jaccard`` (that over the number of items in either).
    """

    def __init__(self, sessions: TrainingSessions, n_neighbors: int, sample_size: int | None, similarity: str) -> None:
        self.n_neighbors = n_neighbors
        self.sample_size = len(sessions) if sample_size is None else sample_size
        self.similarity = similarity
        self.n_sessions = len(sessions)  # one more than the largest number
        self.set_sizes = sessions.items.lengths
        session_items = sparse.csr_array(
            (np.ones(len(sessions.items.values), dtype=bool), sessions.items.values, sessions.items.ends),
            shape=(self.n_sessions, sessions.n_items),
        )
        item_sessions = session_items.tocsc()  # the inverted index; sessions of an item ascend
        self.item_ends = item_sessions.indptr.astype(np.int64)
        self.sessions_of_items = item_sessions.indices.astype(np.int64)
        item = np.repeat(np.arange(sessions.n_items), np.diff(self.item_ends))
        self._place = item * (self.n_sessions + 1) + self.sessions_of_items  # ascending: where in the index to look

    def find(self, items: Ragged, before: IntArray) -> Ragged:
        """Neighbours of a batch of sessions.

        Args:
            items: distinct items of every session, B rows.
            before: [B] int64, only training sessions with a smaller number can be neighbours.

        Returns:
            Session numbers of the neighbours, B rows, most similar first.
        """
        row, session, common = self._candidates(items, before)
        own_sizes, sizes = items.lengths[row], self.set_sizes[session]
        if self.similarity == "cosine":
            similarity = common / np.sqrt(own_sizes * sizes)
        elif self.similarity == "jaccard":
            similarity = common / (own_sizes + sizes - common)
        else:
            similarity = common
        order = np.lexsort((-session, -similarity, row))
        order = order[_place_from_start(row) < self.n_neighbors]  # sorting keeps the rows where they are
        return ragged_from_rows(row[order], session[order], len(before))

    def _candidates(self, items: Ragged, before: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Row of the batch, session and number of common items of every candidate, by row, then by time."""
        row_of_item = items.row_of_value
        end = np.minimum(before, self.n_sessions)[row_of_item]  # a larger one would reach into the next item's sessions
        last = np.searchsorted(self._place, items.values * (self.n_sessions + 1) + end)
        # the newest n sessions with any of the items are among the newest n of each item
        first = np.maximum(self.item_ends[items.values], last - self.sample_size)
        counts = last - first
        ends = np.cumsum(counts)
        found = self.sessions_of_items[np.repeat(first - (ends - counts), counts) + np.arange(counts.sum())]
        keys = np.repeat(row_of_item, counts) * self.n_sessions + found
        keys.sort()
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        common = np.diff(np.append(starts, len(keys)))
        row, session = np.divmod(keys[starts], self.n_sessions)
        is_recent = _place_from_start(row[::-1])[::-1] < self.sample_size
        return row[is_recent], session[is_recent], common[is_recent]


def _place_from_start(row: IntArray) -> IntArray:
    """How many entries of the same row stand before each entry; the entries of a row stand side by side."""
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    return np.arange(len(row)) - np.repeat(starts, np.diff(np.append(starts, len(row))))

"""The whole sessions that training sequences are prefixes of."""

from dataclasses import dataclass

import numpy as np

from recbole_tagnnpp.baselines.dgtn.ragged import Ragged, ragged_from_rows, sorted_distinct
from recbole_tagnnpp.data.session_sequences import IntArray, SessionSequences
from recbole_tagnnpp.data.whole_sessions import whole_sessions


@dataclass(frozen=True)
class TrainingSessions:
    """Training sessions in order of time, row n being session number n (row 0 is empty).

    Attributes:
        items: distinct items of every session, ascending.
        pairs: distinct unordered pairs of different items that were clicked one after the other, each pair coded as
            ``smaller * n_items + larger``, ascending.
        n_items: number of items, padding included.
    """

    items: Ragged
    pairs: Ragged
    n_items: int

    def __len__(self) -> int:
        """One more than the largest session number."""
        return len(self.items.ends) - 1


def collect_training_sessions(sequences: SessionSequences, n_items: int) -> TrainingSessions:
    """What the graphs need of the whole sessions that training sequences are prefixes of.

    Args:
        sequences: prefixes of sessions whose numbers ascend with time, as ``prepare`` writes them.
        n_items: number of items, padding included.
    """
    whole = whole_sessions(sequences)
    clicks, numbers = whole.items, np.unique(sequences.session_numbers)
    n_rows = int(numbers[-1]) + 1 if len(numbers) else 1
    session = np.repeat(numbers, whole.lengths)
    items = sorted_distinct(session * n_items + clicks)

    pair_session, pairs = unordered_pairs(session, clicks, n_items)
    distinct_pairs, pair_number = np.unique(pairs, return_inverse=True)  # codes times sessions can be too large for int64
    n_pairs = max(len(distinct_pairs), 1)
    session_pairs = sorted_distinct(pair_session * n_pairs + pair_number)
    return TrainingSessions(
        ragged_from_rows(items // n_items, items % n_items, n_rows),
        ragged_from_rows(session_pairs // n_pairs, distinct_pairs[session_pairs % n_pairs], n_rows),
        n_items,
    )


def unordered_pairs(session: IntArray, clicks: IntArray, n_items: int) -> tuple[IntArray, IntArray]:
    """Pairs of different items that follow each other in a session.

    Args:
        session: [P] int64, session of every click, the clicks of a session side by side and in order.
        clicks: [P] int64 items.
        n_items: number of items, padding included.

    Returns:
        Session and code ``smaller * n_items + larger`` of every pair, with repetitions.
    """
    is_pair = (session[1:] == session[:-1]) & (clicks[1:] != clicks[:-1])
    first, second = clicks[:-1][is_pair], clicks[1:][is_pair]
    return session[1:][is_pair], np.minimum(first, second) * n_items + np.maximum(first, second)

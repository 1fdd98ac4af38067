"""Searching on less: the most recent sessions of the training data."""

import math

import numpy as np

from recbole_tagnnpp.data.session_sequences import SessionSequences


def most_recent_sessions(sequences: SessionSequences, share: float) -> SessionSequences:
    """The last sessions of a split, whole; items keep their numbers, so that every item can still be recommended.

    Prepared training files are in the order of time, and sessions are numbered as they first appear.

    Args:
        sequences: training sequences.
        share: of the sessions, in (0, 1]; rounded up to a session.

    Returns:
        Their sequences, the same object for a share of 1.
    """
    sessions = np.unique(sequences.session_numbers)
    kept = sessions[len(sessions) - math.ceil(share * len(sessions)) :]
    if len(kept) == len(sessions):
        return sequences
    is_kept = np.isin(sequences.session_numbers, kept)
    lengths = sequences.prefix_lengths
    return SessionSequences(
        prefix_items=sequences.prefix_items[np.repeat(is_kept, lengths)],
        prefix_ends=np.concatenate([[0], np.cumsum(lengths[is_kept])]),
        target_items=sequences.target_items[is_kept],
        session_numbers=sequences.session_numbers[is_kept],
    )

"""Sources that are sequences already: prefixes and target items instead of clicks."""

import numpy as np
import pyarrow as pa

from recbole_tagnnpp.data.sessions import IntArray, Sessions


def sessions_of_sequences(prefix_items: IntArray, prefix_ends: IntArray, targets: IntArray, name: str) -> Sessions:
    """Find the sessions behind sequences.

    Sequences of one session follow each other, each one click shorter or each one click longer than the one before.
    What does not chain up becomes a session with that one sequence.

    Args:
        prefix_items: [T] int64, all prefixes one after the other.
        prefix_ends: [N + 1] int64.
        targets: [N] int64.
        name: beginning of the session tokens.
    """
    lengths = np.diff(prefix_ends)
    continues_down = _extends(prefix_items, prefix_ends, targets, lengths, shorter_comes_later=True)
    continues_up = _extends(prefix_items, prefix_ends, targets, lengths, shorter_comes_later=False)
    # a file runs in one direction; the one that explains more of it is taken
    continues = continues_down if continues_down.sum() >= continues_up.sum() else continues_up
    first = np.flatnonzero(~continues)
    last = np.append(first[1:], len(targets)) - 1
    longest = np.where(lengths[first] >= lengths[last], first, last)
    session_lengths = lengths[longest] + 1
    ends = np.concatenate([[0], np.cumsum(session_lengths)]).astype(np.int64)
    items = np.empty(ends[-1], dtype=np.int64)
    is_target = np.zeros(ends[-1], dtype=bool)
    is_target[ends[1:] - 1] = True
    items[is_target] = targets[longest]
    within = np.arange(ends[-1]) - np.repeat(ends[:-1], session_lengths)
    source = np.repeat(prefix_ends[longest], session_lengths) + within
    items[~is_target] = prefix_items[source[~is_target]]
    ids = pa.array([f"{name}{number}" for number in range(len(longest))])
    return Sessions(items, ends, ids, np.arange(len(longest)), np.minimum(lengths[first], lengths[last]))


def _extends(
    prefix_items: IntArray, prefix_ends: IntArray, targets: IntArray, lengths: IntArray, shorter_comes_later: bool
) -> np.ndarray:
    """[N] bool: sequence n is the one before it with a click less (or a click more)."""
    n = np.arange(1, len(targets))
    shorter, longer = (n, n - 1) if shorter_comes_later else (n - 1, n)
    fits = (lengths[shorter] == lengths[longer] - 1) & (targets[shorter] == prefix_items[prefix_ends[longer + 1] - 1])
    # compare the clicks of the candidate pairs, all at once
    pairs = np.flatnonzero(fits)
    size = lengths[shorter[pairs]]
    offsets = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    same = (
        prefix_items[np.repeat(prefix_ends[shorter[pairs]], size) + offsets]
        == prefix_items[np.repeat(prefix_ends[longer[pairs]], size) + offsets]
    )
    differing = np.bincount(np.repeat(np.arange(len(pairs)), size)[~same], minlength=len(pairs))
    fits[pairs] = differing == 0
    return np.concatenate([[False], fits])

"""Fewer training sessions: the most recent, whole."""

import numpy as np
import pytest

from recbole_tagnnpp.data.session_sequences import SessionSequences
from recbole_tagnnpp.experiment.search.training_share import most_recent_sessions


def sequences(sizes: list[int]) -> SessionSequences:
    """Session n + 1 has ``sizes[n]`` prefixes of lengths 1, 2, ...; every item number occurs once."""
    lengths = [length for size in sizes for length in range(1, size + 1)]
    numbers = [n + 1 for n, size in enumerate(sizes) for _ in range(size)]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    return SessionSequences(
        np.arange(1, ends[-1] + 1), ends, np.arange(1001, 1001 + len(lengths)), np.array(numbers, dtype=np.int64)
    )


def rows(part: SessionSequences) -> list[tuple[list[int], int, int]]:
    return [
        (part.prefix_items[start:end].tolist(), int(target), int(session))
        for start, end, target, session in zip(
            part.prefix_ends[:-1], part.prefix_ends[1:], part.target_items, part.session_numbers, strict=True
        )
    ]


@pytest.mark.parametrize(
    ("share", "kept"), [(0.4, {4, 5}), (0.41, {3, 4, 5}), (0.2, {5}), (0.001, {5}), (0.99, {1, 2, 3, 4, 5})]
)
def test_whole_sessions_from_the_end(share: float, kept: set[int]) -> None:
    everything = sequences([3, 1, 2, 5, 2])
    part = most_recent_sessions(everything, share)
    assert rows(part) == [row for row in rows(everything) if row[2] in kept]
    assert part.prefix_items.dtype == part.prefix_ends.dtype == np.int64


def test_all_is_the_same_object() -> None:
    everything = sequences([2, 2])
    assert most_recent_sessions(everything, 1.0) is everything

"""Whole sessions out of prefixes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_tagnnpp.data.whole_sessions import SessionClicks, whole_sessions
from tests.reference.naive_neighbours import last_place, sessions_of
from tests.unit.baselines.counting.small_counting import pack, sequences_of

SESSIONS = st.lists(st.lists(st.integers(1, 5), min_size=2, max_size=9), min_size=1, max_size=6)


def as_lists(clicks: SessionClicks) -> list[list[int]]:
    return [clicks.items[start:end].tolist() for start, end in zip(clicks.ends, clicks.ends[1:], strict=False)]


@settings(max_examples=60, deadline=None)
@given(SESSIONS, st.integers(1, 9))
def test_sessions_come_back_even_from_cut_prefixes(sessions: list[list[int]], max_prefix_length: int) -> None:
    assert as_lists(whole_sessions(sequences_of(sessions, max_prefix_length))) == sessions


@settings(max_examples=60, deadline=None)
@given(SESSIONS, st.randoms(use_true_random=False), st.data())
def test_longest_prefix_and_its_target_in_whatever_order_and_with_whatever_missing(
    sessions: list[list[int]], random: object, data: st.DataObject
) -> None:
    rows = [(n, s[:end], s[end]) for n, s in enumerate(sessions, start=3) for end in range(1, len(s))]
    kept = data.draw(st.lists(st.sampled_from(rows), min_size=1, unique_by=lambda row: (row[0], len(row[1]))))
    random.shuffle(kept)  # type: ignore[attr-defined]
    assert as_lists(whole_sessions(pack(kept))) == sessions_of(kept)


def test_validation_sessions_put_behind_are_later_ones() -> None:
    first, second = [[1, 2, 3], [4, 5]], [[6, 7, 8, 9], [1, 2]]
    both = sequences_of(first).followed_by(sequences_of(second))
    assert as_lists(whole_sessions(both)) == first + second


@settings(max_examples=60, deadline=None)
@given(SESSIONS)
def test_distinct_items_stand_at_their_last_click(sessions: list[list[int]]) -> None:
    ends = np.cumsum([0, *map(len, sessions)])
    distinct = SessionClicks(np.concatenate(sessions), ends).distinct()
    assert distinct.counts.tolist() == [len(set(s)) for s in sessions]
    assert distinct.items.tolist() == [item for s in sessions for item in sorted(set(s))]
    assert distinct.positions.tolist() == [last_place(item, s) for s in sessions for item in sorted(set(s))]


def test_a_part_of_the_sessions() -> None:
    clicks = SessionClicks(np.array([1, 2, 3, 4, 5, 6]), np.array([0, 2, 3, 6]))
    assert as_lists(clicks.select(1, 3)) == [[3], [4, 5, 6]]

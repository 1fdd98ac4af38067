"""Which training sessions are neighbours, against looking at every one of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_tagnnpp.baselines.dgtn.neighbour_sessions import EarlierSessionSearch
from recbole_tagnnpp.baselines.dgtn.ragged import Ragged, ragged_from_rows, sorted_distinct
from recbole_tagnnpp.baselines.dgtn.training_sessions import collect_training_sessions
from recbole_tagnnpp.data.session_sequences import SessionSequences
from tests.reference.naive_dgtn import naive_neighbours
from tests.unit.baselines.dgtn.small_dgtn import sequences_of

N_ITEMS = 13
SESSION = st.lists(st.integers(1, N_ITEMS - 1), min_size=1, max_size=6)
TRAINING_SESSIONS = st.lists(st.lists(st.integers(1, N_ITEMS - 1), min_size=2, max_size=6), min_size=0, max_size=17)


def rows_of(ragged: Ragged) -> list[list[int]]:
    return [ragged.values[start:end].tolist() for start, end in zip(ragged.ends[:-1], ragged.ends[1:], strict=True)]


def find(
    training: dict[int, list[int]], sessions: list[list[int]], before: list[int], *options: int | str | None
) -> list[list[int]]:
    search = EarlierSessionSearch(collect_training_sessions(sequences_of(training), N_ITEMS), *options)  # type: ignore[arg-type]
    distinct = [sorted(set(session)) for session in sessions]
    row = np.repeat(np.arange(len(sessions)), [len(items) for items in distinct])
    items = ragged_from_rows(row, np.array([item for items in distinct for item in items]), len(sessions))
    return rows_of(search.find(items, np.array(before)))


@settings(max_examples=80, deadline=None)
@given(
    TRAINING_SESSIONS,
    st.lists(st.tuples(SESSION, st.integers(1, 40)), min_size=1, max_size=4),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(1, 7)),
    st.sampled_from(["common_items", "cosine", "jaccard"]),
)
def test_neighbours_equal_naive_twin(
    sessions: list[list[int]],
    targets: list[tuple[list[int], int]],
    n_neighbors: int,
    sample_size: int | None,
    similarity: str,
) -> None:
    training = dict(enumerate(sessions, start=1))
    options = (n_neighbors, sample_size, similarity)
    found = find(training, [session for session, _ in targets], [before for _, before in targets], *options)
    assert found == [naive_neighbours(session, training, before, *options) for session, before in targets]


def test_more_common_items_then_more_recent_sessions_come_first() -> None:
    training = {1: [1, 2], 2: [1, 2, 3], 3: [3, 4], 4: [1, 5], 5: [2, 1], 6: [9, 8], 7: [1, 2, 3]}
    assert find(training, [[1, 2, 3, 2]], [7], 4, None, "common_items") == [[2, 5, 1, 4]]
    assert find(training, [[1, 2, 3, 2]], [7], 9, 3, "common_items") == [[5, 4, 3]]  # the newest three candidates
    assert find(training, [[1, 2]], [7], 2, None, "cosine") == [[5, 1]]
    assert find(training, [[12]], [7], 2, None, "jaccard") == [[]]


def test_sessions_are_put_together_from_their_prefixes_in_any_order() -> None:
    training = {2: [4, 4, 1, 4, 9], 5: [7, 7], 6: [3, 8]}
    whole = sequences_of(training)
    order = np.random.default_rng(3).permutation(len(whole))
    prefixes = Ragged(whole.prefix_items, whole.prefix_ends).take(order)
    shuffled = SessionSequences(prefixes.values, prefixes.ends, whole.target_items[order], whole.session_numbers[order])
    for sequences in (whole, shuffled):
        found = collect_training_sessions(sequences, N_ITEMS)
        assert rows_of(found.items) == [[], [], [1, 4, 9], [], [], [7], [3, 8]]
        pairs = [[divmod(pair, N_ITEMS) for pair in row] for row in rows_of(found.pairs)]
        assert pairs == [[], [], [(1, 4), (4, 9)], [], [], [], [(3, 8)]]


def test_pairs_of_a_catalogue_whose_square_times_sessions_is_beyond_int64() -> None:
    n_items = 10**9
    found = collect_training_sessions(sequences_of({11: [5, n_items - 1, 5], 12: [n_items - 1, n_items - 2]}), n_items)
    pairs = [[divmod(pair, n_items) for pair in row] for row in rows_of(found.pairs)]
    assert pairs[11:] == [[(5, n_items - 1)], [(n_items - 2, n_items - 1)]]


def test_no_training_sessions() -> None:
    assert find({}, [[1], [2]], [1, 9], 3, None, "common_items") == [[], []]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 99), max_size=4), max_size=6), st.data())
def test_ragged_rows_are_taken_in_the_order_asked_for(rows: list[list[int]], data: st.DataObject) -> None:
    row = np.repeat(np.arange(len(rows)), [len(values) for values in rows]).astype(np.int64)
    ragged = ragged_from_rows(row, np.array([value for values in rows for value in values], dtype=np.int64), len(rows))
    assert rows_of(ragged) == rows
    assert np.array_equal(ragged.row_of_value, row)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=9)) if rows else []
    assert rows_of(ragged.take(np.array(chosen, dtype=np.int64))) == [rows[place] for place in chosen]


@pytest.mark.parametrize("keys", [[], [3], [3, 1, 3, 1, 2]])
def test_sorted_distinct(keys: list[int]) -> None:
    assert sorted_distinct(np.array(keys, dtype=np.int64)).tolist() == sorted(set(keys))


def test_clicks_that_preparation_has_cut_off_belong_to_the_session() -> None:
    clicks = list(range(1, 10))
    ends = np.cumsum([0, *(min(n, 3) for n in range(1, 9))])
    prefixes = np.array([item for n in range(1, 9) for item in clicks[max(0, n - 3) : n]])  # the newest three at most
    sequences = SessionSequences(prefixes, ends, np.array(clicks[1:]), np.ones(8, dtype=np.int64))
    found = collect_training_sessions(sequences, N_ITEMS)
    assert rows_of(found.items) == [[], clicks]
    assert len(rows_of(found.pairs)[1]) == 8

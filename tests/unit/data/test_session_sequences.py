"""Packed prefixes against loops, and the letters of prepared files that other systems write."""

from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_tagnnpp.data.session_sequences import SessionSequences, read_item_vocabulary, read_sequences

PREFIXES = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=11), min_size=1, max_size=7)


def sequences(prefixes: list[list[int]]) -> SessionSequences:
    ends = np.cumsum([0, *map(len, prefixes)])
    numbers = np.arange(1, len(prefixes) + 1)
    return SessionSequences(np.array(list(chain.from_iterable(prefixes))), ends, 100 + numbers, numbers)


@given(PREFIXES, st.integers(1, 13), st.randoms(use_true_random=False))
def test_padded_prefixes_equal_loops(prefixes: list[list[int]], max_length: int, random: object) -> None:
    index = [random.randrange(len(prefixes)) for _ in range(5)]  # type: ignore[attr-defined]
    newest = [prefixes[n][-max_length:] for n in index]
    longest = max(map(len, newest))
    found, lengths = sequences(prefixes).padded_prefixes(np.array(index), max_length)
    assert found.tolist() == [row + [0] * (longest - len(row)) for row in newest]
    assert lengths.tolist() == [len(row) for row in newest]
    wide, _ = sequences(prefixes).padded_prefixes(np.array(index), max_length, width=17)
    assert wide.tolist() == [row + [0] * (17 - len(row)) for row in newest]
    assert found.dtype == lengths.dtype == np.int64


@given(PREFIXES, PREFIXES)
def test_followed_by_equals_concatenated_lists(first: list[list[int]], second: list[list[int]]) -> None:
    both = sequences(first).followed_by(sequences(second))
    expected = sequences(first + second)
    assert both.prefix_items.tolist() == expected.prefix_items.tolist()
    assert both.prefix_ends.tolist() == expected.prefix_ends.tolist()
    assert both.session_numbers.tolist() == expected.session_numbers.tolist()
    assert both.target_items.tolist() == [100 + n for n in (*range(1, len(first) + 1), *range(1, len(second) + 1))]
    assert both.prefix_lengths.tolist() == [len(prefix) for prefix in first + second]


def test_a_checksum_tells_all_sequences_and_their_order() -> None:
    whole = sequences([[3, 5], [2, 7, 11]])
    assert whole.checksum == sequences([[3, 5], [2, 7, 11]]).checksum
    others = [sequences([[3, 5], [2, 7, 13]]), sequences([[3, 5, 2], [7, 11]]), sequences([[2, 7, 11], [3, 5]])]
    others += [
        replace(whole, target_items=whole.target_items + 1),
        replace(whole, session_numbers=whole.session_numbers + 1),
    ]
    assert len({whole.checksum, *(other.checksum for other in others)}) == 1 + len(others)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_of_other_systems(tmp_path: Path, line_end: str, last: bool) -> None:
    header = "session_id:token\titem_id_list:token_seq\titem_id:token"
    for name, lines in (
        ("d.item", ["item_id:token", "a", "b"]),
        ("d.train.inter", [header, "s\ta b\ta", "s\tb\tb", "r\tb\ta"]),
    ):
        (tmp_path / name).write_bytes((line_end.join(lines) + (line_end if last else "")).encode())
    vocabulary = read_item_vocabulary(tmp_path / "d.item")
    read = read_sequences(tmp_path / "d.train.inter", vocabulary)
    assert vocabulary.to_pylist() == ["a", "b"]
    assert read.prefix_items.tolist() == [1, 2, 2, 2]
    assert read.prefix_ends.tolist() == [0, 2, 3, 4]
    assert read.target_items.tolist() == [1, 2, 1]
    assert read.session_numbers.tolist() == [1, 1, 2]

"""Ranks of test targets, on disk and back."""

from pathlib import Path

import numpy as np
import pytest
import torch

from recbole_tagnnpp.data.session_sequences import SessionSequences
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.target_ranks import (
    TestSequenceFacts,
    facts_file,
    ranks_file,
    read_facts,
    read_ranks,
    write_facts,
    write_ranks,
)
from recbole_tagnnpp.training.target_collector import rank_of_target


def sequences(prefixes: list[list[int]], targets: list[int], sessions: list[int]) -> SessionSequences:
    return SessionSequences(
        np.array([item for prefix in prefixes for item in prefix]),
        np.cumsum([0, *map(len, prefixes)]),
        np.array(targets),
        np.array(sessions),
    )


def test_rank_of_target() -> None:
    top = torch.tensor([[5, 3, 9], [1, 2, 3], [7, 8, 9]])
    assert rank_of_target(top, torch.tensor([9, 1, 4])).tolist() == [3, 1, 0]


def test_facts_count_what_was_known_before_the_test() -> None:
    known = sequences([[1], [1, 2], [3]], [2, 2, 1], [1, 1, 2])
    test = sequences([[2, 1], [2], [9, 9, 9]], [2, 1, 9], [1, 1, 2])
    facts = TestSequenceFacts.of(test, known)
    assert facts.session.tolist() == [1, 1, 2]
    assert facts.prefix_length.tolist() == [2, 1, 3]
    assert facts.target_count.tolist() == [2, 1, 0]


def test_ranks_and_facts_come_back(tmp_path: Path) -> None:
    record = tmp_path / "yoochoose1_64" / "TAGNNPP-x.y-seed1.json"
    assert read_ranks(record) is None
    assert read_facts(record, "0123456789") is None
    write_ranks(record, np.array([0, 20, 3, 300], np.int64))
    assert read_ranks(record).tolist() == [0, 20, 3, 300]
    facts = TestSequenceFacts(np.array([1, 1, 70_000]), np.array([1, 2, 1]), np.array([0, 4, 9]))
    write_facts(record, "0123456789", facts)
    write_facts(record, "0123456789", TestSequenceFacts(np.array([3]), np.array([3]), np.array([3])))  # known already
    back = read_facts(record, "0123456789")
    assert [getattr(back, name).tolist() for name in ("session", "prefix_length", "target_count")] == [
        [1, 1, 70_000], [1, 2, 1], [0, 4, 9],
    ]  # fmt: skip
    assert {file.name for file in record.parent.iterdir()} == {
        ranks_file(record).name,
        facts_file(record, "01234567x").name,
    }


def test_the_same_ranks_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        write_ranks(tmp_path / name, np.arange(1000) % 21)
    assert (tmp_path / "a.ranks.npz").read_bytes() == (tmp_path / "b.ranks.npz").read_bytes()


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    ranks_file(tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.ranks\.npz: damaged") as caught:
        read_ranks(tmp_path / "a.json")
    assert "pickle" not in str(caught.value)  # numpy advises to allow it


def test_no_wrong_bit_gives_anything_but_one_line(tmp_path: Path) -> None:
    file = ranks_file(tmp_path / "a.json")
    write_ranks(tmp_path / "a.json", np.arange(50) % 21)
    sound = file.read_bytes()
    refused = 0
    for position in range(len(sound)):
        damaged = bytearray(sound)
        damaged[position] ^= 1 << position % 8
        file.write_bytes(damaged)
        try:
            read_ranks(tmp_path / "a.json")
        except UserError as problem:
            refused += len(str(problem).splitlines()) == 1
    assert refused > len(sound) / 3  # the rest is times and the like


def test_an_array_under_that_name_is_refused(tmp_path: Path) -> None:
    with open(ranks_file(tmp_path / "a.json"), "wb") as handle:
        np.save(handle, np.arange(3))
    with pytest.raises(UserError, match="damaged"):
        read_ranks(tmp_path / "a.json")


def test_objects_are_refused(tmp_path: Path) -> None:
    np.savez(ranks_file(tmp_path / "a.json"), rank=np.array([{}], dtype=object))
    with pytest.raises(UserError, match="damaged"):
        read_ranks(tmp_path / "a.json")

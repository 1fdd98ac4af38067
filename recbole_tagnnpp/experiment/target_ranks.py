"""What paired statistics need of a run: the rank of every test sequence's target item."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recbole_tagnnpp.data.session_sequences import SessionSequences
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.files import atomic_write

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TestSequenceFacts:
    """What the test sequences of a dataset are like, in the order of the test file.

    Attributes:
        session: [N] int64, sequences with the same number are prefixes of the same session.
        prefix_length: [N] int64 clicks before the target.
        target_count: [N] int64, how often the target is clicked in training and validation sessions (as a target).
    """

    __test__ = False  # not a test, whatever pytest thinks of its name

    session: IntArray
    prefix_length: IntArray
    target_count: IntArray

    @classmethod
    def of(cls, test: SessionSequences, known: SessionSequences) -> "TestSequenceFacts":
        """Facts of test sequences, counted in the sequences known before the test."""
        highest = max(int(test.target_items.max(initial=0)), int(known.target_items.max(initial=0)))
        counts = np.bincount(known.target_items, minlength=highest + 1)
        return cls(test.session_numbers, test.prefix_lengths, counts[test.target_items].astype(np.int64))


def ranks_file(record: Path) -> Path:
    """Where the ranks of a record lie: beside it, ``<run>.ranks.npz``."""
    return record.with_suffix(".ranks.npz")


def facts_file(record: Path, data_checksum: str) -> Path:
    """Where the facts of the test sequences lie: beside all records of the same data."""
    return record.parent / f"test_sequences-{data_checksum[:8]}.npz"


def write_ranks(record: Path, ranks: npt.NDArray[np.integer]) -> None:
    """Keep the ranks [N] of a run, from 1, 0 where the target was beyond the largest K."""
    _write(ranks_file(record), rank=ranks)


def write_facts(record: Path, data_checksum: str, facts: TestSequenceFacts) -> None:
    """Keep the facts of the test sequences, once for all runs on the same data."""
    file = facts_file(record, data_checksum)
    if not file.is_file():
        _write(file, session=facts.session, prefix_length=facts.prefix_length, target_count=facts.target_count)


def read_ranks(record: Path) -> IntArray | None:
    """[N] ranks of a record, or ``None`` for records of earlier versions, which have none.

    Raises:
        UserError: the file is damaged.
    """
    file = ranks_file(record)
    return _read(file, ("rank",))["rank"] if file.is_file() else None


def read_facts(record: Path, data_checksum: str) -> TestSequenceFacts | None:
    """Facts of the test sequences of a record, or ``None`` where they were not kept.

    Raises:
        UserError: the file is damaged.
    """
    file = facts_file(record, data_checksum)
    if not file.is_file():
        return None
    return TestSequenceFacts(**_read(file, ("session", "prefix_length", "target_count")))


def _write(path: Path, **arrays: npt.NDArray[np.integer]) -> None:
    """Whole numbers in the smallest type that holds them, compressed."""
    smallest = {name: array.astype(np.min_scalar_type(int(array.max(initial=0)))) for name, array in arrays.items()}
    with atomic_write(path, "wb") as handle:
        np.savez_compressed(handle, allow_pickle=False, **smallest)  # type: ignore[arg-type]


def _read(path: Path, names: tuple[str, ...]) -> dict[str, IntArray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name].astype(np.int64) for name in names}
    except Exception as problem:  # damaged bytes lead numpy and zipfile into errors of any type
        reason = getattr(problem, "strerror", None) or type(problem).__name__  # numpy's texts advise to unpickle
        raise UserError(f"{path}: damaged, or not written by a run ({reason})") from problem
    if len({array.shape for array in arrays.values()}) != 1 or any(array.ndim != 1 for array in arrays.values()):
        raise UserError(f"{path}: its arrays {', '.join(names)} must be lists of one length")
    return arrays

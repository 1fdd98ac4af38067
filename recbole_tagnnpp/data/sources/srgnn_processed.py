"""SR-GNN's processed files: ``all_train_seq.txt`` (training sessions) and ``test.txt`` (prefixes and targets)."""

import pickle
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recbole_tagnnpp.data.sessions import IntArray, Sessions, SplitSessions
from recbole_tagnnpp.data.sources.sequence_lists import sessions_of_sequences
from recbole_tagnnpp.errors import UserError

TRAINING_FILE, TEST_FILE = "all_train_seq.txt", "test.txt"


class PlainUnpickler(pickle.Unpickler):
    """Unpickles numbers, lists and tuples; refuses everything that names a class or a function."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuse."""
        raise pickle.UnpicklingError(f"asks for {module}.{name}; only lists of numbers are read")


def matches(path: Path) -> bool:
    """Whether a folder holds both files."""
    return (path / TRAINING_FILE).is_file() and (path / TEST_FILE).is_file()


def read(folder: Path) -> SplitSessions:
    """Read both files.

    Sessions are filtered and split already; they are numbered in the order of the file, oldest first.

    Raises:
        UserError: a file is missing, not such a pickle, or of another structure.
    """
    for name in (TRAINING_FILE, TEST_FILE):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: no such file; SR-GNN's processed data is {TRAINING_FILE} and {TEST_FILE}")
    training_items, training_ends = _packed(_unpickle(folder / TRAINING_FILE), folder / TRAINING_FILE, "session", 2)
    test = _unpickle(folder / TEST_FILE)
    if not isinstance(test, (tuple, list)) or len(test) != 2:
        raise UserError(f"{folder / TEST_FILE}: must be a pair (prefixes, targets), found {_kind(test)}")
    prefix_items, prefix_ends = _packed(test[0], folder / TEST_FILE, "prefix", 1)
    targets, _ = _packed([test[1]], folder / TEST_FILE, "list of targets", 1)
    if len(targets) != len(prefix_ends) - 1:
        raise UserError(f"{folder / TEST_FILE}: {len(prefix_ends) - 1} prefixes but {len(targets)} targets")
    tokens, codes = np.unique(np.concatenate([training_items, prefix_items, targets]), return_inverse=True)
    n_training, n_prefix = len(training_items), len(prefix_items)
    training = Sessions.whole(
        codes[:n_training],
        training_ends,
        pa.array([f"train{number}" for number in range(len(training_ends) - 1)]),
        np.arange(len(training_ends) - 1),
    )
    test_sessions = sessions_of_sequences(
        codes[n_training : n_training + n_prefix], prefix_ends, codes[n_training + n_prefix :], "test"
    )
    return SplitSessions(training, test_sessions, pa.array(tokens.astype(str)), {})


def _unpickle(path: Path) -> Any:
    try:
        with open(path, "rb") as handle:
            return PlainUnpickler(handle).load()
    except pickle.UnpicklingError as problem:
        raise UserError(f"{path}: refused ({problem})") from problem
    except Exception as problem:  # a broken pickle can raise nearly anything
        raise UserError(f"{path}: not a readable pickle ({type(problem).__name__})") from problem


def _packed(lists: Any, path: Path, what: str, minimum: int) -> tuple[IntArray, IntArray]:
    """A list of lists of whole numbers as one array and its ends."""
    if not isinstance(lists, (list, tuple)) or not lists:
        raise UserError(f"{path}: must hold a list of lists of item numbers, found {_kind(lists)}")
    for number, entry in enumerate(lists):
        if not isinstance(entry, (list, tuple)):
            raise UserError(f"{path}: {what} {number} must be a list of item numbers, found {_kind(entry)}")
        if len(entry) < minimum:
            raise UserError(f"{path}: {what} {number} has {len(entry)} items; at least {minimum} are needed")
    flat = list(chain.from_iterable(lists))
    if set(map(type, flat)) != {int}:
        wrong = next(item for item in flat if type(item) is not int)
        raise UserError(f"{path}: items must be whole numbers, found {wrong!r}")
    try:
        items = np.array(flat, dtype=np.int64)
    except OverflowError as problem:
        raise UserError(f"{path}: an item number does not fit into 64 bits") from problem
    return items, np.concatenate([[0], np.cumsum([len(entry) for entry in lists])]).astype(np.int64)


def _kind(value: Any) -> str:
    return "an empty list" if value in ([], ()) else f"{type(value).__name__}"

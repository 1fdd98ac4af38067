"""Prefixes and their target items in memory, packed, and read from RecBole's atomic benchmark files."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recbole_tagnnpp.data.table_layout import TEXT, TableLayout, first_line
from recbole_tagnnpp.data.tables import read_columns
from recbole_tagnnpp.errors import UserError

SEQUENCE_COLUMNS = ("session_id:token", "item_id_list:token_seq", "item_id:token")
VOCABULARY_COLUMN = "item_id:token"

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SessionSequences:
    """Sequences of one split: prefix, target item, session.

    Attributes:
        prefix_items: [T] int64, items of all prefixes one after the other, numbered from 1.
        prefix_ends: [N + 1] int64, prefix n is ``prefix_items[prefix_ends[n]:prefix_ends[n + 1]]``.
        target_items: [N] int64.
        session_numbers: [N] int64, sequences with the same number are prefixes of the same session.
    """

    prefix_items: IntArray
    prefix_ends: IntArray
    target_items: IntArray
    session_numbers: IntArray

    @classmethod
    def without_targets(cls, items: IntArray, ends: IntArray) -> "SessionSequences":
        """Sessions whose next click nobody knows yet: each is one prefix, its target item 0.

        Args:
            items: [T] int64, items of all sessions one after the other.
            ends: [N + 1] int64, session n is ``items[ends[n]:ends[n + 1]]``.
        """
        n_sessions = len(ends) - 1
        return cls(items, ends, np.zeros(n_sessions, dtype=np.int64), np.arange(1, n_sessions + 1))

    def __len__(self) -> int:
        return len(self.target_items)

    @property
    def checksum(self) -> str:
        """One SHA-256 over all sequences and their order."""
        digest = hashlib.sha256()
        for array in (self.prefix_ends, self.prefix_items, self.target_items, self.session_numbers):
            digest.update(np.ascontiguousarray(array, dtype="<i8").data)
        return digest.hexdigest()

    @property
    def prefix_lengths(self) -> IntArray:
        """[N] int64 number of clicks of each prefix."""
        return np.diff(self.prefix_ends)

    def clicks_of(self, index: int) -> IntArray:
        """[n] int64, the whole prefix of one sequence."""
        return self.prefix_items[self.prefix_ends[index] : self.prefix_ends[index + 1]]

    def followed_by(self, other: "SessionSequences") -> "SessionSequences":
        """These sequences, then those of ``other``; session numbers of ``other`` move behind these."""
        shift = self.session_numbers.max(initial=0)
        return SessionSequences(
            np.concatenate([self.prefix_items, other.prefix_items]),
            np.concatenate([self.prefix_ends, self.prefix_ends[-1] + other.prefix_ends[1:]]),
            np.concatenate([self.target_items, other.target_items]),
            np.concatenate([self.session_numbers, shift + other.session_numbers]),
        )

    def padded_prefixes(self, index: IntArray, max_length: int, width: int | None = None) -> tuple[IntArray, IntArray]:
        """The newest ``max_length`` clicks of some prefixes, padded with 0 behind.

        Args:
            index: [B] int64, which sequences.
            max_length: longest prefix that is not cut.
            width: number of columns, default the longest (cut) prefix of the selection.

        Returns:
            ``item_seq`` [B, width] int64 and ``item_seq_len`` [B] int64.
        """
        ends = self.prefix_ends[index + 1]
        lengths = np.minimum(ends - self.prefix_ends[index], max_length)
        columns = np.arange(lengths.max() if width is None else width)
        is_real = columns < lengths[:, None]
        positions = np.where(is_real, (ends - lengths)[:, None] + columns, 0)
        return np.where(is_real, self.prefix_items[positions], 0), lengths


def training_checksum(training: SessionSequences, validation: SessionSequences | None) -> str:
    """What a training learns from, and what chooses its epoch if anything does, as one text."""
    return training.checksum + ("" if validation is None else validation.checksum)


def read_item_vocabulary(path: Path) -> pa.Array:
    """Item tokens of ``<dataset>.item`` in the order in which items are numbered (the first is item 1).

    Raises:
        UserError: the file is missing or malformed, an item is listed twice.
    """
    table = _read_table(path, (VOCABULARY_COLUMN,))
    tokens = table.column(0).combine_chunks()
    distinct = pc.unique(tokens)
    if len(distinct) < len(tokens):
        counts = pc.value_counts(tokens)
        token = counts.field(0)[pc.index(pc.greater(counts.field(1), 1), True).as_py()].as_py()
        raise UserError(f"{path}: item {token!r} is listed more than once; every item has one line")
    return tokens


def read_sequences(path: Path, vocabulary: pa.Array) -> SessionSequences:
    """Read one ``<dataset>.<split>.inter`` file.

    Args:
        path: file with the columns ``session_id:token``, ``item_id_list:token_seq`` and ``item_id:token``.
        vocabulary: item tokens, see :func:`read_item_vocabulary`.

    Raises:
        UserError: the file is missing or malformed, a prefix is empty, an item is not in the vocabulary.
    """
    table = _read_table(path, SEQUENCE_COLUMNS)
    # a large file's text is more than 32-bit offsets reach
    session_ids, prefixes, targets = (column.cast(pa.large_string()).combine_chunks() for column in table.columns)
    prefix_tokens = pc.split_pattern(prefixes, " ")
    prefix_ends = prefix_tokens.offsets.to_numpy().astype(np.int64)
    target_items = _numbers_of(targets, vocabulary, path, np.arange(len(targets)))
    prefix_items = _numbers_of(
        prefix_tokens.flatten(), vocabulary, path, np.repeat(np.arange(len(targets)), np.diff(prefix_ends))
    )
    session_numbers = pc.dictionary_encode(session_ids).indices.to_numpy().astype(np.int64) + 1
    return SessionSequences(prefix_items, prefix_ends, target_items, session_numbers)


def _numbers_of(tokens: pa.Array, vocabulary: pa.Array, path: Path, row_of_token: IntArray) -> IntArray:
    numbers = pc.index_in(tokens, value_set=vocabulary.cast(tokens.type))
    if numbers.null_count:
        first = pc.index(pc.is_null(numbers), True).as_py()
        token = tokens[first].as_py()
        vocabulary_file = path.name.split(".")[0] + ".item"
        raise UserError(f"{path}:{row_of_token[first] + 2}: item {token!r} is not listed in {vocabulary_file}")
    return numbers.to_numpy().astype(np.int64) + 1


def _read_table(path: Path, columns: tuple[str, ...]) -> pa.Table:
    """Read tab-separated text with exactly these columns, all as non-empty strings."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; `python -m recbole_tagnnpp prepare` writes it")
    expected, header = "\t".join(columns), first_line(path)
    if header != expected:
        raise UserError(f"{path}:1: header must be {expected!r}, found {header[:200]!r}")
    return read_columns(path, TableLayout(list(columns), "\t"), dict.fromkeys(columns, TEXT))

"""Writing sequences as RecBole's atomic benchmark files."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recbole_tagnnpp.data.session_sequences import SEQUENCE_COLUMNS, VOCABULARY_COLUMN
from recbole_tagnnpp.data.sessions import Sessions

SEQUENCES_PER_BLOCK = 1 << 17


def write_sequences(path: Path, sessions: Sessions, item_tokens: pa.Array, max_prefix_length: int) -> int:
    """Write every sequence of some sessions, prefixes in ascending length.

    Args:
        path: the ``.inter`` file.
        sessions: in the order in which they are written.
        item_tokens: token of each item code, without spaces.
        max_prefix_length: of longer prefixes the newest clicks are written.

    Returns:
        Number of sequences.
    """
    with open(path, "wb") as handle:
        handle.write(("\t".join(SEQUENCE_COLUMNS) + "\n").encode())
        for session, length in _blocks(sessions):
            target = sessions.ends[session] + length  # [N] position of the target
            kept = np.minimum(length, max_prefix_length)
            offsets = np.concatenate([[0], np.cumsum(kept)])
            positions = np.arange(offsets[-1]) + np.repeat(target - kept - offsets[:-1], kept)
            prefixes = pa.ListArray.from_arrays(
                pa.array(offsets, pa.int32()), item_tokens.take(pa.array(sessions.items[positions]))
            )
            columns = [
                sessions.ids.take(pa.array(session)),
                pc.binary_join(prefixes, " "),
                item_tokens.take(pa.array(sessions.items[target])),
            ]
            handle.write(_lines(columns))
    return sessions.n_sequences


def write_vocabulary(path: Path, parts: list[Sessions], item_tokens: pa.Array) -> int:
    """Write the items of all parts in order of first appearance; returns how many there are."""
    codes = np.concatenate([sessions.items for sessions in parts])
    distinct, first = np.unique(codes, return_index=True)
    ordered = distinct[np.argsort(first)]
    with open(path, "wb") as handle:
        handle.write(f"{VOCABULARY_COLUMN}\n".encode())
        handle.write(_lines([item_tokens.take(pa.array(ordered))]))
    return len(ordered)


def _blocks(sessions: Sessions) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Session and prefix length [N] of all sequences, a bounded number of them at a time."""
    ends = np.cumsum(sessions.sequence_counts)
    for start in range(0, sessions.n_sequences, SEQUENCES_PER_BLOCK):
        sequence = np.arange(start, min(start + SEQUENCES_PER_BLOCK, sessions.n_sequences))
        session = np.searchsorted(ends, sequence, side="right")
        first = ends[session] - sessions.sequence_counts[session]
        yield session, sessions.shortest_prefixes[session] + sequence - first


def _lines(columns: list[pa.Array]) -> memoryview:
    """Bytes of tab-separated lines; tokens are written as they are, quotes and commas included."""
    columns = [*columns[:-1], pc.binary_join_element_wise(columns[-1], "\n", "")]
    lines = pc.binary_join_element_wise(*columns, "\t") if len(columns) > 1 else columns[0]
    _, offsets, text = lines.buffers()  # of a new array: its lines lie one after the other from byte 0 on
    size = int(np.frombuffer(offsets, dtype=np.int32)[len(lines)])
    return memoryview(text)[:size]

"""Writing sequences as RecBole's atomic benchmark files."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from recbole_tagnnpp.data.session_sequences import SEQUENCE_COLUMNS, VOCABULARY_COLUMN
from recbole_tagnnpp.data.sessions import Sessions

SESSIONS_PER_BLOCK = 50_000


def write_sequences(path: Path, sessions: Sessions, item_tokens: pa.Array, max_prefix_length: int) -> int:
    """Write every sequence of some sessions, prefixes in ascending length.

    Args:
        path: the ``.inter`` file.
        sessions: in the order in which they are written.
        item_tokens: token of each item code.
        max_prefix_length: of longer prefixes the newest clicks are written.

    Returns:
        Number of sequences.
    """
    written = 0
    with open(path, "wb") as handle:
        handle.write(("\t".join(SEQUENCE_COLUMNS) + "\n").encode())
        for start in range(0, len(sessions), SESSIONS_PER_BLOCK):
            block = sessions.take(np.arange(start, min(start + SESSIONS_PER_BLOCK, len(sessions))))
            table = _sequence_table(block, item_tokens, max_prefix_length)
            pyarrow.csv.write_csv(
                table, handle, pyarrow.csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
            )
            written += table.num_rows
    return written


def _sequence_table(sessions: Sessions, item_tokens: pa.Array, max_prefix_length: int) -> pa.Table:
    session = np.repeat(np.arange(len(sessions)), sessions.sequence_counts)  # [N]
    first = np.repeat(np.cumsum(sessions.sequence_counts) - sessions.sequence_counts, sessions.sequence_counts)
    length = sessions.shortest_prefixes[session] + np.arange(len(session)) - first  # [N] clicks of the prefix
    target = sessions.ends[session] + length  # [N] position of the target
    kept = np.minimum(length, max_prefix_length)
    offsets = np.concatenate([[0], np.cumsum(kept)])
    positions = np.arange(offsets[-1]) + np.repeat(target - kept - offsets[:-1], kept)
    prefixes = pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), item_tokens.take(pa.array(sessions.items[positions]))
    )
    return pa.table(
        [
            sessions.ids.take(pa.array(session)),
            pc.binary_join(prefixes, " "),
            item_tokens.take(pa.array(sessions.items[target])),
        ],
        names=list(SEQUENCE_COLUMNS),
    )


def write_vocabulary(path: Path, parts: list[Sessions], item_tokens: pa.Array) -> int:
    """Write the items of all parts in order of first appearance; returns how many there are."""
    codes = np.concatenate([sessions.items for sessions in parts])
    distinct, first = np.unique(codes, return_index=True)
    ordered = distinct[np.argsort(first)]
    with open(path, "wb") as handle:
        handle.write(f"{VOCABULARY_COLUMN}\n".encode())
        table = pa.table([item_tokens.take(pa.array(ordered))], names=[VOCABULARY_COLUMN])
        pyarrow.csv.write_csv(table, handle, pyarrow.csv.WriteOptions(include_header=False, quoting_style="none"))
    return len(ordered)

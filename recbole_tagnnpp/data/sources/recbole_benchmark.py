"""RecBole's pre-split session downloads, such as ``diginetica-session``: atomic files of sequences."""

from logging import getLogger
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recbole_tagnnpp.data.sessions import Sessions, SplitSessions
from recbole_tagnnpp.data.sources.sequence_lists import sessions_of_sequences
from recbole_tagnnpp.data.table_layout import TEXT, TableLayout, first_line
from recbole_tagnnpp.data.tables import read_columns
from recbole_tagnnpp.errors import UserError

MOST_WITHOUT_BEGINNING = 0.01
"""Share of training sessions above which whole sessions are in doubt."""
PREFIX, TARGET = "item_id_list:token_seq", "item_id:token"


def matches(folder: Path) -> bool:
    """Whether a folder is such a download."""
    return folder.is_dir() and _file(folder, "train").is_file() and _file(folder, "test").is_file()


def read(folder: Path, show_progress: bool) -> SplitSessions:
    """Read the files; ``valid``, where there is one, is joined to training and split off anew by whole sessions.

    Raises:
        UserError: a file is missing or malformed.
    """
    tables = [_read_split(file, show_progress) for file in files(folder)]
    tokens = pa.concat_arrays([part for prefixes, targets in tables for part in (prefixes.flatten(), targets)]).unique()
    sessions = [_sessions(prefixes, targets, tokens, f"{n}-") for n, (prefixes, targets) in enumerate(tables)]
    training = sessions[0] if len(sessions) == 2 else _joined(sessions[0], sessions[1])
    n_cut = int((training.shortest_prefixes > 1).sum())
    if n_cut > MOST_WITHOUT_BEGINNING * len(training):
        getLogger().warning(
            f"{folder}: {n_cut} of {len(training)} training sessions lack the sequence of their first click, as where "
            "valid was drawn by sequences or lines are shuffled; what belongs to one session cannot be told then, and "
            "validation may hold sessions that are trained on"
        )
    return SplitSessions(training, sessions[-1], tokens, {})


def files(folder: Path) -> list[Path]:
    """The files of training, validation (which may be missing) and test."""
    return [file for split in ("train", "valid", "test") if (file := _file(folder, split)).is_file() or split != "valid"]


def _file(folder: Path, split: str) -> Path:
    return folder / f"{folder.name}.{split}.inter"


def _read_split(path: Path, show_progress: bool) -> tuple[pa.ListArray, pa.Array]:
    columns = first_line(path).split("\t")
    for column in (PREFIX, TARGET):
        if column not in columns:
            raise UserError(f"{path}:1: no column {column!r}; there are {', '.join(columns)}")
    table = read_columns(path, TableLayout(columns, "\t"), {PREFIX: TEXT, TARGET: TEXT}, show_progress)
    return pc.split_pattern(table[PREFIX].combine_chunks(), " "), table[TARGET].combine_chunks()


def _sessions(prefixes: pa.ListArray, targets: pa.Array, tokens: pa.Array, name: str) -> Sessions:
    def codes(array: pa.Array) -> np.ndarray:
        return pc.index_in(array, value_set=tokens).to_numpy().astype(np.int64)

    return sessions_of_sequences(
        codes(prefixes.flatten()), prefixes.offsets.to_numpy().astype(np.int64), codes(targets), name
    )


def _joined(first: Sessions, second: Sessions) -> Sessions:
    return Sessions(
        np.concatenate([first.items, second.items]),
        np.concatenate([first.ends, first.ends[-1] + second.ends[1:]]),
        pa.concat_arrays([first.ids, second.ids]),
        np.arange(len(first) + len(second)),
        np.concatenate([first.shortest_prefixes, second.shortest_prefixes]),
    )

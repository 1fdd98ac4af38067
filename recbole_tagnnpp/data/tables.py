"""Reading delimited text fast."""

import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from recbole_tagnnpp.data.table_layout import TEXT, TableLayout
from recbole_tagnnpp.data.table_rows import malformed_line, rows
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.progress import progress_bar

BLOCK_BYTES = 1 << 25


def read_columns(
    path: Path, layout: TableLayout, wanted: Mapping[str, pa.DataType], show_progress: bool = False
) -> pa.Table:
    """Read some columns of a delimited text file, block by block.

    Args:
        path: the file.
        layout: its columns and how they are written.
        wanted: columns to keep and their types, each one of those in :mod:`table_layout`; text may
            not be empty or hold tabs or line ends, which atomic files are made of, nor NUL bytes.
        show_progress: progress bar over the file's bytes.

    Raises:
        UserError: the file is missing, has no rows, or a line is malformed (named by its number).
    """
    read = pyarrow.csv.ReadOptions(column_names=layout.columns, skip_rows=int(layout.has_header), block_size=BLOCK_BYTES)
    parse = pyarrow.csv.ParseOptions(
        delimiter=layout.delimiter,
        quote_char='"' if layout.is_quoted else False,
        newlines_in_values=layout.is_quoted,
        ignore_empty_lines=layout.skip_empty_lines,
    )
    convert = pyarrow.csv.ConvertOptions(
        include_columns=list(wanted),
        column_types={name: wanted.get(name, TEXT) for name in layout.columns},
        strings_can_be_null=False,
        null_values=[],
    )
    batches: list[pa.RecordBatch] = []
    try:
        with (
            open(path, "rb"),  # whose errors are in plain words
            # Arrow reads ahead in a thread of its own; on a Python file that thread needs the interpreter, and aborts the
            # process where a malformed line ends it meanwhile
            pa.OSFile(os.fsencode(path)) as handle,
            progress_bar(
                None, f"read {path.name}", show_progress, total=path.stat().st_size, unit="B", unit_scale=True
            ) as bar,
            pyarrow.csv.open_csv(handle, read, parse, convert) as reader,
        ):
            for batch in reader:
                batches.append(batch)
                bar.update(handle.tell() - bar.n)
    except OSError as problem:
        if isinstance(problem, pa.ArrowException):
            raise _not_readable(path, layout, wanted, problem) from problem
        raise UserError(f"{path}: {problem.strerror or problem}") from problem
    except pa.ArrowInvalid as problem:
        raise _not_readable(path, layout, wanted, problem) from problem
    table = pa.Table.from_batches(batches) if batches else None
    if table is None or table.num_rows == 0:
        raise _no_rows(path)
    if layout.is_quoted and _n_quotes(path) % 2 and (complaint := malformed_line(path, layout, wanted)) is not None:
        raise complaint  # Arrow takes all that follows a quote without end for its value
    wrong = r"^$|[\t\r\n\x00]" if layout.delimiter != "\t" or layout.is_quoted else r"^$|\x00"
    for name, kind in wanted.items():
        if kind == TEXT and pc.any(pc.match_substring_regex(table[name], wrong)).as_py():
            raise _not_readable(path, layout, wanted, None)
    return table


def _n_quotes(path: Path) -> int:
    with open(path, "rb") as handle:
        return sum(block.count(b'"') for block in iter(lambda: handle.read(BLOCK_BYTES), b""))


def _not_readable(
    path: Path, layout: TableLayout, wanted: Mapping[str, pa.DataType], problem: Exception | None
) -> UserError:
    """The error of a file that fast reading stumbled upon, with the line to blame where there is one."""
    complaint = malformed_line(path, layout, wanted)
    if complaint is None and next(rows(path, layout), None) is None:
        return _no_rows(path)
    general = UserError(f"{path}: not readable as columns separated by {layout.delimiter!r} ({problem})")
    return complaint or general


def _no_rows(path: Path) -> UserError:
    return UserError(f"{path}: no rows; at least one is needed")

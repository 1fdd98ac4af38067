"""Reading delimited text fast, and finding the line that is to blame where that fails."""

import datetime
import itertools
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.progress import progress_bar

INTEGER, NUMBER, TEXT, DAY, INSTANT = pa.int64(), pa.float64(), pa.string(), pa.date32(), pa.timestamp("ms", tz="UTC")

_LOOKS_LIKE: dict[pa.DataType, tuple[str, re.Pattern[str]]] = {
    INTEGER: ("a whole number", re.compile(r"[-+]?\d{1,18}")),
    NUMBER: ("a number of seconds since 1970", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")),
    TEXT: ("text", re.compile(r"(?s).+")),
    DAY: ("a day as 2016-05-09", re.compile(r"\d{4}-\d{2}-\d{2}")),
    INSTANT: (
        "a time as 2014-04-07T10:51:09.277Z",
        re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z"),
    ),
}
BLOCK_BYTES = 1 << 25


def first_line(path: Path) -> str:
    """First line of a file without its line end; what is not UTF-8 shows as a replacement character.

    Raises:
        UserError: the file is missing, not readable, empty, starts with a byte order mark, or is no text of lines.
    """
    try:
        with open(path, "rb") as handle:
            line = handle.readline(1 << 20)
    except OSError as problem:
        raise UserError(f"{path}: {problem.strerror or problem}") from problem
    if line.startswith(b"\xef\xbb\xbf"):
        raise UserError(f"{path}:1: starts with a byte order mark; save it as UTF-8 without one")
    if line.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        raise UserError(f"{path}: a compressed file; unpack it first")
    if not line.strip():
        raise UserError(f"{path}:1: an empty line" if line else f"{path}: empty file")
    if b"\0" in line:
        raise UserError(f"{path}:1: not UTF-8 text")
    if b"\r" in line.rstrip(b"\r\n"):
        raise UserError(f"{path}:1: lines end with CR alone; save it with LF or CR LF at their ends")
    return line.rstrip(b"\r\n").decode("utf-8", errors="replace")


def read_columns(
    path: Path,
    file_columns: list[str],
    wanted: Mapping[str, pa.DataType],
    delimiter: str,
    has_header: bool,
    show_progress: bool = False,
    skip_empty_lines: bool = False,
) -> pa.Table:
    """Read some columns of a delimited text file without quoting, block by block.

    Args:
        path: the file.
        file_columns: names of all its columns, in order.
        wanted: columns to keep and their types, one of INTEGER, NUMBER, TEXT, DAY, INSTANT; no value may be empty.
        delimiter: one character.
        has_header: whether the first line is not data.
        show_progress: progress bar over the file's bytes.
        skip_empty_lines: pass over them; else they are malformed.

    Raises:
        UserError: the file is missing, has no rows, or a line is malformed (named by its number).
    """
    read = pyarrow.csv.ReadOptions(column_names=file_columns, skip_rows=int(has_header), block_size=BLOCK_BYTES)
    parse = pyarrow.csv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=skip_empty_lines)
    convert = pyarrow.csv.ConvertOptions(
        include_columns=list(wanted),
        column_types={name: wanted.get(name, TEXT) for name in file_columns},
        strings_can_be_null=False,
        null_values=[],
    )
    batches: list[pa.RecordBatch] = []
    try:
        with (
            open(path, "rb") as handle,
            progress_bar(
                None, f"read {path.name}", show_progress, total=path.stat().st_size, unit="B", unit_scale=True
            ) as bar,
        ):
            for batch in pyarrow.csv.open_csv(handle, read, parse, convert):
                batches.append(batch)
                bar.update(handle.tell() - bar.n)
    except OSError as problem:
        if isinstance(problem, pa.ArrowException):
            raise _blame(path, file_columns, wanted, delimiter, has_header, skip_empty_lines, problem) from problem
        raise UserError(f"{path}: {problem.strerror or problem}") from problem
    except pa.ArrowInvalid as problem:
        raise _blame(path, file_columns, wanted, delimiter, has_header, skip_empty_lines, problem) from problem
    table = pa.Table.from_batches(batches) if batches else None
    if table is None or table.num_rows == 0:
        raise UserError(f"{path}: no rows; at least one is needed")
    for name, kind in wanted.items():
        if kind == TEXT and pc.any(pc.equal(table[name], "")).as_py():
            raise _blame(path, file_columns, wanted, delimiter, has_header, skip_empty_lines, None)
    return table


def line_of_row(path: Path, row: int) -> int:
    """Number of the line, from 1, of a row, from 0, that was read of a file with a header: a slow second look."""
    with open(path, "rb") as handle:
        lines = (number for number, raw in enumerate(handle, start=1) if raw.rstrip(b"\r\n"))
        return next(itertools.islice(lines, row + 1, None))


def _blame(
    path: Path,
    file_columns: list[str],
    wanted: Mapping[str, pa.DataType],
    delimiter: str,
    has_header: bool,
    skip_empty_lines: bool,
    problem: Exception | None,
) -> UserError:
    """The first malformed line: a slow second look, only taken when fast reading failed."""
    checks: list[tuple[int, str, str, Callable[[str], bool]]] = [
        (file_columns.index(name), name, _LOOKS_LIKE[kind][0], partial(_is_a, kind)) for name, kind in wanted.items()
    ]
    with open(path, "rb") as handle:
        for number, raw in enumerate(handle, start=1):
            if skip_empty_lines and not raw.rstrip(b"\r\n"):
                continue
            try:
                fields = raw.decode("utf-8").rstrip("\r\n").split(delimiter)
            except UnicodeDecodeError:
                return UserError(f"{path}:{number}: not UTF-8 text")
            if number == 1 and has_header:
                continue
            if len(fields) != len(file_columns):
                return UserError(
                    f"{path}:{number}: {len(file_columns)} columns separated by {delimiter!r} expected, found {len(fields)}"
                )
            for index, name, words, accepts in checks:
                if not accepts(fields[index]):
                    return UserError(f"{path}:{number}: {name} must be {words}, found {fields[index][:80]!r}")
    return UserError(f"{path}: not readable as columns separated by {delimiter!r} ({problem})")


def _is_a(kind: pa.DataType, field: str) -> bool:
    if not _LOOKS_LIKE[kind][1].fullmatch(field):
        return False
    if kind in (DAY, INSTANT):  # months and days and hours that do not exist look right
        try:
            datetime.datetime.fromisoformat(field)
        except ValueError:
            return False
    return True

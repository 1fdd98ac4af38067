"""A slow second look at a delimited text file, row by row: which line is to blame."""

import csv
import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from recbole_tagnnpp.data.table_layout import (
    DAY,
    INSTANT,
    INTEGER,
    NUMBER,
    TEXT,
    TIME_WITH_ZONE,
    TIME_WITHOUT_ZONE,
    TableLayout,
)
from recbole_tagnnpp.errors import UserError

csv.field_size_limit(2**31 - 1)  # a column that nobody reads may hold anything

_LOOKS_LIKE: dict[pa.DataType, tuple[str, re.Pattern[str]]] = {
    INTEGER: ("a whole number", re.compile(r"[-+]?\d{1,18}")),
    NUMBER: (
        "a number of seconds since 1970 (or of another time_unit)",
        re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"),
    ),
    TEXT: ("text that is not empty, without tabs, line ends and NUL bytes", re.compile(r"[^\t\r\n\0]+")),
    DAY: ("a day as 2016-05-09", re.compile(r"\d{4}-\d{2}-\d{2}")),
    INSTANT: (
        "a time as 2014-04-07T10:51:09.277Z",
        re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z"),
    ),
    TIME_WITH_ZONE: ("a time with its zone as 2024-06-10T08:13:20+02:00, from 1678 to 2261", re.compile(r".+")),
    TIME_WITHOUT_ZONE: ("a time without zone as 2024-06-10T06:13:20, from 1678 to 2261", re.compile(r".+")),
}


def rows(path: Path, layout: TableLayout) -> Iterator[tuple[int, list[str]]]:
    """Line number, from 1, and fields of every row; of a row of several lines the first. A header is no row.

    Raises:
        UserError: a line is not UTF-8 text, or quotes are not closed.
    """
    with open(path, "rb") as handle:
        lines = _lines(path, handle)
        numbered = _quoted_rows(path, lines, layout.delimiter) if layout.is_quoted else _plain_rows(lines, layout.delimiter)
        for number, fields in itertools.islice(numbered, int(layout.has_header), None):
            if fields in ([], [""]) and layout.skip_empty_lines:
                continue
            yield number, fields


def _lines(path: Path, handle: Iterator[bytes]) -> Iterator[str]:
    for number, raw in enumerate(handle, start=1):
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as problem:
            raise UserError(f"{path}:{number}: not UTF-8 text") from problem


def _plain_rows(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    return ((number, line.rstrip("\r\n").split(delimiter)) for number, line in enumerate(lines, start=1))


def _quoted_rows(path: Path, lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            raise UserError(f"{path}:{number}: not readable as values in quotes ({problem})") from problem
        yield number, fields


def line_of_row(path: Path, layout: TableLayout, row: int) -> int:
    """Number of the line, from 1, of a row, from 0."""
    return next(itertools.islice(rows(path, layout), row, None))[0]


def line_of_values(path: Path, layout: TableLayout, wanted: Mapping[str, str]) -> int:
    """Number of the first line, from 1, that has these values in these columns.

    Raises:
        LookupError: there is none.
    """
    for number, fields in rows(path, layout):
        if wanted.items() <= dict(zip(layout.columns, fields, strict=False)).items():
            return number
    raise LookupError(f"{path}: {wanted} is in no line")


def malformed_line(path: Path, layout: TableLayout, wanted: Mapping[str, pa.DataType]) -> UserError | None:
    """The first line that is malformed, if there is one.

    Args:
        path, layout: the file.
        wanted: types of the columns that are read.
    """
    try:
        for number, fields in rows(path, layout):
            if len(fields) != len(layout.columns):
                return UserError(
                    f"{path}:{number}: {len(layout.columns)} columns separated by {layout.delimiter!r} expected, "
                    f"found {len(fields)}"
                )
            for name, kind in wanted.items():
                field = fields[layout.columns.index(name)]
                if not is_a(kind, field):
                    return UserError(f"{path}:{number}: {name} must be {_LOOKS_LIKE[kind][0]}, found {field[:80]!r}")
    except UserError as complaint:
        return complaint
    return None


def is_a(kind: pa.DataType, field: str) -> bool:
    """Whether a field is a value of a type, as fast reading would take it."""
    if not _LOOKS_LIKE[kind][1].fullmatch(field):
        return False
    if pa.types.is_temporal(kind):  # months and days and hours that do not exist look right
        try:
            pa.scalar(field).cast(kind)
        except pa.ArrowInvalid:
            return False
    return True

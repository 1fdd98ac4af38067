"""How a delimited text file is laid out: its columns, their types, its first line."""

import codecs
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from recbole_tagnnpp.errors import UserError

INTEGER, NUMBER, TEXT, DAY = pa.int64(), pa.float64(), pa.string(), pa.date32()
INSTANT = pa.timestamp("ms", tz="UTC")
TIME_WITH_ZONE, TIME_WITHOUT_ZONE = pa.timestamp("ns", tz="UTC"), pa.timestamp("ns")


@dataclass(frozen=True)
class TableLayout:
    """What a reader has to know of a file.

    Attributes:
        columns: names of all its columns, in order.
        delimiter: the character between columns.
        has_header: the first line is not data.
        is_quoted: a value may stand in double quotes and hold delimiters and line ends there, as in a CSV file; else a
            quote is a character as others are.
        skip_empty_lines: pass over them; else they are malformed.
    """

    columns: list[str]
    delimiter: str
    has_header: bool = True
    is_quoted: bool = False
    skip_empty_lines: bool = False


def first_line(path: Path) -> str:
    """First line of a file without its line end and byte order mark; what is not UTF-8 shows as a replacement character.

    Raises:
        UserError: the file is missing, not readable, empty, or is no text of lines.
    """
    try:
        with open(path, "rb") as handle:
            line = handle.readline(1 << 20)
    except OSError as problem:
        raise UserError(f"{path}: {problem.strerror or problem}") from problem
    line = line.removeprefix(codecs.BOM_UTF8)  # which Excel writes, and Arrow passes over
    if line.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        raise UserError(f"{path}: a compressed file; unpack it first")
    if not line.strip():
        raise UserError(f"{path}:1: an empty line" if line else f"{path}: empty file")
    if b"\0" in line:
        raise UserError(f"{path}:1: not UTF-8 text")
    if b"\r" in line.rstrip(b"\r\n"):
        raise UserError(f"{path}:1: lines end with CR alone; save it with LF or CR LF at their ends")
    return line.rstrip(b"\r\n").decode("utf-8", errors="replace")

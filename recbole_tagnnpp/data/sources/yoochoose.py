"""Yoochoose's ``yoochoose-clicks.dat`` (RecSys Challenge 2015): 33 million rows without a header."""

from pathlib import Path

import pyarrow as pa

from recbole_tagnnpp.data.sessions import ClickLog, encode_ids, sessions_of_clicks
from recbole_tagnnpp.data.table_layout import INSTANT, INTEGER, TableLayout, first_line
from recbole_tagnnpp.data.tables import read_columns

FILE_NAME = "yoochoose-clicks.dat"
LAYOUT = TableLayout(["session", "timestamp", "item", "category"], ",", has_header=False)
DATE_UNIT_PER_DAY = 86_400  # dates are seconds


def matches(path: Path) -> bool:
    """Whether the first line looks like one of the log: four columns, the second a time."""
    if not path.is_file():
        return False
    fields = first_line(path).split(LAYOUT.delimiter)
    return len(fields) == len(LAYOUT.columns) and fields[1].endswith("Z") and "T" in fields[1]


def read(path: Path, show_progress: bool) -> ClickLog:
    """Read the log; numbers stay numbers, so that 33 million rows need about 3 GB.

    Raises:
        UserError: the file is missing or malformed.
    """
    wanted = {"session": INTEGER, "timestamp": INSTANT, "item": INTEGER}
    table = read_columns(path, LAYOUT, wanted, show_progress)
    codes, tokens = encode_ids(table["item"])
    milliseconds = table["timestamp"].cast(pa.int64()).to_numpy()
    sessions = sessions_of_clicks(table["session"], codes, milliseconds, milliseconds // 1000)
    return ClickLog(sessions, tokens.cast(pa.string()))

"""Diginetica's ``train-item-views.csv`` (CIKM Cup 2016)."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from recbole_tagnnpp.data.sessions import ClickLog, encode_ids, sessions_of_clicks
from recbole_tagnnpp.data.table_layout import DAY, INTEGER, TEXT, TableLayout, first_line
from recbole_tagnnpp.data.tables import read_columns
from recbole_tagnnpp.errors import UserError

FILE_NAME = "train-item-views.csv"
HEADERS = (
    "sessionId;userId;itemId;timeframe;eventdate",
    "session_id;user_id;item_id;timeframe;eventdate",  # SR-GNN's copy
)
DATE_UNIT_PER_DAY = 1


def matches(path: Path) -> bool:
    """Whether a file has one of the known headers."""
    return path.is_file() and first_line(path) in HEADERS


def read(path: Path, show_progress: bool) -> ClickLog:
    """Read the log; clicks of a session are ordered by ``timeframe``.

    The date of a session is that of its last row in the file, which is not always its last click: a few sessions run
    past midnight, and the published split (SR-GNN) dates them so.

    Raises:
        UserError: the file is missing or malformed.
    """
    header = first_line(path)
    if header not in HEADERS:
        raise UserError(f"{path}:1: header must be {' or '.join(HEADERS)}, found {header[:200]!r}")
    columns = header.split(";")
    session, _, item, time, day = columns
    wanted = {session: TEXT, item: TEXT, time: INTEGER, day: DAY}
    table = read_columns(path, TableLayout(columns, ";"), wanted, show_progress)
    codes, tokens = encode_ids(table[item])
    return ClickLog(
        sessions_of_clicks(
            table[session],
            codes,
            table[time].to_numpy(),
            table[day].cast(pa.int32()).to_numpy().astype(np.int64),
            date_of_last_row=True,
        ),
        tokens,
    )

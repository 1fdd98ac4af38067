"""Any RecBole atomic ``.inter`` file with a session, an item and a time column."""

from pathlib import Path

import numpy as np

from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.sessions import ClickLog, sessions_of_clicks
from recbole_tagnnpp.data.tables import NUMBER, TEXT, first_line, line_of_row, read_columns
from recbole_tagnnpp.errors import UserError

DATE_UNIT_PER_DAY = 86_400  # dates are seconds, as RecBole's timestamps
LATEST_SECOND = 1e11  # the year 5138; milliseconds since 1973 are more


def matches(path: Path) -> bool:
    """Whether a file has the ending and the header of an atomic file."""
    return path.suffix == ".inter" and path.is_file() and all(":" in f for f in first_line(path).split("\t"))


def line_of_item(path: Path, rules: PreparationRules, item: str, session: str | None = None) -> int:
    """Number of the first line, from 1, with an item (of a session) of a log that was read: for messages, slow."""
    wanted = {f"{rules.item_field}:token": item}
    if session is not None:
        wanted[f"{rules.session_field}:token"] = session
    with open(path, encoding="utf-8", newline="\n") as handle:
        columns = next(handle).rstrip("\r\n").split("\t")
        for number, line in enumerate(handle, start=2):
            fields = dict(zip(columns, line.rstrip("\r\n").split("\t"), strict=False))
            if wanted.items() <= fields.items():
                return number
    raise LookupError(f"{path}: {wanted} is in no line")


def read(path: Path, rules: PreparationRules, show_progress: bool) -> ClickLog:
    """Read the log.

    Raises:
        UserError: the file is missing or malformed, or has no such column.
    """
    columns = first_line(path).split("\t")
    wanted = {
        f"{rules.session_field}:token": TEXT,
        f"{rules.item_field}:token": TEXT,
        f"{rules.time_field}:float": NUMBER,
    }
    if len(set(columns)) < len(columns):
        raise UserError(f"{path}:1: a column is named twice: {' '.join(columns)[:200]}")
    for column in wanted:
        if column not in columns:
            hint = "; columns are separated by tabs" if len(columns) == 1 else ""
            raise UserError(f"{path}:1: no column {column!r}; found {' and '.join(map(repr, columns))[:200]}{hint}")
    table = read_columns(path, columns, wanted, "\t", True, show_progress, skip_empty_lines=True)
    session, item, time = (table[column] for column in wanted)
    items = item.combine_chunks().dictionary_encode()
    seconds = time.to_numpy()
    allowed = np.abs(seconds) < LATEST_SECOND  # false for NaN
    if not allowed.all():
        row = int(np.argmin(allowed))
        units = (("milliseconds", 1_000), ("microseconds", 1_000_000), ("nanoseconds", 1_000_000_000))
        unit = next((unit for unit in units if LATEST_SECOND <= seconds[row] < unit[1] * LATEST_SECOND), None)
        hint = f"; {unit[0]}? divide them by {unit[1]:,}" if unit else ""
        raise UserError(
            f"{path}:{line_of_row(path, row)}: {rules.time_field} must be seconds, a number below {LATEST_SECOND:g}, "
            f"found {seconds[row]:.16g}{hint}"
        )
    codes = items.indices.to_numpy().astype(np.int64)
    return ClickLog(sessions_of_clicks(session, codes, seconds, np.floor(seconds).astype(np.int64)), items.dictionary)

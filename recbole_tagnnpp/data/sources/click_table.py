"""Logs that are tables with a session, an item and a time column, whatever their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recbole_tagnnpp.data.clicks import Clicks
from recbole_tagnnpp.data.rules import TIME_UNITS
from recbole_tagnnpp.data.sessions import encode_ids
from recbole_tagnnpp.data.table_layout import TEXT, TableLayout
from recbole_tagnnpp.data.table_rows import line_of_row, line_of_values
from recbole_tagnnpp.data.tables import read_columns
from recbole_tagnnpp.errors import UserError

DATE_UNIT_PER_DAY = 86_400  # dates are seconds, as RecBole's timestamps
LATEST_SECOND = 1e11  # the year 5138; milliseconds since 1973 are more


def check_columns(path: Path, columns: list[str], wanted: Sequence[str], hint: str) -> None:
    """Check that a header names each wanted column, and none twice.

    Args:
        path: the file, for messages.
        columns: what the header says.
        wanted: names of columns.
        hint: what the message about a missing one ends with.

    Raises:
        UserError: it does not.
    """
    if len(set(columns)) < len(columns):
        raise UserError(f"{path}:1: a column is named twice: {' '.join(columns)[:200]}")
    for column in wanted:
        if column not in columns:
            raise UserError(f"{path}:1: no column {column!r}; found {' and '.join(map(repr, columns))[:200]}{hint}")


@dataclass(frozen=True)
class ClickTable:
    """A log whose header has been looked at.

    Attributes:
        path: the file.
        layout: its columns and how they are written.
        session, item, time: which columns are read.
        time_type: ``NUMBER`` since 1970, or one of the two times of :mod:`table_layout`.
        time_unit: what numbers count, one of ``TIME_UNITS``.
    """

    path: Path
    layout: TableLayout
    session: str
    item: str
    time: str
    time_type: pa.DataType
    time_unit: str

    def read(self, show_progress: bool) -> Clicks:
        """Read the clicks.

        Raises:
            UserError: the file is malformed.
        """
        wanted = {self.session: TEXT, self.item: TEXT, self.time: self.time_type}
        table = read_columns(self.path, self.layout, wanted, show_progress)
        codes, tokens = encode_ids(table[self.item])
        if pa.types.is_timestamp(self.time_type):
            times: npt.NDArray = table[self.time].cast(pa.int64()).to_numpy()
            unit = "nanoseconds"
        else:
            times = table[self.time].to_numpy()
            self._check_numbers(times)
            unit = self.time_unit
        if not np.any(times % (DATE_UNIT_PER_DAY * TIME_UNITS[unit])):
            getLogger().warning(
                f"{self.path}: {self.time.removesuffix(':float')} holds days without a time of day; a session's clicks of "
                "one day are taken in the order of the file"
            )
        return Clicks(table[self.session], np.arange(len(codes)), codes, tokens, times, TIME_UNITS[unit])

    def _check_numbers(self, times: npt.NDArray) -> None:
        """Refuse what no calendar has, among it times in a finer unit than ``time_unit``."""
        limit = LATEST_SECOND * TIME_UNITS[self.time_unit]
        allowed = np.abs(times) < limit  # false for NaN
        if allowed.all():
            return
        row = int(np.argmin(allowed))
        finer = [unit for unit, in_a_second in TIME_UNITS.items() if limit <= times[row] < LATEST_SECOND * in_a_second]
        hint = f"; {finer[0]}? time_unit of the preparation says so" if finer else ""
        raise UserError(
            f"{self.path}:{line_of_row(self.path, self.layout, row)}: {self.time.removesuffix(':float')} must be "
            f"{self.time_unit}, a number below {limit:g}, found {times[row]:.16g}{hint}"
        )

    def line_of(self, row: int) -> int:
        """Number of the line, from 1, where a row of the log begins: for messages, slow."""
        return line_of_row(self.path, self.layout, row)

    def line_of_item(self, item: str) -> int:
        """Number of the first line, from 1, with an item: for messages, slow."""
        return line_of_values(self.path, self.layout, {self.item: item})

"""Any CSV file of clicks with a header: columns separated by commas, semicolons or tabs, values perhaps in quotes."""

import csv
import re
from pathlib import Path

import pyarrow as pa

from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.sources import diginetica
from recbole_tagnnpp.data.sources.click_table import ClickTable, check_columns
from recbole_tagnnpp.data.table_layout import NUMBER, TIME_WITH_ZONE, TIME_WITHOUT_ZONE, TableLayout, first_line
from recbole_tagnnpp.data.table_rows import is_a, rows
from recbole_tagnnpp.errors import UserError

DELIMITERS = (",", ";", "\t")


def is_named_so(path: Path) -> bool:
    """Whether a path has the ending of a CSV file."""
    return path.suffix.lower() == ".csv"


def matches(path: Path) -> bool:
    """Whether a file is called a CSV file; Diginetica's keeps to its own format."""
    return is_named_so(path) and path.is_file() and path.name != diginetica.FILE_NAME


def open_table(path: Path, rules: PreparationRules) -> ClickTable:
    """The table of a log, by its header and first row: its times are numbers since 1970 or times of ISO 8601.

    Times without a zone are read as UTC, days without a time of day as their beginning.

    Raises:
        UserError: the file is missing or empty, has no such column, or its first time is none.
    """
    header = first_line(path)
    if header.count('"') % 2:
        raise UserError(f"{path}:1: has a quote without end; a name of a column stands in one line")
    delimiter = max(DELIMITERS, key=re.sub('"[^"]*"', "", header).count)
    columns = next(csv.reader([header], delimiter=delimiter))
    names = rules.session_field, rules.item_field, rules.time_field
    hint = "the preparation says session_field={}, item_field={}, time_field={}".format(*names)
    if len(columns) == 1:
        hint = "columns are separated by commas, semicolons or tabs"
    check_columns(path, columns, names, f"; {hint}")
    layout = TableLayout(columns, delimiter, is_quoted=True, skip_empty_lines=True)
    return ClickTable(path, layout, *names, time_type=_time_type(path, layout, rules), time_unit=rules.time_unit)


def _time_type(path: Path, layout: TableLayout, rules: PreparationRules) -> pa.DataType:
    """How the first row writes its time; reading finds rows that write it otherwise."""
    for number, fields in rows(path, layout):
        if len(fields) != len(layout.columns):
            break  # reading says so
        field = fields[layout.columns.index(rules.time_field)]
        kinds, allowed = [NUMBER], f"{rules.time_unit} since 1970"
        if rules.time_unit == PreparationRules.time_unit:  # whoever names another one means numbers
            kinds, allowed = [*kinds, TIME_WITH_ZONE, TIME_WITHOUT_ZONE], f"{allowed} or a time as 2024-06-10T06:13:20Z"
        for kind in kinds:
            if is_a(kind, field):
                return kind
        raise UserError(f"{path}:{number}: {rules.time_field} must be {allowed}, found {field[:80]!r}")
    return NUMBER

"""Any RecBole atomic ``.inter`` file with a session, an item and a time column."""

from pathlib import Path

from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.sources.click_table import ClickTable, check_columns
from recbole_tagnnpp.data.table_layout import NUMBER, TableLayout, first_line


def matches(path: Path) -> bool:
    """Whether a file has the ending and the header of an atomic file."""
    return path.suffix == ".inter" and path.is_file() and has_header(path)


def has_header(path: Path) -> bool:
    """Whether the first line looks like that of an atomic file: ``name:type`` columns.

    Raises:
        UserError: the file is missing or empty.
    """
    return all(":" in column for column in first_line(path).split("\t"))


def open_table(path: Path, rules: PreparationRules) -> ClickTable:
    """The table of a log, by its header.

    Raises:
        UserError: the file is missing or empty, or has no such column.
    """
    columns = first_line(path).split("\t")
    names = f"{rules.session_field}:token", f"{rules.item_field}:token", f"{rules.time_field}:float"
    check_columns(path, columns, names, "; columns are separated by tabs" if len(columns) == 1 else "")
    return ClickTable(
        path, TableLayout(columns, "\t", skip_empty_lines=True), *names, time_type=NUMBER, time_unit=rules.time_unit
    )

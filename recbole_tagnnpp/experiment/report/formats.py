"""One table, rendered as Markdown, LaTeX, CSV and HTML."""

import csv
import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MISSING = "-"
MINUS = "\N{MINUS SIGN}"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


@dataclass(frozen=True)
class Cell:
    """One entry.

    Attributes:
        value: text, a number in the unit of its column, or ``None`` where it is missing.
        deviation: standard deviation over seeds.
        is_best: significantly better than its rivals; printed bold.
        is_marked: a difference that is significant; printed with a star.
    """

    value: str | float | None = None
    deviation: float | None = None
    is_best: bool = False
    is_marked: bool = False


@dataclass(frozen=True)
class Column:
    """How the cells below a title are printed.

    Attributes:
        title: heading.
        decimals: of numbers; ``None`` for a column of text.
        with_deviation, with_best, with_mark: whether cells use these, which get columns of their own in CSV.
        signed: numbers have a plus or a minus.
        with_thousands: commas between thousands, except in CSV.
    """

    title: str
    decimals: int | None = None
    with_deviation: bool = False
    with_best: bool = False
    with_mark: bool = False
    signed: bool = False
    with_thousands: bool = False


@dataclass(frozen=True)
class Section:
    """Rows of one dataset, say, with a heading of their own; an empty title for none."""

    title: str
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        label: name of its files.
        title: heading.
        columns: of every section.
        sections: one or more.
        section_column: what sections are, as the first column of CSV.
        notes: sentences below.
    """

    label: str
    title: str
    columns: Sequence[Column]
    sections: Sequence[Section]
    section_column: str = "dataset"
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        for section in self.sections:
            for row in section.rows:
                if len(row) != len(self.columns):
                    raise ValueError(f"{self.label}: a row of {len(row)} cells below {len(self.columns)} columns")


def to_markdown(table: Table, level: int = 1) -> str:
    """GitHub's Markdown; ``level`` is that of the heading."""
    blocks = [f"{'#' * level} {_markdown_text(table.title)}"]
    for section in table.sections:
        if section.title:
            blocks.append(f"{'#' * (level + 1)} {_markdown_text(section.title)}")
        if not section.rows:
            blocks.append("None.")
            continue
        heads = [_markdown_text(column.title) for column in table.columns]
        rules = ["---" if column.decimals is None else "---:" for column in table.columns]
        rows = [
            [_styled(cell, column, _markdown_text, "**{}**") for cell, column in zip(row, table.columns, strict=True)]
            for row in section.rows
        ]
        blocks.append("\n".join(f"| {' | '.join(row)} |" for row in [heads, rules, *rows]))
    blocks += [_markdown_text(note) for note in table.notes]
    return "\n\n".join(blocks) + "\n"


def to_latex(table: Table) -> str:
    """A ``table`` environment with booktabs rules; sections are headed inside it."""
    columns = "".join("l" if column.decimals is None else "r" for column in table.columns)
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{_latex_text(_caption(table.title))}}}",
        f"\\label{{tab:{table.label.replace('_', '-')}}}",
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        " & ".join(_latex_text(column.title) for column in table.columns) + " \\\\",
    ]
    for section in table.sections:
        lines.append("\\midrule")
        if section.title:
            lines.append(f"\\multicolumn{{{len(columns)}}}{{l}}{{\\textit{{{_latex_text(section.title)}}}}} \\\\")
        lines += [
            " & ".join(
                _styled(cell, column, _latex_text, "\\textbf{{{}}}")
                for cell, column in zip(row, table.columns, strict=True)
            )
            + " \\\\"
            for row in section.rows
        ]
    lines += ["\\bottomrule", "\\end{tabular}"]
    lines += [f"\n\\smallskip\\footnotesize {_latex_text(note)}" for note in table.notes]
    return "\n".join([*lines, "\\end{table}"]) + "\n"


def to_csv(table: Table) -> str:
    """Plain numbers, one value a column; missing values are empty."""
    heads = [table.section_column]
    for column in table.columns:
        heads.append(column.title)
        heads += [f"{column.title} sd"] * column.with_deviation
        heads += [f"{column.title} significantly best"] * column.with_best
        heads += [f"{column.title} significant"] * column.with_mark
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    for section in table.sections:
        for row in section.rows:
            values = [section.title]
            for cell, column in zip(row, table.columns, strict=True):
                values.append(_csv_number(cell.value, column))
                values += [_csv_number(cell.deviation, column)] * column.with_deviation
                values += [_yes(cell.is_best, cell)] * column.with_best
                values += [_yes(cell.is_marked, cell)] * column.with_mark
            writer.writerow(values)
    return text.getvalue()


def to_html(table: Table) -> str:
    """``<table>`` elements that scroll sideways where the screen is narrow."""
    blocks = []
    for section in table.sections:
        caption = f"<caption>{_html_text(section.title)}</caption>" if section.title else ""
        heads = "".join(f'<th scope="col"{_html_class(column)}>{_html_text(column.title)}</th>' for column in table.columns)
        rows = []
        for row in section.rows:
            cells = []
            for index, (cell, column) in enumerate(zip(row, table.columns, strict=True)):
                tag, scope = ("th", ' scope="row"') if index == 0 else ("td", "")
                text = _styled(cell, column, _html_text, "<strong>{}</strong>")
                cells.append(f"<{tag}{scope}{_html_class(column)}>{text}</{tag}>")
            rows.append(f"<tr>{''.join(cells)}</tr>")
        body = "\n".join(rows) or f'<tr><td colspan="{len(table.columns)}">None.</td></tr>'
        blocks.append(
            f'<div class="wide"><table>{caption}\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
        )
    blocks += [f'<p class="note">{_html_text(note)}</p>' for note in table.notes]
    return "\n".join(blocks)


def _styled(cell: Cell, column: Column, escape: Callable[[str], str], bold: str) -> str:
    text = escape(_number(cell.value, column))
    if cell.deviation is not None:
        text += escape(f" {PLUS_MINUS} {cell.deviation:.{column.decimals}f}")
    if cell.is_best:
        text = bold.format(text)
    return text + escape("*") if cell.is_marked else text


def _number(value: str | float | None, column: Column) -> str:
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value
    rounded = round(value, column.decimals or 0) + 0.0  # no minus before zero
    sign = "+" if column.signed else ""
    return f"{rounded:{sign}{',' if column.with_thousands else ''}.{column.decimals}f}".replace("-", MINUS)


def _csv_number(value: str | float | None, column: Column) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{round(value, column.decimals or 0) + 0.0:.{column.decimals}f}"


def _yes(value: bool, cell: Cell) -> str:
    return "" if cell.value is None else ("yes" if value else "no")


def _html_class(column: Column) -> str:
    return "" if column.decimals is None else ' class="number"'


def _markdown_text(text: str) -> str:
    return re.sub(r"([\\`*_|<>\[\]~])", r"\\\1", text)


def _html_text(text: str) -> str:
    return html.escape(text)


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    MINUS: "$-$", PLUS_MINUS: r"$\pm$", "Δ": r"$\Delta$",
}  # fmt: skip


def _caption(title: str) -> str:
    """A title without the number that LaTeX puts before a caption itself."""
    text = re.sub(r"^Table [IVX]+: ", "", title)
    return text[:1].upper() + text[1:]


def _latex_text(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)

"""One table in four formats."""

import csv
import io
from html.parser import HTMLParser

import pytest

from recbole_tagnnpp.experiment.report.formats import Cell, Column, Section, Table, to_csv, to_html, to_latex, to_markdown

TABLE = Table(
    "table_9",
    "A & B <title>",
    [
        Column("System"),
        Column("Clicks", decimals=0, with_thousands=True),
        Column("Hit@20", decimals=2, with_deviation=True, with_best=True),
        Column("Δ", decimals=2, signed=True, with_mark=True),
    ],
    [
        Section(
            "One_half 50%",
            [
                [Cell("a|b*"), Cell(1234567), Cell(71.905, 0.126, is_best=True), Cell(-0.314, is_marked=True)],
                [Cell("<c>"), Cell(), Cell(), Cell(0.001)],
            ],
        ),
        Section("", [[Cell("d"), Cell(0), Cell(0.0), Cell(-0.001)]]),
    ],
    notes=["A note with 5% & _more_."],
)


def test_markdown() -> None:
    lines = to_markdown(TABLE).splitlines()
    assert lines[0] == "# A & B \\<title\\>"
    assert "## One\\_half 50%" in lines
    assert "| System | Clicks | Hit@20 | Δ |" in lines
    assert "| --- | ---: | ---: | ---: |" in lines
    assert "| a\\|b\\* | 1,234,567 | **71.91 ± 0.13** | −0.31\\* |" in lines
    assert "| \\<c\\> | - | - | +0.00 |" in lines
    assert "| d | 0 | 0.00 | +0.00 |" in lines
    assert lines[-1] == "A note with 5% & \\_more\\_."


def test_latex() -> None:
    lines = to_latex(TABLE).splitlines()
    assert "\\caption{A \\& B \\textless{}title\\textgreater{}}" in lines
    assert "\\label{tab:table-9}" in lines
    assert "\\begin{tabular}{lrrr}" in lines
    assert "\\multicolumn{4}{l}{\\textit{One\\_half 50\\%}} \\\\" in lines
    assert "a|b* & 1,234,567 & \\textbf{71.91 $\\pm$ 0.13} & $-$0.31* \\\\" in lines
    assert "System & Clicks & Hit@20 & $\\Delta$ \\\\" in lines
    assert to_latex(TABLE).isascii()
    numbered = to_latex(Table("t", "Table II: TAGNN++ in parts", [Column("a")], []))
    assert "\\caption{TAGNN++ in parts}" in numbered
    assert "\\caption{All systems}" in to_latex(Table("t", "Table I: all systems", [Column("a")], []))
    for opening, closing in (("{", "}"), ("\\begin", "\\end")):
        assert to_latex(TABLE).count(opening) == to_latex(TABLE).count(closing)


def test_csv_has_plain_numbers_one_a_column() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(TABLE))))
    assert rows[0] == {
        "dataset": "One_half 50%", "System": "a|b*", "Clicks": "1234567", "Hit@20": "71.91", "Hit@20 sd": "0.13",
        "Hit@20 significantly best": "yes", "Δ": "-0.31", "Δ significant": "yes",
    }  # fmt: skip
    assert rows[1]["Hit@20"] == rows[1]["Hit@20 sd"] == rows[1]["Hit@20 significantly best"] == rows[1]["Clicks"] == ""
    assert rows[2]["Hit@20 significantly best"] == "no"
    assert rows[2]["Δ"] == "0.00"
    assert "\r" not in to_csv(TABLE)


class Cells(HTMLParser):
    """Rows of text, and that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


def test_html() -> None:
    text = to_html(TABLE)
    parser = Cells()
    parser.feed(text)
    assert parser.open == []
    assert parser.rows[1] == ["a|b*", "1,234,567", "71.91 ± 0.13", "−0.31*"]
    assert parser.rows[2] == ["<c>", "-", "-", "+0.00"]
    assert "<strong>71.91 ± 0.13</strong>" in text
    assert "<caption>One_half 50%</caption>" in text


def test_an_empty_table_says_so() -> None:
    empty = Table("t", "T", [Column("a")], [Section("", [])])
    assert "None." in to_markdown(empty)
    assert "None." in to_html(empty)
    assert to_csv(empty) == "dataset,a\n"


def test_a_row_of_the_wrong_width_is_refused() -> None:
    with pytest.raises(ValueError, match="2 cells below 1 columns"):
        Table("t", "T", [Column("a")], [Section("", [[Cell("1"), Cell("2")]])])

"""From run records to tables, figures and a page: written, or compared with what is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.report.ablation_table import ablation_sections, ablation_significance, ablation_table
from recbole_tagnnpp.experiment.report.accuracy_table import accuracy_sections, accuracy_significance, accuracy_table
from recbole_tagnnpp.experiment.report.comparisons import N_RESAMPLES
from recbole_tagnnpp.experiment.report.dataset_table import dataset_table
from recbole_tagnnpp.experiment.report.figure_data import MARK, FigureData, figures_of
from recbole_tagnnpp.experiment.report.formats import Section, Table, to_csv, to_latex, to_markdown
from recbole_tagnnpp.experiment.report.group_tables import (
    length_table,
    popularity_table,
    sections_by_length,
    sections_by_popularity,
)
from recbole_tagnnpp.experiment.report.html_page import html_page, without_drawings
from recbole_tagnnpp.experiment.report.paper_figures import dataset_order
from recbole_tagnnpp.experiment.report.records import read_records
from recbole_tagnnpp.experiment.report.run_table import other_runs_table
from recbole_tagnnpp.experiment.report.score_rows import SIGNIFICANCE_COLUMNS
from recbole_tagnnpp.experiment.report.sequence_data import measure
from recbole_tagnnpp.experiment.report.systems import place_records
from recbole_tagnnpp.experiment.systems import RECOMMENDED
from recbole_tagnnpp.files import atomic_write, check_folder

PAGE = "report.html"
WITHOUT_LATEX = ("other_runs",)


@dataclass(frozen=True)
class Report:
    """Everything that records say, not yet written.

    Attributes:
        tables: in their order.
        figures: what each figure shows.
        n_records: how many records were read.
        n_others: how many of them belong to no row of Tables I and II.
    """

    tables: Sequence[Table]
    figures: Sequence[FigureData]
    n_records: int
    n_others: int

    def texts(self) -> dict[str, str]:
        """File name to content, of all files but the page and the drawings."""
        files = {}
        for table in self.tables:
            files[f"{table.label}.md"] = to_markdown(table)
            files[f"{table.label}.csv"] = to_csv(table)
            if table.label not in WITHOUT_LATEX:
                files[f"{table.label}.tex"] = to_latex(table)
        files.update({f"{figure.name}.csv": figure.to_csv() for figure in self.figures})
        return files


def make_report(results: Path) -> Report:
    """Read records and work out tables and figures.

    Args:
        results: folder of ``<dataset>/<run>.json``.

    Raises:
        UserError: the folder is missing or empty, or a file in it is not what it should be.
    """
    records = read_records(results)
    placed, others = place_records(records)
    measured = [measure(data) for data in sorted(placed, key=lambda d: (*dataset_order(d.dataset), d.checksum or ""))]
    accuracy, ablation = accuracy_sections(measured), ablation_sections(measured)
    by_length, by_popularity = sections_by_length(accuracy), sections_by_popularity(accuracy)
    tests = [Section(f"Table I, {section.title}", accuracy_significance(section)) for section in accuracy]
    tests += [Section(f"Table II, {section.title}", ablation_significance(section)) for section in ablation]
    tables = [
        accuracy_table(accuracy),
        ablation_table(ablation),
        dataset_table(records),
        _significance_table([section for section in tests if section.rows]),
        length_table(by_length),
        popularity_table(by_popularity),
        other_runs_table(others, records),
    ]
    return Report(tables, figures_of(accuracy, by_length, by_popularity), len(records), len(others))


def write_report(results: Path, output: Path) -> Report:
    """Write tables, figures and page; drawings of an earlier report that are no longer made are removed.

    Args:
        results: folder of run records.
        output: folder, made if it is missing.

    Returns:
        What was written.

    Raises:
        UserError: as :func:`make_report`, or the folder cannot be written to.
    """
    try:
        from recbole_tagnnpp.experiment.report.plots import draw
    except ModuleNotFoundError as problem:
        raise UserError(f"the report's figures need matplotlib, which is not installed ({problem})") from problem

    check_folder(output, "output")
    report = make_report(results)
    drawings = {figure.name: draw(figure) for figure in report.figures}
    files = {name: text.encode() for name, text in report.texts().items()}
    files.update({f"{name}.svg": drawing for name, drawing in drawings.items()})
    as_text = {name: drawing.decode() for name, drawing in drawings.items()}
    files[PAGE] = html_page(report.tables, report.figures, as_text, report.n_records).encode()
    for name, content in files.items():
        with atomic_write(output / name, "wb") as handle:
            handle.write(content)
    for name in _left_over(report, output):
        (output / name).unlink()
    return report


def check_report(results: Path, output: Path) -> list[str]:
    """Names of files in ``output`` that differ from what the records give; writes nothing.

    Of a drawing, the digest of its data is compared and not its bytes, which another matplotlib would draw otherwise.

    Raises:
        UserError: as :func:`make_report`, or there is no report.
    """
    if not output.is_dir():
        raise UserError(f"{output}: no such folder; `python -m recbole_tagnnpp report` writes the report there")
    report = make_report(results)
    different = [name for name, text in report.texts().items() if _read(output / name) != text]
    page = _read(output / PAGE)
    expected = html_page(report.tables, report.figures, {}, report.n_records)
    if page is None or without_drawings(page) != expected:
        different.append(PAGE)
    for figure in report.figures:
        drawing = _read(output / f"{figure.name}.svg")
        if drawing is None or MARK + figure.digest not in drawing:
            different.append(f"{figure.name}.svg")
    return sorted([*different, *_left_over(report, output)])


def _left_over(report: Report, output: Path) -> list[str]:
    """Drawings that an earlier report made and this one does not, and their data."""
    wanted = {f"{figure.name}.svg" for figure in report.figures}
    old = [file for file in output.glob("*-*.svg") if file.name not in wanted and MARK in (_read(file) or "")]
    return sorted(file.name for svg in old for file in (svg, svg.with_suffix(".csv")) if file.is_file())


def _read(file: Path) -> str | None:
    """Content of a text file with its line ends, ``None`` where there is none or it is not text."""
    try:
        return file.read_bytes().decode()
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
        return None


def _significance_table(sections: Sequence[Section]) -> Table:
    return Table(
        "significance",
        "Tests behind Tables I and II",
        SIGNIFICANCE_COLUMNS,
        sections or [Section("", [])],
        section_column="table",
        notes=[
            f"Table I: the best system in each score, then {RECOMMENDED}, against every other, with and without refit "
            "apart. Table II: the whole model against each other row. "
            "Difference: first minus second in points; * significant after correction.",
            f"Interval: bootstrap over whole sessions ({N_RESAMPLES:,} resamples), not corrected. p: two-sided sign-flip "
            "test over whole sessions. Holm: corrected over both scores of all data, in Table I for all pairs of systems "
            "and in Table II for those listed here. Results of each test sequence are averaged over seeds first: the tests "
            "compare the models that were trained, and do not cover what other seeds would change.",
        ],
    )

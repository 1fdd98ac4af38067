"""Table II: TAGNN++ without each of its parts, for each preset."""

from collections.abc import Sequence
from dataclasses import dataclass

from recbole_tagnnpp.experiment.report.comparisons import Comparisons, compare_rows
from recbole_tagnnpp.experiment.report.formats import Cell, Column, Section, Table
from recbole_tagnnpp.experiment.report.paper_figures import PAPER, TABLE_ONE, TABLE_TWO
from recbole_tagnnpp.experiment.report.score_rows import (
    SCORE_TITLES,
    ScoreRow,
    data_notes,
    how_tested,
    precision_note,
    rows_of_system,
    score_cells,
    score_columns,
    section_title,
    significance_cells,
    testable,
    untested_note,
)
from recbole_tagnnpp.experiment.report.sequence_data import MeasuredData
from recbole_tagnnpp.experiment.report.systems import ABLATED_PRESETS, SCORES, DataRuns
from recbole_tagnnpp.experiment.systems import ablations


@dataclass(frozen=True)
class AblationSection:
    """One dataset and preset of Table II; attributes as in ``AccuracySection``."""

    measured: MeasuredData
    preset: str
    rows: Sequence[ScoreRow]
    comparisons: Comparisons

    @property
    def title(self) -> str:
        """Name of the dataset, and the preset."""
        return f"{section_title(self.measured.runs)}, preset {self.preset}"


def ablation_sections(all_measured: Sequence[MeasuredData]) -> list[AblationSection]:
    """Rows and tests of Table II, for every dataset and preset that has a run, and for datasets that the paper has."""
    places, rows_of = [], []
    for measured in all_measured:
        for preset in _presets(measured.runs):
            rows = _rows(measured, preset)
            if any(row.runs for row in rows) or measured.runs.dataset in TABLE_TWO:
                places.append((measured, preset))
                rows_of.append(rows)
    compared = compare_rows([testable(m, rows, _pairs(rows)) for (m, _), rows in zip(places, rows_of, strict=True)])
    return [
        AblationSection(measured, preset, rows, comparisons)
        for (measured, preset), rows, comparisons in zip(places, rows_of, compared, strict=True)
    ]


def ablation_table(sections: Sequence[AblationSection]) -> Table:
    """Table II as it is printed."""
    printed, notes = [], []
    for section in sections:
        printed.append(Section(section.title, _cells(section)))
        notes += untested_note(section.title, section.measured, section.rows)
        notes += precision_note(section.title, section.rows)
    return Table(
        "table_2",
        "Table II: TAGNN++ without each of its parts",
        [
            Column("Architecture"),
            *score_columns(),
            *(Column(f"Δ {title}", decimals=2, signed=True, with_mark=True) for title in SCORE_TITLES.values()),
        ],
        printed,
        section_column="dataset and preset",
        notes=[
            "Test metrics in percent, mean and sample standard deviation over seeds; - is missing. Δ: minus the whole "
            "model, each the mean over its own seeds, in points; * where that difference is significant "
            f"({how_tested('differences')}).",
            *notes,
            *data_notes(_distinct([section.measured for section in sections])),
            f"Paper: {PAPER}.",
        ],
    )


def ablation_significance(section: AblationSection) -> list[list[Cell]]:
    """The whole model against every other row, in each score."""
    found = []
    for score in SCORES:
        for index in range(len(section.rows)):
            whole = _whole(section.rows, index)
            if whole is not None:
                cells = significance_cells(section.rows, section.comparisons, score, whole, index)
                found += [cells] if cells else []
    return found


def _cells(section: AblationSection) -> list[list[Cell]]:
    table = []
    for index, cells in enumerate(score_cells(section.rows)):
        row, whole = section.rows[index], _whole(section.rows, index)
        differences = []
        for score in SCORES:
            mean, of_whole = row.mean(score), section.rows[whole].mean(score) if whole is not None else None
            if mean is None or of_whole is None:
                differences.append(Cell())
                continue
            comparison = section.comparisons.get((index, whole, score)) if whole is not None else None
            differences.append(Cell(mean - of_whole, is_marked=comparison is not None and comparison.is_significant))
        table.append([Cell(row.system.title), *cells, *differences])
    return table


def _whole(rows: Sequence[ScoreRow], row: int) -> int | None:
    """The whole model's row to measure a row by: of the same refit; ``None`` for the whole model and missing ones."""
    here = rows[row]
    if here.runs is None or not here.system.changes:
        return None
    for index, other in enumerate(rows):
        if other.runs is not None and not other.system.changes and other.runs.refit == here.runs.refit:
            return index
    return None


def _pairs(rows: Sequence[ScoreRow]) -> list[tuple[int, int]]:
    """The whole model and each other row: what the table tells; its variants are not compared with each other."""
    return [(whole, row) for row in range(len(rows)) if (whole := _whole(rows, row)) is not None]


def _rows(measured: MeasuredData, preset: str) -> list[ScoreRow]:
    dataset = measured.runs.dataset
    whole, *reduced = ablations(preset, dataset)
    rows = rows_of_system(measured, whole, TABLE_ONE.get(dataset, {}).get(whole.model))
    for system in reduced:
        rows += rows_of_system(measured, system, TABLE_TWO.get(dataset, {}).get(system.title))
    return rows


def _presets(data: DataRuns) -> list[str]:
    """Those of the paper and the recommended one, then others that were ablated."""
    ablated = {runs.system.preset for runs in data.systems if runs.system.changes and runs.system.preset}
    return [*ABLATED_PRESETS, *sorted(ablated.difference(ABLATED_PRESETS))]


def _distinct(all_measured: Sequence[MeasuredData]) -> list[DataRuns]:
    return [m.runs for index, m in enumerate(all_measured) if all(m is not other for other in all_measured[:index])]

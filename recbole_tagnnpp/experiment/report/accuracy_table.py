"""Table I: every system beside the paper's figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from recbole_tagnnpp.experiment.report.comparisons import Comparisons, compare_rows
from recbole_tagnnpp.experiment.report.formats import Cell, Column, Section, Table
from recbole_tagnnpp.experiment.report.paper_figures import ELSEWHERE, PAPER, TABLE_ONE, dataset_title
from recbole_tagnnpp.experiment.report.score_rows import (
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
from recbole_tagnnpp.experiment.report.systems import SCORES, DataRuns
from recbole_tagnnpp.experiment.systems import RECOMMENDED, System
from recbole_tagnnpp.experiment.systems import TABLE_ONE as SYSTEMS


@dataclass(frozen=True)
class AccuracySection:
    """One dataset of Table I.

    Attributes:
        measured: the runs.
        rows: all systems, measured or missing.
        comparisons: of the rows.
    """

    measured: MeasuredData
    rows: Sequence[ScoreRow]
    comparisons: Comparisons

    @property
    def title(self) -> str:
        """Name of the dataset."""
        return section_title(self.measured.runs)


def accuracy_sections(all_measured: Sequence[MeasuredData]) -> list[AccuracySection]:
    """Rows and tests of Table I."""
    rows_of = [_rows(measured) for measured in all_measured]
    compared = compare_rows([testable(m, rows, _pairs(rows)) for m, rows in zip(all_measured, rows_of, strict=True)])
    return [AccuracySection(*section) for section in zip(all_measured, rows_of, compared, strict=True)]


def accuracy_table(sections: Sequence[AccuracySection]) -> Table:
    """Table I as it is printed."""
    printed, notes = [], []
    for section in sections:
        best = {score: significantly_best(section.rows, section.comparisons, score) for score in SCORES}
        cells = score_cells(section.rows, best)
        names = [Cell(row.system.title) for row in section.rows]
        printed.append(Section(section.title, [[name, *row] for name, row in zip(names, cells, strict=True)]))
        notes += untested_note(section.title, section.measured, section.rows)
        notes += precision_note(section.title, section.rows)
    notes += data_notes([section.measured.runs for section in sections])
    for dataset in dict.fromkeys(section.measured.runs.dataset for section in sections):
        if dataset in ELSEWHERE:
            figures = ", ".join(f"{name} {f.hit:.2f} / {f.mrr:.2f}" for name, f in ELSEWHERE[dataset].items())
            notes.append(f"{dataset_title(dataset)}, Hit@20 / MRR@20 that other papers report of their systems: {figures}.")
    return Table(
        "table_1",
        "Table I: all systems",
        [Column("System"), *score_columns(with_best=True)],
        printed,
        notes=[
            "Test metrics in percent, mean and sample standard deviation over seeds; - is missing. "
            "Refit: retrained on training + validation for the number of epochs that validation chose.",
            "Bold: significantly better than the best other model of the same refit or, where all are one model, than the "
            f"second best ({how_tested('pairs of systems')}).",
            *notes,
            f"Paper: {PAPER}.",
        ],
    )


def accuracy_significance(section: AccuracySection) -> list[list[Cell]]:
    """The best of a dataset, then TAGNN++ as recommended, against every other system of the same refit, in each score."""
    found = []
    for score in SCORES:
        for refit in (False, True):
            for first, other in _told_pairs(section.rows, score, refit):
                cells = significance_cells(section.rows, section.comparisons, score, first, other)
                found += [cells] if cells else []
    return found


def _told_pairs(rows: Sequence[ScoreRow], score: str, refit: bool) -> list[tuple[int, int]]:
    """The best and TAGNN++ as recommended with every other row, best first, each pair once."""
    order = best_first(rows, score, refit)
    firsts = [row for row in order if row == order[0] or rows[row].system.title == RECOMMENDED]
    return [(first, other) for place, first in enumerate(firsts) for other in order if other not in firsts[: place + 1]]


def _pairs(rows: Sequence[ScoreRow]) -> list[tuple[int, int]]:
    """Every two rows that learnt from the same sessions.

    All are corrected for, because which row is best and which is second is known from the test sequences only.
    """
    return [(i, j) for i, j in combinations(range(len(rows)), 2) if rows[i].is_refit == rows[j].is_refit]


def best_first(rows: Sequence[ScoreRow], score: str, refit: bool) -> list[int]:
    """Numbers of the rows with or without refit that are not missing, best mean first."""
    means = {
        index: mean for index, row in enumerate(rows) if row.is_refit == refit and (mean := row.mean(score)) is not None
    }
    return sorted(means, key=lambda index: (-means[index], index))


def significantly_best(rows: Sequence[ScoreRow], comparisons: Comparisons, score: str) -> list[int]:
    """Rows that are significantly better than the best other model of the same refit; variants are no rivals to it.

    Where all rows are of one model, they are.
    """
    found = []
    for refit in (False, True):
        ranking = best_first(rows, score, refit)
        if not ranking:
            continue
        first, *others = ranking
        rivals = [index for index in others if rows[index].system.model != rows[first].system.model] or others
        comparison = comparisons.get((first, rivals[0], score)) if rivals else None
        if comparison is not None and comparison.is_significant and comparison.difference > 0:
            found.append(first)
    return found


def _rows(measured: MeasuredData) -> list[ScoreRow]:
    paper = TABLE_ONE.get(measured.runs.dataset, {})
    rows: list[ScoreRow] = []
    for system in _systems(measured.runs):
        rows += rows_of_system(measured, system, paper.get(system.model))
    is_published = bool(paper)
    return [row for row in rows if is_published or row.runs]


def _systems(data: DataRuns) -> list[System]:
    """Table I's systems, and before TAGNN++ those that it does not have."""
    others = [runs.system for runs in data.systems if runs.system not in SYSTEMS and not runs.system.changes]
    extra = sorted(others, key=lambda system: system.title)
    extra = [system for index, system in enumerate(extra) if system not in extra[:index]]  # without and with refit
    systems = [*SYSTEMS, *extra]
    return sorted(systems, key=lambda system: (system.model == "TAGNNPP", system.title == RECOMMENDED))

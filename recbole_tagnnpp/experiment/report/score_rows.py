"""What Tables I and II share: rows of systems, their scores, and the table of tests behind them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from recbole_tagnnpp.experiment.report.comparisons import ALPHA, Comparisons, TestableSection
from recbole_tagnnpp.experiment.report.formats import MINUS, Cell, Column
from recbole_tagnnpp.experiment.report.paper_figures import Figures, data_title, dataset_title
from recbole_tagnnpp.experiment.report.sequence_data import MeasuredData, SequenceResults
from recbole_tagnnpp.experiment.report.systems import SCORES, DataRuns, SystemRuns
from recbole_tagnnpp.experiment.statistics.seeds import mean_and_deviation
from recbole_tagnnpp.experiment.systems import System

SCORE_TITLES = {"hit@20": "Hit@20", "mrr@20": "MRR@20"}
WITH_REFIT = ", refit"
"""End of the labels of rows whose models were retrained."""


@dataclass(frozen=True)
class ScoreRow:
    """A row of Table I or II.

    Attributes:
        system: what it is.
        runs: its runs, ``None`` where it is missing.
        results: of each test sequence, ``None`` where they were not kept.
        paper: published figures.
    """

    system: System
    runs: SystemRuns | None
    results: SequenceResults | None
    paper: Figures | None

    @property
    def label(self) -> str:
        """Title, with ``refit`` where the models were retrained."""
        return self.system.title + (WITH_REFIT if self.is_refit else "")

    @property
    def is_refit(self) -> bool:
        """Whether the models were retrained on training + validation."""
        return self.runs is not None and self.runs.refit

    def mean(self, score: str) -> float | None:
        """Mean over seeds, in percent."""
        return mean_and_deviation(self.values(score))[0] if self.runs else None

    def values(self, score: str) -> list[float]:
        """Score of each seed, in percent."""
        return [record.test_result[score] for record in self.runs.records] if self.runs else []


def rows_of_system(measured: MeasuredData, system: System, paper: Figures | None) -> list[ScoreRow]:
    """One row without and one with refit, as far as there are runs; a single missing row if there are none."""
    runs = sorted(measured.runs.of(system), key=lambda runs: runs.refit)
    if not runs:
        return [ScoreRow(system, None, None, paper)]
    return [ScoreRow(system, of, measured.results_of(of), paper) for of in runs]


def section_title(data: DataRuns) -> str:
    """Name of a dataset, and of its data where there are runs on more than one preparation of it."""
    return data_title(data.dataset, data.checksum, data.is_only)


def how_tested(comparisons: str) -> str:
    """How significance is told, for the note of a table that is about these comparisons."""
    return f"paired permutation test over sessions, alpha {ALPHA}, Holm-corrected for all {comparisons} of this table"


def testable(measured: MeasuredData, rows: Sequence[ScoreRow], pairs: Sequence[tuple[int, int]]) -> TestableSection | None:
    """What can be tested of a section: pairs of which both rows have results."""
    results = {index: row.results for index, row in enumerate(rows) if row.results is not None}
    tested = [(i, j) for i, j in pairs if i in results and j in results]
    return TestableSection(results, measured.facts.session, tested) if measured.facts is not None else None


def score_columns(with_best: bool = False) -> list[Column]:
    """Seeds, refit, and each score with the paper's beside it."""
    columns = [Column("Seeds", decimals=0), Column("Refit")]
    for title in SCORE_TITLES.values():
        columns.append(Column(title, decimals=2, with_deviation=True, with_best=with_best))
        columns.append(Column(f"{title} (paper)", decimals=2))
    return columns


def score_cells(rows: Sequence[ScoreRow], best: Mapping[str, Collection[int]] | None = None) -> list[list[Cell]]:
    """For each row the cells of :func:`score_columns`.

    Args:
        rows: of a section.
        best: score to the rows that are bold in it.
    """
    table = []
    for index, row in enumerate(rows):
        cells = [Cell(len(row.runs.records) if row.runs else None)]
        cells.append(Cell(("yes" if row.runs.refit else "no") if row.runs else None))
        for score in SCORES:
            mean, deviation = mean_and_deviation(row.values(score)) if row.runs else (None, None)
            cells.append(Cell(mean, deviation, is_best=best is not None and index in best[score]))
            cells.append(Cell(getattr(row.paper, score.split("@")[0], None)))
        table.append(cells)
    return table


def untested_note(title: str, measured: MeasuredData, rows: Sequence[ScoreRow]) -> list[str]:
    """Which rows of a section no test was possible for, and why."""
    labels = [row.label for row in rows if row.runs is not None and row.results is None]
    if not labels:
        return []
    reason = "whose records have no ranks of the test targets"
    if measured.facts is None:
        reason = "as nothing beside their records says which test sequences are of one session (test_sequences-*.npz)"
    return [f"{title}: no test possible for {', '.join(labels)}, {reason}."]


def precision_note(title: str, rows: Sequence[ScoreRow]) -> list[str]:
    """Which rows of a section have runs with rounded matrix products."""
    labels: dict[str, list[str]] = {}
    for row in rows:
        for record in row.runs.records if row.runs else ():
            precision = record.config.get("target_attention_precision", "float32")
            if precision != "float32" and row.label not in labels.setdefault(precision, []):
                labels[precision].append(row.label)
    return [
        f"{title}: {precision} products of target attention in {', '.join(named)}."
        for precision, named in sorted(labels.items())
    ]


def data_notes(all_data: Sequence[DataRuns]) -> list[str]:
    """Says where runs on differently prepared data are kept apart."""
    names = sorted({data.dataset for data in all_data if not data.is_only})
    return [
        f"{dataset_title(name)}: there are runs on different preparations of the data; each has a section of its own, here "
        "or of other runs, and they are not comparable."
        for name in names
    ]


SIGNIFICANCE_COLUMNS = (
    Column("Score"),
    Column("System"),
    Column("Against"),
    Column("Difference", decimals=2, signed=True, with_mark=True),
    Column("95% interval"),
    Column("p"),
    Column("p (Holm)"),
)


def significance_cells(
    rows: Sequence[ScoreRow], comparisons: Comparisons, score: str, first: int, second: int
) -> list[Cell] | None:
    """One row of the table of tests, ``None`` where the two were not tested."""
    comparison = comparisons.get((first, second, score))
    if comparison is None:
        return None
    return [
        Cell(SCORE_TITLES[score]),
        Cell(rows[first].label),
        Cell(rows[second].label),
        Cell(comparison.difference, is_marked=comparison.is_significant),
        Cell(f"{_signed(comparison.low)} to {_signed(comparison.high)}"),
        Cell(p_text(comparison.p)),
        Cell(p_text(comparison.corrected_p)),
    ]


def p_text(p: float) -> str:
    """Four decimals, or what they cannot show."""
    return f"{p:.4f}" if p >= 0.00005 else "< 0.0001"


def _signed(points: float) -> str:
    return f"{round(points, 2) + 0.0:+.2f}".replace("-", MINUS)

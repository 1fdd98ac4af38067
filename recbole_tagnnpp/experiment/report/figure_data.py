"""What the figures show, as rounded numbers: written as CSV beside each figure, and all that the drawing sees.

Rounding comes first, so that a figure depends on the records alone and not on the processor that adds the numbers up.
"""

import csv
import hashlib
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from recbole_tagnnpp.experiment.report.accuracy_table import AccuracySection
from recbole_tagnnpp.experiment.report.group_tables import GroupedSection, group_words
from recbole_tagnnpp.experiment.report.records import RunRecord
from recbole_tagnnpp.experiment.report.score_rows import WITH_REFIT, ScoreRow
from recbole_tagnnpp.experiment.systems import TABLE_ONE

MARK = "made by recbole_tagnnpp report; data sha256 "
"""Start of the description inside every drawing; the digest of the figure's data follows."""
PERCENT_DECIMALS = 3
Row = tuple[Any, ...]


@dataclass(frozen=True)
class FigureData:
    """One figure.

    Attributes:
        name: of its files, ``<kind>-<dataset>``.
        kind: ``scatter``, ``learning_curves``, ``training_time``, ``by_session_length`` or ``by_popularity``.
        title: heading.
        description: a sentence for those who cannot see it.
        columns: names of the values of a row.
        rows: values.
        order: labels of systems, which decide how they look; those of Table I look the same for all datasets.
        groups: words of each group, for figures by group.
    """

    name: str
    kind: str
    title: str
    description: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    order: tuple[str, ...]
    groups: tuple[str, ...] = field(default=())

    def to_csv(self) -> str:
        """The rows."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([self.columns, *self.rows])
        return text.getvalue()

    @property
    def digest(self) -> str:
        """SHA-256 of everything that the drawing sees."""
        return hashlib.sha256(repr([self.kind, self.title, self.to_csv(), self.order, self.groups]).encode()).hexdigest()


def figures_of(
    sections: Sequence[AccuracySection], by_length: Sequence[GroupedSection], by_popularity: Sequence[GroupedSection]
) -> list[FigureData]:
    """Every figure that the records give, dataset by dataset; those without a number are left out."""
    figures = []
    for section in sections:
        figures += [_scatter(section), _learning_curves(section), _training_time(section)]
        figures += [_grouped(here, "by_session_length", "session length") for here in by_length if here.section is section]
        figures += [_grouped(here, "by_popularity", "popularity") for here in by_popularity if here.section is section]
    return [figure for figure in figures if figure.rows]


def _scatter(section: AccuracySection) -> FigureData:
    """Fig. 3: Hit@20 against MRR@20, as measured and the paper's."""
    rows: list[Row] = []
    published: dict[str, ScoreRow] = {}
    for row in section.rows:
        hit, mrr = row.mean("hit@20"), row.mean("mrr@20")
        if hit is not None and mrr is not None:
            rows.append((row.label, "measured", _percent(hit), _percent(mrr)))
        if row.paper is not None and _is_better_known(row, published.get(row.system.model)):
            published[row.system.model] = row  # one model, one published point
    rows += [(row.label, "paper", row.paper.hit, row.paper.mrr) for row in published.values() if row.paper is not None]
    is_measured = any(row[1] == "measured" for row in rows)
    description = "Hit@20 against MRR@20 of each system, measured and as the paper has it."
    columns = ("system", "source", "hit@20", "mrr@20")
    return _figure(section, "scatter", "Hit@20 and MRR@20", description, columns, rows if is_measured else [])


def _is_better_known(row: ScoreRow, other: ScoreRow | None) -> bool:
    """Whether a published point belongs to a row rather than to another of the same model: to one that was measured."""
    return other is None or (other.runs is None and row.runs is not None and row.system in TABLE_ONE)


def _learning_curves(section: AccuracySection) -> FigureData:
    """The selection of each system; that of a run with refit is shown only where there is none without."""
    rows: list[Row] = []
    plain = {row.system.title for row in section.rows if row.runs and not row.is_refit}
    for row in section.rows:
        if row.is_refit and row.system.title in plain:
            continue
        for record in row.runs.records if row.runs else ():
            if len(record.epochs) < 2:  # no curve: a model that counts, say
                continue
            rows += [
                (row.label, record.seed, epoch.epoch + 1, _percent(hit), _percent(mrr))
                for epoch in record.epochs
                if (hit := epoch.valid_result.get("hit@20")) is not None
                and (mrr := epoch.valid_result.get("mrr@20")) is not None
            ]
    description = "Hit@20 and MRR@20 on validation data after each epoch, a line for each seed."
    columns = ("system", "seed", "epoch", "validation hit@20", "validation mrr@20")
    return _figure(section, "learning_curves", "Learning curves (validation)", description, columns, rows)


def _training_time(section: AccuracySection) -> FigureData:
    """Means over the seeds that one machine trained: of test MRR@20, and of the minutes spent in training epochs."""
    rows: list[Row] = []
    for row in section.rows:
        by_machine: dict[str, list[RunRecord]] = {}
        for record in row.runs.records if row.runs else ():
            by_machine.setdefault(_machine(record), []).append(record)
        for machine, records in by_machine.items():
            minutes = fmean(record.train_seconds for record in records) / 60.0
            mrr = fmean(record.test_result["mrr@20"] for record in records)
            rows.append((row.label, _significant(max(minutes, 1e-6)), _percent(mrr), machine))
    description = "Test MRR@20 against minutes of training, a point for each kind of machine that trained a system."
    columns = ("system", "minutes", "mrr@20", "machine")
    return _figure(section, "training_time", "Accuracy against training time", description, columns, rows)


def _grouped(here: GroupedSection, kind: str, by: str) -> FigureData:
    rows: list[Row] = []
    for label, of_groups in here.percents():
        for group, (hit, mrr) in zip(here.groups, of_groups, strict=True):
            if hit is not None and mrr is not None:
                rows.append((label, group.name, _percent(hit), _percent(mrr)))
    description = f"Test Hit@20 and MRR@20 of each system by {by}."
    columns = ("system", "group", "hit@20", "mrr@20")
    words = tuple(group_words(group) for group in here.groups)
    return _figure(here.section, kind, f"Accuracy by {by}", description, columns, rows, words)


def _figure(
    section: AccuracySection,
    kind: str,
    title: str,
    description: str,
    columns: tuple[str, ...],
    rows: Sequence[Row],
    groups: tuple[str, ...] = (),
) -> FigureData:
    data = section.measured.runs
    suffix = "" if data.is_only or data.checksum is None else f"-{data.checksum[:8]}"
    name = f"{kind}-{re.sub(r'[^A-Za-z0-9_.-]', '_', data.dataset)}{suffix}"
    titles = [system.title for system in TABLE_ONE]
    order = tuple(dict.fromkeys([*titles, *(title + WITH_REFIT for title in titles), *(row.label for row in section.rows)]))
    return FigureData(name, kind, f"{title}, {section.title}", description, columns, tuple(rows), order, groups)


def _machine(record: RunRecord) -> str:
    """The GPU, or the processor and its threads."""
    machine = record.machine
    n_threads = machine.get("torch_threads")
    threads = f", {n_threads} thread{'' if n_threads == 1 else 's'}" if machine.get("device") == "cpu" else ""
    return f"{machine.get('gpu') or machine.get('processor', 'unknown')}{threads}"


def _percent(value: float) -> float:
    return round(value, PERCENT_DECIMALS) + 0.0


def _significant(value: float) -> float:
    """Three significant digits."""
    return round(value, 2 - math.floor(math.log10(value)))

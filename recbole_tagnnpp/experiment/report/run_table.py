"""The runs that belong to no row of the other tables, and what keeps them from one."""

from collections.abc import Sequence

from recbole_tagnnpp.experiment.report.formats import Cell, Column, Section, Table
from recbole_tagnnpp.experiment.report.paper_figures import data_title, dataset_order
from recbole_tagnnpp.experiment.report.records import RunRecord
from recbole_tagnnpp.experiment.report.systems import SCORES, OtherRun, is_prepared_once


def other_runs_table(others: Sequence[OtherRun], records: Sequence[RunRecord]) -> Table:
    """One row for each run, by the data that it learnt from.

    Args:
        others: the runs.
        records: all runs; they tell whether a dataset was prepared in one way only.
    """
    sections = []
    learnt = {(other.record.dataset, other.record.checksum) for other in others}
    for dataset, checksum in sorted(learnt, key=lambda data: (*dataset_order(data[0]), data[1])):
        rows = [
            [
                Cell(other.record.name.split("/", 1)[1]),
                Cell(other.reason),
                Cell(len(other.record.epochs)),
                *(Cell(other.record.valid_result.get(score)) for score in SCORES),
                *(Cell(other.record.test_result.get(score)) for score in SCORES),
            ]
            for other in others
            if (other.record.dataset, other.record.checksum) == (dataset, checksum)
        ]
        sections.append(Section(data_title(dataset, checksum, is_prepared_once(dataset, records)), rows))
    return Table(
        "other_runs",
        "Other runs",
        [
            Column("Run"),
            Column("Nearest row"),
            Column("Epochs", decimals=0),
            Column("Validation Hit@20", decimals=2),
            Column("Validation MRR@20", decimals=2),
            Column("Test Hit@20", decimals=2),
            Column("Test MRR@20", decimals=2),
        ],
        sections or [Section("", [])],
        notes=["Runs whose settings are not those of a row of the other tables; percent."],
    )

"""The runs that belong to no row of the other tables, and what keeps them from one."""

from collections.abc import Sequence

from recbole_tagnnpp.experiment.report.formats import Cell, Column, Section, Table
from recbole_tagnnpp.experiment.report.paper_figures import dataset_order, dataset_title
from recbole_tagnnpp.experiment.report.systems import SCORES, OtherRun


def other_runs_table(others: Sequence[OtherRun]) -> Table:
    """One row for each run, by dataset."""
    sections = []
    for dataset in sorted({other.record.dataset for other in others}, key=dataset_order):
        rows = [
            [
                Cell(other.record.name.split("/", 1)[1]),
                Cell(other.reason),
                Cell(len(other.record.epochs)),
                *(Cell(other.record.valid_result.get(score)) for score in SCORES),
                *(Cell(other.record.test_result.get(score)) for score in SCORES),
            ]
            for other in others
            if other.record.dataset == dataset
        ]
        sections.append(Section(dataset_title(dataset), rows))
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

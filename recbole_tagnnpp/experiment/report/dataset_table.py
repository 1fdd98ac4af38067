"""Table III: the data that the runs used, beside the published figures."""

from collections.abc import Sequence

from recbole_tagnnpp.data.statistics import PUBLISHED, ROWS
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.report.formats import Cell, Column, Section, Table
from recbole_tagnnpp.experiment.report.paper_figures import PAPER, dataset_order, dataset_title
from recbole_tagnnpp.experiment.report.records import RunRecord


def dataset_table(records: Sequence[RunRecord]) -> Table:
    """Table III of every dataset that has a record.

    Args:
        records: all of them, also those that belong to no row of the other tables.

    Raises:
        UserError: two records disagree about the same data.
    """
    of_data: dict[tuple[str, str], dict[str, float]] = {}
    source: dict[tuple[str, str, str], RunRecord] = {}
    for record in records:
        known = of_data.setdefault((record.dataset, record.checksum), {})
        for key, value in _statistics(record).items():
            first = source.setdefault((record.dataset, record.checksum, key), record)
            if known.setdefault(key, value) != value:
                raise UserError(
                    f"{record.path}: data.statistics.{key} is {value:g}, but {first.path.name} says {known[key]:g} "
                    "of data with the same checksum"
                )
    sections = []
    for dataset in sorted({dataset for dataset, _ in of_data}, key=dataset_order):
        rows = [
            [Cell(f"measured, data {checksum[:8]}"), *(Cell(known.get(key)) for key in ROWS)]
            for (name, checksum), known in sorted(of_data.items())
            if name == dataset
        ]
        for title, figures in PUBLISHED.get(dataset, {}).items():
            rows.append([Cell(title), *(Cell(figures[key]) for key in ROWS)])
        sections.append(Section(dataset_title(dataset), rows))
    return Table(
        "table_3",
        "Table III: datasets",
        [
            Column("Source"),
            *(
                Column(title.capitalize(), decimals=2 if key == "average_length" else 0, with_thousands=True)
                for key, title in ROWS.items()
            ),
        ],
        sections,
        notes=[
            "Train sequences include those held out for validation; the average length counts the target. "
            "The number after data is the beginning of the checksum of the prepared files.",
            f"Paper: {PAPER}.",
        ],
    )


def _statistics(record: RunRecord) -> dict[str, float]:
    """The row of Table III, or what a record of an earlier version says of it."""
    counted: dict[str, float] = {"training_sequences": record.known_sequences, "test_sequences": record.test_sequences}
    if record.statistics is None:
        return counted
    return {key: record.statistics[key] for key in ROWS if key in record.statistics}

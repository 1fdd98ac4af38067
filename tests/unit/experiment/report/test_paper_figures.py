"""The paper's figures are those in the paper's text."""

import re
from pathlib import Path

import pytest

from recbole_tagnnpp.data.statistics import PUBLISHED
from recbole_tagnnpp.experiment.report.paper_figures import TABLE_ONE, TABLE_TWO, Figures
from recbole_tagnnpp.experiment.systems import TABLE_ONE as SYSTEMS
from recbole_tagnnpp.experiment.systems import ablations
from tests.conftest import REPOSITORY

PAPER_TEXT = REPOSITORY.parent / "shared" / "paper" / "tagnnpp.txt"
IN_PAPER = {"GRU4REC": "GRU4Rec", "SR-GNN": "SRGNN", "GC-SAN": "GCSAN", "TAGNN++": "TAGNNPP"}


@pytest.fixture
def lines() -> list[list[str]]:
    """Rows of the paper's tables, cell by cell."""
    if not Path(PAPER_TEXT).is_file():
        pytest.skip(f"the paper's text is not at {PAPER_TEXT}")
    text = re.sub(r"</?b>| \[\d+\]", "", PAPER_TEXT.read_text(encoding="utf-8"))
    return [line.split("\t") for line in text.splitlines() if line.count("\t") >= 4]


def figures_in(lines: list[list[str]]) -> dict[str, tuple[Figures, Figures]]:
    rows = {}
    for name, *cells in lines:
        if len(cells) == 4 and all(re.fullmatch(r"\d+\.\d\d", cell) for cell in cells):
            hit_y, mrr_y, hit_d, mrr_d = map(float, cells)
            rows[name] = (Figures(hit_y, mrr_y), Figures(hit_d, mrr_d))
    return rows


def test_tables_one_and_two(lines: list[list[str]]) -> None:
    found = figures_in(lines)
    for place, dataset in enumerate(("yoochoose1_64", "diginetica")):
        of_dataset = {IN_PAPER.get(name, name): figures[place] for name, figures in found.items()}
        assert TABLE_ONE[dataset] | TABLE_TWO[dataset] == of_dataset
    assert len(found) == 13


def test_table_three(lines: list[list[str]]) -> None:
    for name, dataset in (("Diginetica", "diginetica"), ("Yoochoose 1/64", "yoochoose1_64")):
        (cells,) = [line[1:] for line in lines if line[0] == name]
        assert [float(cell) for cell in cells] == list(PUBLISHED[dataset]["paper"].values())


def test_every_published_row_is_a_row_of_ours() -> None:
    for dataset in TABLE_ONE:
        assert TABLE_ONE[dataset].keys() <= {system.model for system in SYSTEMS}
        for preset in ("paper", "recommended"):
            assert TABLE_TWO[dataset].keys() <= {system.title for system in ablations(preset, dataset)}

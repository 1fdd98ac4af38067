"""Comparisons of the rows of a table."""

from itertools import combinations

import numpy as np
import pytest

from recbole_tagnnpp.experiment.report import comparisons
from recbole_tagnnpp.experiment.report.comparisons import ALPHA, TestableSection, compare_rows
from recbole_tagnnpp.experiment.report.sequence_data import SequenceResults
from recbole_tagnnpp.experiment.statistics.holm import holm
from recbole_tagnnpp.experiment.statistics.sequence_results import hits, reciprocal_ranks
from tests.unit.experiment.report.synthetic_records import make_facts, make_ranks

FACTS = make_facts(47)


def results(skill: float, seed: int) -> SequenceResults:
    ranks = make_ranks(FACTS, skill, seed)
    return SequenceResults(hits(ranks, 20), reciprocal_ranks(ranks, 20))


def section(of: dict[int, SequenceResults], *pairs: tuple[int, int]) -> TestableSection:
    return TestableSection(of, FACTS.session, pairs)


def test_the_pairs_of_each_section_either_way_round() -> None:
    first = section({0: results(0.0, 1), 3: results(0.5, 2), 7: results(2.0, 3)}, (0, 3), (7, 0), (3, 7))
    second = section({1: results(0.0, 4), 2: results(0.1, 5)}, (1, 2))
    compared = compare_rows([first, None, second])
    assert {(i, j) for i, j, _ in compared[0]} == {(0, 3), (3, 0), (0, 7), (7, 0), (3, 7), (7, 3)}
    assert compared[1] == {}
    assert {(i, j) for i, j, _ in compared[2]} == {(1, 2), (2, 1)}
    forward, back = compared[0][7, 0, "mrr@20"], compared[0][0, 7, "mrr@20"]
    assert forward.difference == pytest.approx(100 * (results(2.0, 3).mrr.mean() - results(0.0, 1).mrr.mean()), abs=1e-6)
    assert (back.difference, back.low, back.high) == (-forward.difference, -forward.high, -forward.low)
    assert forward.low < forward.difference < forward.high
    assert forward.is_significant


def test_correction_is_over_all_pairs_and_both_scores_of_the_table() -> None:
    sections = [section({0: results(0.0, 1), 1: results(0.3, 2), 2: results(0.5, 3)}, (0, 1), (0, 2), (1, 2))] * 2
    compared = compare_rows(sections)
    found = [(c.p, c.corrected_p) for section in compared for (i, j, _), c in section.items() if i < j]
    assert len(found) == 12
    assert [p for _, p in found] == holm(np.array([p for p, _ in found])).tolist()
    assert any(p < ALPHA <= corrected for p, corrected in found)  # the correction decides


def test_what_is_not_asked_for_is_neither_compared_nor_corrected_for() -> None:
    three = {0: results(0.0, 1), 1: results(0.3, 2), 2: results(0.5, 3)}
    (few,), (all_pairs,) = compare_rows([section(three, (0, 1))]), compare_rows([section(three, (0, 1), (0, 2), (1, 2))])
    assert {(i, j) for i, j, _ in few} == {(0, 1), (1, 0)}
    assert few[0, 1, "mrr@20"].p == all_pairs[0, 1, "mrr@20"].p
    assert few[0, 1, "mrr@20"].corrected_p < all_pairs[0, 1, "mrr@20"].corrected_p


def test_the_smallest_p_survives_the_correction_of_many_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparisons, "FEWEST_FLIPS", 99)
    sections = [section({row: results(2.0 * row, row) for row in range(9)}, *combinations(range(9), 2))] * 3
    compared = compare_rows(sections)
    n_comparisons = 3 * 2 * 36
    assert n_comparisons / 100 > ALPHA  # so few flips would not do
    assert compared[0][8, 0, "mrr@20"].corrected_p < ALPHA


def test_nothing_to_compare() -> None:
    assert compare_rows([]) == []
    assert compare_rows([None, section({4: results(0, 1)})]) == [{}, {}]

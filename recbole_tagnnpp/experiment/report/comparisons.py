"""Paired comparisons of the rows of a table, corrected for their number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recbole_tagnnpp.experiment.report.sequence_data import SequenceResults
from recbole_tagnnpp.experiment.report.systems import SCORES
from recbole_tagnnpp.experiment.statistics.holm import holm
from recbole_tagnnpp.experiment.statistics.paired_bootstrap import difference_intervals
from recbole_tagnnpp.experiment.statistics.paired_permutation import sign_flip_p_values
from recbole_tagnnpp.experiment.statistics.sequence_results import FloatArray, IntArray, SessionSums

ALPHA = 0.05
SEED = 2020
N_RESAMPLES = 10_000
FEWEST_FLIPS = 99_999
"""A p-value of 0.001, which Holm's correction can bring to alpha, is then known to a tenth of itself."""


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same test sequences, in one metric.

    Attributes:
        difference: first minus second, in points (percent).
        low, high: its 95% interval.
        p: that they are equally good.
        corrected_p: Holm-corrected over all comparisons of the table.
    """

    difference: float
    low: float
    high: float
    p: float
    corrected_p: float

    @property
    def is_significant(self) -> bool:
        """Whether the corrected p-value is below alpha."""
        return self.corrected_p < ALPHA

    def reversed(self) -> "Comparison":
        """Second minus first."""
        return Comparison(-self.difference, -self.high, -self.low, self.p, self.corrected_p)


@dataclass(frozen=True)
class TestableSection:
    """What the tests of one section need.

    Attributes:
        results: row number to results.
        session: [N] session numbers of the test sequences.
        pairs: rows to compare, (i, j) or (j, i) of a pair.
    """

    __test__ = False  # not a test, whatever pytest thinks of its name

    results: Mapping[int, SequenceResults]
    session: IntArray
    pairs: Sequence[tuple[int, int]]


Comparisons = dict[tuple[int, int, str], Comparison]
"""Rows i and j of a section and a metric to the comparison; both (i, j) and (j, i) are there."""


def compare_rows(sections: Sequence[TestableSection | None]) -> list[Comparisons]:
    """Test all pairs of all sections, and correct for their number in both scores.

    The number of random sign flips grows with the number of comparisons, so that the smallest possible p-value stays
    small enough to survive the correction.

    Args:
        sections: of one table; ``None`` where no test is possible.

    Returns:
        For each section its comparisons, empty where there are none.
    """
    pairs_of = [section.pairs if section else [] for section in sections]
    n_comparisons = len(SCORES) * sum(len(pairs) for pairs in pairs_of)
    n_flips = max(FEWEST_FLIPS, int(np.ceil(2 * n_comparisons / ALPHA)))
    found: list[Comparisons] = []
    keys: list[tuple[int, int, int, str]] = []
    raw: list[tuple[float, float, float, float]] = []
    for number, (section, pairs) in enumerate(zip(sections, pairs_of, strict=True)):
        found.append({})
        if section is None or not pairs:
            continue
        p, intervals, means = _test(section, pairs, n_flips)
        for index, (metric, (i, j)) in enumerate((metric, pair) for metric in SCORES for pair in pairs):
            keys.append((number, i, j, metric))
            raw.append((means[index], intervals[index, 0], intervals[index, 1], p[index]))
    corrected = holm(np.array([entry[3] for entry in raw]))
    for (number, i, j, metric), (difference, low, high, p_value), adjusted in zip(keys, raw, corrected, strict=True):
        comparison = Comparison(100.0 * difference, 100.0 * low, 100.0 * high, float(p_value), float(adjusted))
        found[number][i, j, metric] = comparison
        found[number][j, i, metric] = comparison.reversed()
    return found


def _test(
    section: TestableSection, pairs: Sequence[tuple[int, int]], n_flips: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """p-values, intervals and differences of all pairs in the first metric, then in the second."""
    rows = sorted(section.results)
    columns = [section.results[row].of(metric) for metric in SCORES for row in rows]
    sums = SessionSums.of(columns, section.session)
    place = {row: index for index, row in enumerate(rows)}
    column_pairs = np.array(
        [(place[i] + m * len(rows), place[j] + m * len(rows)) for m in range(len(SCORES)) for i, j in pairs]
    )
    p = sign_flip_p_values(sums.sums, column_pairs, n_flips, SEED)
    intervals = difference_intervals(sums, column_pairs, N_RESAMPLES, SEED)
    means = sums.sums.sum(axis=0) / sums.sizes.sum()
    return p, intervals, means[column_pairs[:, 0]] - means[column_pairs[:, 1]]

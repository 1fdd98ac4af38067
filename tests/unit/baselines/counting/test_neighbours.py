"""The search for neighbours, by hand."""

import numpy as np
import pytest
from scipy import sparse

from recbole_tagnnpp.baselines.counting.neighbours import NeighbourSearch
from recbole_tagnnpp.baselines.counting.ties import settle_ties

OCCURRENCES = sparse.csr_array(
    np.array(
        [
            # items 0 to 4
            [0, 1, 1, 0, 0],
            [0, 0, 0, 1, 0],
            [0, 1, 1, 1, 0],
            [0, 0, 0, 0, 1],
            [0, 0, 0, 1, 0],
        ],
        dtype=float,
    )
)


def nearest(weights: list[float], sample_size: int | None, n_neighbours: int, factors: list[float] | None = None) -> list:
    found = NeighbourSearch(OCCURRENCES, sample_size).nearest(
        sparse.csr_array(np.array([weights])), None if factors is None else np.array(factors), n_neighbours
    )
    assert found.row.tolist() == [0] * len(found.session)
    return list(zip(found.session.tolist(), found.similarity.tolist(), strict=True))


def test_most_similar_first_and_of_equals_the_most_recent() -> None:
    assert nearest([0, 1, 0, 2, 0], None, 9) == [(2, 3.0), (4, 2.0), (1, 2.0), (0, 1.0)]
    assert nearest([0, 1, 0, 2, 0], None, 2) == [(2, 3.0), (4, 2.0)]


def test_only_the_most_recent_candidates_are_compared() -> None:
    assert nearest([0, 4, 0, 2, 0], 2, 9) == [(2, 6.0), (4, 2.0)]
    assert nearest([0, 4, 0, 2, 0], 3, 9) == [(2, 6.0), (4, 2.0), (1, 2.0)]
    assert nearest([0, 4, 0, 2, 0], 1, 9) == [(4, 2.0)]


def test_similarities_that_are_equal_on_paper_are_a_tie() -> None:
    assert 0.1 + 0.2 > 0.3
    found = nearest([0, 0.1, 0.2, 0.3, 0], None, 9, [1, 1, 0, 1, 1])
    assert [session for session, _ in found] == [4, 1, 0]


def test_sessions_whose_factor_is_nothing_are_no_neighbours() -> None:
    assert nearest([0, 1, 0, 2, 0], None, 9, [1, 0, 1, 1, 0.5]) == [(2, 3.0), (4, 1.0), (0, 1.0)]


def test_session_without_any_neighbour() -> None:
    assert nearest([1, 0, 0, 0, 0], 3, 9) == []


@pytest.mark.parametrize("value", [1.0, 3.0, 1e-300, 5e-324, 7e300, 2.0**31 - 1, 0.0])
def test_small_whole_numbers_and_extremes_stay(value: float) -> None:
    assert settle_ties(np.array([value])) == pytest.approx(value, rel=1e-12, abs=0)
    if value == round(value) and value < 2**40:
        assert settle_ties(np.array([value]))[0] == value


def test_ties_are_settled_and_differences_kept() -> None:
    values = settle_ties(np.array([0.1 + 0.2, 0.3, 0.3 * (1 + 1e-11), 3 * 0.1]))
    assert values[0] == values[1] == values[3] != values[2]

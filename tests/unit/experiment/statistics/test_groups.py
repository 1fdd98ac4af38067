"""Groups of test sequences."""

import numpy as np

from recbole_tagnnpp.experiment.statistics.groups import groups_by_length, groups_by_popularity, session_lengths

QUARTERS = ("rarest", "rare", "frequent", "most frequent")


def test_lengths_are_those_of_whole_sessions() -> None:
    assert session_lengths(np.array([4, 4, 9, 4, 1])).tolist() == [4, 4, 2, 4, 2]


def test_boundaries_of_short_medium_and_long() -> None:
    sequences_of_session = [2, 3, 8, 9]  # 3, 4, 9 and 10 clicks
    session = np.repeat([11, 5, 7, 2], sequences_of_session)
    short, medium, long = groups_by_length(session)
    assert set(session[short.members]) == {11}
    assert set(session[medium.members]) == {5, 7}
    assert set(session[long.members]) == {2}
    assert (short.members.astype(int) + medium.members + long.members).tolist() == [1] * 22


def test_popularity_quarters_are_equal_where_counts_differ() -> None:
    counts = np.random.default_rng(0).permutation(np.arange(1, 41))
    groups = groups_by_popularity(counts, QUARTERS)
    assert [sorted(counts[group.members].tolist()) for group in groups] == [
        list(range(start, start + 10)) for start in (1, 11, 21, 31)
    ]
    assert [group.detail for group in groups] == ["1-10 times", "11-20 times", "21-30 times", "31-40 times"]


def test_equally_popular_targets_stay_together() -> None:
    counts = np.array([1, 5, 5, 5, 5, 5, 9, 9])
    groups = groups_by_popularity(counts, QUARTERS)
    assert [sorted(set(counts[group.members].tolist())) for group in groups] == [[1, 5], [], [], [9]]
    assert groups[1].detail == "no sequence"
    assert groups[1].mean(counts.astype(np.float64)) is None


def test_mean_of_a_group() -> None:
    (_, medium, _) = groups_by_length(np.array([1, 1, 1, 2]))
    assert medium.mean(np.array([1.0, 0.0, 0.5, 9.0])) == 0.5

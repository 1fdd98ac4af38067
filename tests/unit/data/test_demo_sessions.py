"""The committed demo log, and that it is worth learning."""

from collections import Counter, defaultdict

from recbole_tagnnpp.data.demo_sessions import demo_log
from tests.conftest import REPOSITORY

COMMITTED = REPOSITORY / "dataset" / "demo" / "demo.inter"


def test_generator_makes_the_committed_bytes() -> None:
    assert demo_log().encode() == COMMITTED.read_bytes()
    assert COMMITTED.stat().st_size < 1_000_000


def test_popularity_loses_and_the_last_two_clicks_tell_more_than_the_last_one() -> None:
    sessions: dict[str, list[str]] = defaultdict(list)
    for line in COMMITTED.read_text().splitlines()[1:]:
        session, item, _ = line.split("\t")
        sessions[session].append(item)
    everything = list(sessions.values())
    half = len(everything) // 2
    popular: Counter[str] = Counter()
    after: dict[object, Counter[str]] = defaultdict(Counter)
    for clicks in everything[:half]:
        popular.update(clicks)
        for place in range(1, len(clicks)):
            after[clicks[place - 1]][clicks[place]] += 1
            after[tuple(clicks[max(0, place - 2) : place])][clicks[place]] += 1
    top = [item for item, _ in popular.most_common(20)]
    tests = [(clicks, place) for clicks in everything[half:] for place in range(2, len(clicks))]

    def first_hits(context: int) -> float:
        right = 0
        for clicks, place in tests:
            key = clicks[place - 1] if context == 1 else tuple(clicks[place - 2 : place])
            guess = after[key].most_common(1)
            right += bool(guess) and guess[0][0] == clicks[place]
        return right / len(tests)

    assert sum(clicks[place] in top for clicks, place in tests) / len(tests) < 0.15
    assert first_hits(2) > first_hits(1) + 0.05

"""The counting baselines in plain Python loops, item lists in, score dictionaries out."""

import math
from collections import Counter


def sessions_of(sequences: list[tuple[int, list[int], int]]) -> list[list[int]]:
    """Sessions of (session number, prefix, target), in the order of their numbers: the longest prefix and its target."""
    longest: dict[int, list[int]] = {}
    for number, prefix, target in sequences:
        if len(prefix) + 1 > len(longest.get(number, [])):
            longest[number] = [*prefix, target]
    return [longest[number] for number in sorted(longest)]


def popularity(training: list[list[int]]) -> Counter:
    return Counter(item for session in training for item in session)


def rounded(score: float) -> float:
    """To 11 digits: sums of the same terms in another order are a tie."""
    return float(f"{score:.11g}")


def ranking(scores: dict[int, float], training: list[list[int]], n_items: int) -> list[int]:
    """All items 1..n_items, best first: by score (none is 0), then clicks in training, then number."""
    clicks = popularity(training)
    return sorted(range(1, n_items + 1), key=lambda item: (-rounded(scores.get(item, 0.0)), -clicks[item], item))


def session_pop(training: list[list[int]], current: list[int]) -> dict[int, float]:
    return {item: float(current.count(item)) for item in current}


def item_knn(
    training: list[list[int]], current: list[int], n_similar_items: int, shrinkage: float, n_items: int
) -> dict[int, float]:
    last = current[-1]
    similarity: dict[int, float] = {}
    n_last = sum(last in session for session in training)
    for item in range(1, n_items + 1):
        both = sum(item in session and last in session for session in training)
        if item != last and both:
            n_item = sum(item in session for session in training)
            similarity[item] = both / math.sqrt((n_last + shrinkage) * (n_item + shrinkage))
    kept = [item for item in ranking(similarity, training, n_items) if item in similarity]
    return {item: similarity[item] for item in kept[:n_similar_items]}


def candidates(training: list[list[int]], current: list[int], sample_size: int | None) -> list[int]:
    """Numbers of the most recent sessions that share an item, newest first."""
    found = [n for n in range(len(training) - 1, -1, -1) if set(training[n]) & set(current)]
    return found if sample_size is None else found[:sample_size]


def last_place(item: int, session: list[int]) -> int:
    """Place of the last click on an item, from 1."""
    place = 0
    for number, clicked in enumerate(session, start=1):
        if clicked == item:
            place = number
    return place


def most_recent_common(current: list[int], neighbour: list[int]) -> int:
    for item in reversed(current):
        if item in neighbour:
            return item
    raise AssertionError("a neighbour shares an item")


def vs_knn(training: list[list[int]], current: list[int], n_neighbors: int, sample_size: int | None) -> dict[int, float]:
    """Scores with the 1 / |s| of the similarity."""
    length = len(current)
    similarity = {
        n: sum(last_place(item, current) for item in set(current) & set(training[n])) / length
        for n in candidates(training, current, sample_size)
    }
    nearest = sorted(similarity, key=lambda n: (-rounded(similarity[n]), -n))[:n_neighbors]
    scores: dict[int, float] = {}
    for n in nearest:
        steps = 1 + list(reversed(current)).index(most_recent_common(current, training[n]))
        for item in set(training[n]):
            scores[item] = scores.get(item, 0.0) + similarity[n] / steps
    return scores


def stan(
    training: list[list[int]],
    current: list[int],
    n_neighbors: int,
    sample_size: int | None,
    lambda_1: float | None,
    lambda_2: float | None,
    lambda_3: float | None,
) -> dict[int, float]:
    """Scores with the 1 / sqrt(l(s)) of the cosine."""

    def decay(distance: int, scale: float | None) -> float:
        return 1.0 if scale is None else math.exp(-distance / scale)

    similarity = {}
    for n in candidates(training, current, sample_size):
        product = 0.0
        for item in sorted(set(current) & set(training[n])):
            product += decay(len(current) - last_place(item, current), lambda_1)
        cosine = product / (math.sqrt(len(set(current))) * math.sqrt(len(set(training[n]))))
        similarity[n] = cosine * decay(len(training) - 1 - n, lambda_2)
    nearest = sorted(similarity, key=lambda n: (-rounded(similarity[n]), -n))[:n_neighbors]
    scores: dict[int, float] = {}
    for n in nearest:
        anchor = most_recent_common(current, training[n])
        for item in set(training[n]):
            distance = abs(last_place(item, training[n]) - last_place(anchor, training[n]))
            scores[item] = scores.get(item, 0.0) + similarity[n] * decay(distance, lambda_3)
    return scores

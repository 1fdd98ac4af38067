"""SR-GNN's protocol with dictionaries, lists and loops; shares no code with the package."""

from collections import Counter
from fractions import Fraction

Click = tuple[str, str, int]  # session, item, second
SECONDS_PER_DAY = 86_400


def naive_split(
    clicks: list[Click],
    min_item_count: int,
    test_days: int,
    train_fraction: Fraction,
    session_dates: dict[str, int] | None = None,
) -> tuple[list[tuple[str, list[str]]], list[tuple[str, list[str]]]]:
    """Training and test sessions, each a session id and its items, oldest session first.

    A session's date is its last click's second, unless ``session_dates`` gives another.
    """
    log: dict[str, list[tuple[str, int]]] = {}
    for session, item, second in clicks:
        log.setdefault(session, []).append((item, second))
    sessions, dates = {}, {}
    for session, events in log.items():
        events.sort(key=lambda event: event[1])
        if len(events) > 1:
            sessions[session] = [item for item, _ in events]
            dates[session] = session_dates[session] if session_dates else events[-1][1]
    counts = Counter(item for items in sessions.values() for item in items)
    for session in list(sessions):
        sessions[session] = [item for item in sessions[session] if counts[item] >= min_item_count]
        if len(sessions[session]) < 2:
            del sessions[session]
    if not sessions:
        return [], []
    boundary = max(dates[session] for session in sessions) - test_days * SECONDS_PER_DAY
    oldest_first = sorted(sessions, key=lambda session: dates[session])
    training = [(session, sessions[session]) for session in oldest_first if dates[session] < boundary]
    known = {item for _, items in training for item in items}
    test = []
    for session in oldest_first:
        items = [item for item in sessions[session] if item in known]
        if dates[session] > boundary and len(items) > 1:
            test.append((session, items))
    # longest prefix of a session first, as SR-GNN lists them; the last share of that list is kept
    prefixes = [(session, length) for session, items in training for length in range(len(items) - 1, 0, -1)]
    kept = prefixes[len(prefixes) - int(len(prefixes) * train_fraction) :]
    longest: dict[str, int] = {}
    for session, length in kept:
        longest[session] = max(longest.get(session, 0), length)
    return [(session, items[: longest[session] + 1]) for session, items in training if session in longest], test


def naive_rows(sessions: list[tuple[str, list[str]]], max_prefix_length: int) -> list[str]:
    """Lines of an atomic file."""
    return [
        "\t".join([session, " ".join(items[max(0, place - max_prefix_length) : place]), items[place]])
        for session, items in sessions
        for place in range(1, len(items))
    ]

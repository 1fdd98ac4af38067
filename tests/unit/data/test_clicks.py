"""Visits: a pause ends a session where a log names visitors."""

import logging
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recbole_tagnnpp.data.clicks import Clicks, to_sessions
from recbole_tagnnpp.data.prepare import prepare
from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.errors import UserError

Row = tuple[str, str, float]


def clicks_of(rows: list[Row], ticks_per_second: int = 1) -> Clicks:
    """The same clicks as columns, their ids in two chunks, times in ticks."""
    ids, items, times = (list(column) for column in zip(*rows, strict=True))
    tokens = sorted(set(items))
    middle = len(ids) // 2
    return Clicks(
        pa.chunked_array([ids[:middle], ids[middle:]], pa.string()),
        np.arange(len(rows)),
        np.array([tokens.index(item) for item in items]),
        pa.array(tokens),
        np.array(times) * ticks_per_second,
        ticks_per_second,
    )


def visits_one_by_one(rows: list[Row], longest_pause: float) -> dict[str, list[list[str]]]:
    """The items of every visit of every visitor, oldest first."""
    visits: dict[str, list[list[str]]] = {}
    last: dict[str, float] = {}
    for visitor, item, time in sorted(rows, key=lambda row: row[2]):  # stable
        if visitor not in visits:
            visits[visitor] = []
        if visitor not in last or time - last[visitor] > longest_pause:
            visits[visitor].append([])
        visits[visitor][-1].append(item)
        last[visitor] = time
    return visits


def sessions_in(clicks: Clicks) -> dict[str, list[str]]:
    log = clicks.to_log()
    items = log.item_tokens.take(pa.array(log.sessions.items)).to_pylist()
    ends = log.sessions.ends
    return {name: items[ends[s] : ends[s + 1]] for s, name in enumerate(log.sessions.ids.to_pylist())}


def log_of_visitors(seed: int) -> list[Row]:
    draw = random.Random(seed)
    rows = [(f"v{draw.randrange(11)}", f"i{draw.randrange(7)}", 60.0 * draw.randrange(1_000)) for _ in range(211)]
    return rows + rows[:13]  # clicks at one time keep the order of the log


@pytest.mark.parametrize("ticks_per_second", [1, 1_000, 1_000_000_000])
@pytest.mark.parametrize("minutes", [0.5, 30, 45.0, 1_000])
def test_visits_are_those_that_one_finds_click_by_click(ticks_per_second: int, minutes: float) -> None:
    rows = log_of_visitors(seed=3)
    expected = visits_one_by_one(rows, 60 * minutes)
    assert (max(map(len, expected.values())) > 1) == (minutes < 1_000)
    clicks = clicks_of(rows, ticks_per_second)
    assert sessions_in(clicks.split_into_visits(minutes)) == {
        f"{visitor}/{number}": items for visitor, visits in expected.items() for number, items in enumerate(visits, 1)
    }
    assert sessions_in(clicks.newest_visits(minutes)) == {visitor: visits[-1] for visitor, visits in expected.items()}
    assert clicks.count_with_gap(minutes) == (
        sum(len(visits) > 1 for visits in expected.values()),
        sum(sum(map(len, visits)) > 1 for visits in expected.values()),
    )


def test_a_pause_of_just_the_gap_ends_nothing() -> None:
    rows = [("v", "a", 0.0), ("v", "b", 1_800.0), ("v", "c", 3_600.5), ("w", "d", 9_000.0)]
    assert sessions_in(clicks_of(rows).split_into_visits(30)) == {"v/1": ["a", "b"], "v/2": ["c"], "w/1": ["d"]}


def test_visitors_called_like_visits_of_others_stay_apart() -> None:
    rows = [("v", "a", 0.0), ("v", "b", 9_000.0), ("v/1", "c", 0.0), ("v/1", "d", 9_000.0)]
    assert sessions_in(clicks_of(rows).split_into_visits(30)) == {
        "v/1": ["a"],
        "v/2": ["b"],
        "v/1/1": ["c"],
        "v/1/2": ["d"],
    }


def test_whole_nanoseconds_are_kept() -> None:
    start = 1_718_000_000_000_000_001
    clicks = replace(clicks_of([("v", "a", 0), ("v", "b", 0)], 10**9), times=np.array([start, start + 10**9]))
    assert list(sessions_in(clicks.split_into_visits(1 / 60))) == ["v/1"]
    assert clicks.to_log().sessions.dates.tolist() == [1_718_000_001]
    later = replace(clicks, times=clicks.times + np.array([0, 1]))
    assert list(sessions_in(later.split_into_visits(1 / 60))) == ["v/1", "v/2"]


@pytest.mark.parametrize(("returning", "is_warned"), [(0, False), (1, False), (2, False), (3, True), (200, True)])
def test_a_log_that_seems_to_name_visitors(returning: int, is_warned: bool, caplog: pytest.LogCaptureFixture) -> None:
    rows = [(f"v{n}", item, time) for n in range(200) for item, time in (("a", n), ("b", n + 86_400.0 + (n < returning)))]
    rows += [(f"single {n}", "a", 0.0) for n in range(300)]
    with caplog.at_level(logging.WARNING):
        log = to_sessions(clicks_of(rows), PreparationRules(session_field="who"), "log.csv")
    assert log.sessions.ids.to_pylist()[:2] == ["v0", "v1"]
    message = (
        f"log.csv: {returning} of 200 sessions with several clicks have more than a day between two of them; if who names "
        "visitors, session_gap_minutes of the preparation (30, say) makes a session of each visit"
    )
    assert caplog.messages == [message] * is_warned
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        to_sessions(clicks_of(rows), PreparationRules(session_gap_minutes=30), "log.csv")
    assert not caplog.messages


@pytest.mark.parametrize("ending", ["csv", "inter"])
def test_visits_are_prepared_as_if_the_log_had_named_them(tmp_path: Path, ending: str) -> None:
    rows = [(f"v{n % 17}", f"i{(n * n + n // 17) % 5}", 1_718_000_000 + 3_600 * n + 60 * (n % 3)) for n in range(400)]
    gap = 17 * 60 + 1  # minutes; a visitor comes again after 17 hours and two minutes, or one minute less than 17
    named: list[Row] = []
    last: dict[str, float] = {}
    count: dict[str, int] = {}
    for visitor, item, time in rows:
        if visitor not in last or time - last[visitor] > 60 * gap:
            count[visitor] = count.get(visitor, 0) + 1
        last[visitor] = time
        named.append((f"{visitor}/{count[visitor]}", item, time))
    assert 100 < sum(count.values()) < 200
    types = (":token", ":token", ":float") if ending == "inter" else ("", "", "")
    header = [name + kind for name, kind in zip(("session_id", "item_id", "timestamp"), types, strict=True)]
    delimiter = {"csv": ",", "inter": "\t"}[ending]
    files = []
    for name, log, minutes in (("visitors", rows, gap), ("visits", named, None)):
        source = tmp_path / f"{name}.{ending}"
        source.write_text("".join(delimiter.join(map(str, row)) + "\n" for row in [header, *log]))
        rules = PreparationRules(min_item_count=2, test_days=2, session_gap_minutes=minutes)
        prepare("d", source, tmp_path / name, rules, show_progress=False)
        files.append({f.name: f.read_bytes() for f in (tmp_path / name / "d").iterdir() if f.suffix in (".inter", ".item")})
    assert files[0] == files[1] and len(files[0]) == 4


def test_formats_that_say_where_sessions_end_know_no_gap(tmp_path: Path) -> None:
    (tmp_path / "yoochoose-clicks.dat").write_text("1,2014-04-07T10:51:09.277Z,214536502,0\n")
    message = (
        r"session_gap_minutes=30: .*yoochoose-clicks\.dat is yoochoose_dat, which says where .* recbole_inter and click_csv"
    )
    with pytest.raises(UserError, match=message):
        prepare("d", tmp_path, tmp_path / "out", PreparationRules(session_gap_minutes=30), show_progress=False)

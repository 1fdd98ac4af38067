"""A log of clicks as a CSV file: the same log in RecBole's atomic form gives the same prepared files."""

import csv
import random
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow
import pyarrow.csv
import pytest

from recbole_tagnnpp.data import tables
from recbole_tagnnpp.data.locate import ensure_prepared
from recbole_tagnnpp.data.prepare import prepare
from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.errors import UserError

START = 1_718_000_000
DAY = 86_400
Click = tuple[str, str, int]


def clicks() -> list[Click]:
    """Sessions over nine days, their clicks shuffled through the log."""
    draw = random.Random(7)
    log = [
        (f"s{session}", f"i{draw.randrange(13)}", START + session * DAY // 5 + 61 * place)
        for session in range(43)
        for place in range(draw.randrange(2, 6))
    ]
    draw.shuffle(log)
    return log


def prepared(source: Path, folder: Path, **rules: str) -> dict[str, bytes]:
    """Contents of the files that training reads."""
    prepare("d", source, folder, PreparationRules(min_item_count=2, test_days=2, **rules), show_progress=False)
    return {file.name: file.read_bytes() for file in (folder / "d").iterdir() if file.suffix in (".inter", ".item")}


def iso(seconds: int, zone: timezone = UTC) -> datetime:
    return datetime.fromtimestamp(seconds, zone)


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, bytes]:
    rows = ["session_id:token\titem_id:token\ttimestamp:float", *("\t".join(map(str, click)) for click in clicks())]
    (tmp_path / "log.inter").write_text("\n".join(rows) + "\n")
    files = prepared(tmp_path / "log.inter", tmp_path / "expected")
    assert len(files) == 4
    return files


WAYS_TO_WRITE_TIMES = {
    "seconds": str,
    "seconds and fractions": lambda seconds: f"{seconds}.250",
    "UTC": lambda seconds: iso(seconds).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "another zone": lambda seconds: iso(seconds, timezone(timedelta(hours=-5, minutes=-30))).isoformat(" "),
    "zones of their own": lambda seconds: iso(seconds, timezone(timedelta(hours=seconds % 23 - 11))).isoformat(),
    "without a zone": lambda seconds: iso(seconds).strftime("%Y-%m-%d %H:%M:%S"),
    "nanoseconds": lambda seconds: iso(seconds).strftime("%Y-%m-%dT%H:%M:%S.000000001"),
}


@pytest.mark.parametrize("way", WAYS_TO_WRITE_TIMES)
def test_times(tmp_path: Path, expected: dict[str, bytes], way: str) -> None:
    rows = [f"{session},{item},{WAYS_TO_WRITE_TIMES[way](time)}" for session, item, time in clicks()]
    (tmp_path / "log.csv").write_text("\n".join(["session_id,item_id,timestamp", *rows]) + "\n")
    assert prepared(tmp_path / "log.csv", tmp_path / "out") == expected


@pytest.mark.parametrize(
    ("unit", "in_a_second"), [("milliseconds", 1_000), ("microseconds", 10**6), ("nanoseconds", 10**9)]
)
@pytest.mark.parametrize(("ending", "delimiter"), [("csv", ","), ("inter", "\t")])
def test_units_of_times(
    tmp_path: Path, expected: dict[str, bytes], unit: str, in_a_second: int, ending: str, delimiter: str
) -> None:
    types = (":token", ":token", ":float") if ending == "inter" else ("", "", "")
    header = [name + kind for name, kind in zip(("session_id", "item_id", "timestamp"), types, strict=True)]
    rows = [(session, item, time * in_a_second + in_a_second // 2) for session, item, time in clicks()]
    lines = [delimiter.join(map(str, row)) for row in [header, *rows]]
    (tmp_path / f"log.{ending}").write_text("\n".join(lines) + "\n")
    assert prepared(tmp_path / f"log.{ending}", tmp_path / "out", time_unit=unit) == expected


def test_times_in_another_form_than_the_unit_says(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("session_id,item_id,timestamp\ns,x,2024-06-10T06:13:20Z\n")
    with pytest.raises(UserError, match=r"log\.csv:2: timestamp must be milliseconds since 1970, found '2024-06-10T06"):
        prepared(tmp_path / "log.csv", tmp_path / "out", time_unit="milliseconds")
    (tmp_path / "log.csv").write_text("session_id,item_id,timestamp\ns,x,3\ns,x,1718000000000000\n")
    message = (
        r"log\.csv:3: timestamp must be milliseconds, a number below 1e\+14, found 1718000000000000; "
        r"microseconds\? time_unit of the preparation says so"
    )
    with pytest.raises(UserError, match=message):
        prepared(tmp_path / "log.csv", tmp_path / "out", time_unit="milliseconds")


def test_byte_order_mark(tmp_path: Path, expected: dict[str, bytes]) -> None:
    for ending, delimiter in (("inter", "\t"), ("csv", ";")):
        header = {"inter": "session_id:token\titem_id:token\ttimestamp:float", "csv": "session_id;item_id;timestamp"}
        rows = [delimiter.join(map(str, click)) for click in clicks()]
        (tmp_path / f"log.{ending}").write_text("\n".join([header[ending], *rows]) + "\n", encoding="utf-8-sig")
        assert prepared(tmp_path / f"log.{ending}", tmp_path / ending) == expected


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_delimiters_quotes_and_further_columns(
    tmp_path: Path, expected: dict[str, bytes], delimiter: str, quoting: int, line_end: str
) -> None:
    with open(tmp_path / "LOG.CSV", "w", newline="") as handle:
        writer = csv.writer(handle, delimiter=delimiter, quoting=quoting, lineterminator=line_end)
        writer.writerow(["title; of, the\tpage", "clicked_at", "sku", "", "visit"])
        for session, item, time in clicks():
            writer.writerow([f'a "{delimiter}"\n title', time, item, "", session])
            handle.write(line_end)
    names = {"session_field": "visit", "item_field": "sku", "time_field": "clicked_at"}
    theirs = {name: text.replace(b"visit", b"session_id").replace(b"sku", b"item_id")
              for name, text in prepared(tmp_path / "LOG.CSV", tmp_path / "out", **names).items()}  # fmt: skip
    assert theirs == expected


def test_values_of_two_lines_where_blocks_of_the_file_meet(
    tmp_path: Path, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f'{session},{item},"{"a" * 40}\n{"b" * 40}",{time}' for session, item, time in clicks()]
    (tmp_path / "log.csv").write_text("\n".join(["session_id,item_id,title,timestamp", *rows]) + "\n")
    monkeypatch.setattr(tables, "BLOCK_BYTES", 256)
    assert prepared(tmp_path / "log.csv", tmp_path / "out") == expected


def test_order_of_times_closer_than_numbers_of_seconds_tell_apart(tmp_path: Path) -> None:
    rows = [f"s{day},{item},2024-06-{day:02}T06:13:20.0000000{fraction}Z"
            for day in range(10, 30) for item, fraction in (("third", 30), ("first", 10), ("second", 20))]  # fmt: skip
    (tmp_path / "log.csv").write_text("\n".join(["session_id,item_id,timestamp", *rows]) + "\n")
    test = prepared(tmp_path / "log.csv", tmp_path / "out")["d.test.inter"].decode()
    assert test.splitlines()[1:3] == ["s28\tfirst\tsecond", "s28\tfirst second\tthird"]


@pytest.mark.parametrize("time", ["", "T00:00:00", "T00:00:01", "in seconds"])
def test_days_without_a_time_of_day_keep_the_order_of_the_file(
    tmp_path: Path, time: str, caplog: pytest.LogCaptureFixture
) -> None:
    def written(day: int) -> str:
        return str((START // DAY + day) * DAY) if time == "in seconds" else f"2024-06-{day:02}{time}"

    rows = [f"s{day},{item},{written(day)}" for day in range(10, 30) for item in ("third", "first", "second")]
    (tmp_path / "log.csv").write_text("\n".join(["session_id,item_id,timestamp", *rows]) + "\n")
    test = prepared(tmp_path / "log.csv", tmp_path / "out")["d.test.inter"].decode()
    assert test.splitlines()[1:3] == ["s28\tthird\tfirst", "s28\tthird first\tsecond"]
    assert ("log.csv: timestamp holds days without a time of day" in caplog.text) == (time != "T00:00:01")


def test_a_csv_file_is_found_beside_the_dataset_unless_there_is_an_atomic_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "d").mkdir()
    rows = [f"s{n},i{n % 3},{START + n // 2 * DAY}\ns{n},i{n % 2},{START + n // 2 * DAY + 1}" for n in range(30)]
    (tmp_path / "d" / "d.csv").write_text("\n".join(["session_id,item_id,timestamp", *rows]) + "\n")
    rules = PreparationRules(min_item_count=2, test_days=2)
    assert ensure_prepared("d", tmp_path, rules, show_progress=False).source == "d.csv"
    header = "session_id:token\titem_id:token\ttimestamp:float\n"
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "e.inter").write_text(header + "\n".join(rows).replace(",", "\t") + "\n")
    (tmp_path / "e" / "e.csv").write_text("not read\n")
    assert not caplog.records
    assert ensure_prepared("e", tmp_path, rules, show_progress=False).source == "e.inter"
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'e' / 'e.csv'}: not read, as e.inter is there, too"
    ]


def test_delimiters_in_quotes_and_long_values_of_further_columns(tmp_path: Path, expected: dict[str, bytes]) -> None:
    rows = [
        f"{session};{item};{time};{'x' * 200_000 if n == 0 else ''}" for n, (session, item, time) in enumerate(clicks())
    ]
    for name in ("a,b,c,d,e", "t" * 150_000):
        (tmp_path / "log.csv").write_text("\n".join([f'session_id;item_id;timestamp;"{name}"', *rows]) + "\n")
        assert prepared(tmp_path / "log.csv", tmp_path / "out") == expected


def test_arrow_reads_no_file_of_pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread that reads ahead would need the interpreter, which may end first: then the process aborts."""
    opened, open_csv = [], pyarrow.csv.open_csv
    monkeypatch.setattr(pyarrow.csv, "open_csv", lambda file, *rest: opened.append(file) or open_csv(file, *rest))
    (tmp_path / "log.csv").write_text("session_id,item_id,timestamp\n" + "".join(f"{s},{i},{t}\n" for s, i, t in clicks()))
    prepared(tmp_path / "log.csv", tmp_path / "out")
    assert {type(file) for file in opened} == {pyarrow.OSFile}

"""Raw sources that are wrong: one line, with file and line, and nothing written."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from recbole_tagnnpp.data.prepare import prepare
from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.errors import UserError

CSV = "sessionId;userId;itemId;timeframe;eventdate\n"
ROW = "1;NA;7;10;2016-05-09\n"
INTER = "session_id:token\titem_id:token\ttimestamp:float\n"
TABLE = "session_id,item_id,timestamp,page\n"
CLICK = "1,2014-04-07T10:51:09.277Z,214536502,0\n"


class Attack:
    trace = ""

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {Attack.trace}",)


def srgnn(training: object, test: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for name, content in (("all_train_seq.txt", training), ("test.txt", test)):
            (folder / name).write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))

    return write


def text(name: str, content: str | bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def benchmark(
    rows: str, header: str = "session_id:token\titem_id_list:token_seq\titem_id:token\n"
) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for split in ("train", "test"):
            (folder / f"source.{split}.inter").write_text(header + (rows if split == "train" else "9\ta\tb\n"))

    return write


GOOD_TEST = ([[1, 2], [1]], [3, 2])
CASES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    # name: (writes the source, source below the folder, message)
    "missing": (lambda folder: None, "nothing.csv", r"nothing\.csv: no such file or folder"),
    "empty folder": (lambda folder: None, "", "holds no source; known are train-item-views.csv"),
    "empty file": (text("a.csv", ""), "a.csv", r"a\.csv: empty file"),
    "header only": (text("a.csv", CSV), "a.csv", r"a\.csv: no rows"),
    "unknown header": (text("a.log", "a;b;c\n1;2;3\n"), "a.log", r"a\.log:1: not a known log.*found 'a;b;c'"),
    "csv: no such column": (
        text("a.csv", "a;b;c\n1;2;3\n"),
        "a.csv",
        r"a\.csv:1: no column 'session_id'; found 'a' and 'b' and 'c'; the preparation says session_field=session_id, ",
    ),
    "csv: another separator": (
        text("a.csv", "session_id|item_id|timestamp\ns|x|3\n"),
        "a.csv",
        r"a\.csv:1: no column 'session_id'; found '.*'; columns are separated by commas, semicolons or tabs",
    ),
    "csv: a NUL byte in an item": (
        text("a.csv", TABLE + "s,x,2,p\ns,x\0y,3,p\n"),
        "a.csv",
        r"a\.csv:3: item_id must be text",
    ),
    "inter: a NUL byte in a session": (
        text("x.inter", INTER + "1\ta\t3\n1\0\ta\t3\n"),
        "x.inter",
        r"x\.inter:3: session_id:token must be text that is not empty, without tabs, line ends and NUL bytes",
    ),
    "csv: column twice": (text("a.csv", TABLE.replace("page", "item_id")), "a.csv", r"a\.csv:1: a column is named twice"),
    "csv: line end in the header": (
        text("a.csv", 'session_id,item_id,timestamp,"a\nb"\n1,2,3,4\n'),
        "a.csv",
        r"a\.csv:1: has a quote without end",
    ),
    "csv: header only": (text("a.csv", TABLE), "a.csv", r"a\.csv: no rows"),
    "csv: too few columns": (text("a.csv", TABLE + "s,x,3,p\ns,x,3\n"), "a.csv", r"a\.csv:3: 4 columns .* found 3"),
    "csv: first row too short": (text("a.csv", TABLE + "s,x\n"), "a.csv", r"a\.csv:2: 4 columns .* found 2"),
    "csv: line after a value of two lines": (
        text("a.csv", TABLE + 's,x,3,"p\nq"\n\ns,,4,p\n'),
        "a.csv",
        r"a\.csv:5: item_id must be text that is not empty, .* found ''",
    ),
    "csv: quote without end": (
        text("a.csv", TABLE + 's,x,3,p\ns,x,4,"p\ns,x,5,p\n'),
        "a.csv",
        r"a\.csv:3: not readable as values in quotes \(unexpected end of data",
    ),
    "csv: a tab in an item": (
        text("a.csv", TABLE + 's,"x\ty",3,p\n'),
        "a.csv",
        r"a\.csv:2: item_id must be text that is not empty, without",
    ),
    "csv: a line end in a session": (
        text("a.csv", TABLE + 's,x,2,p\n"s\nt",x,3,p\n'),
        "a.csv",
        r"a\.csv:3: session_id must be text that is not empty, without tabs, line ends and NUL bytes, found 's\\nt'",
    ),
    "csv: item with a space": (
        text("a.csv", TABLE + "".join(f"{day},a b,2016-05-{day} 0{n}:00,p\n" for day in range(10, 30) for n in (1, 2))),
        "a.csv",
        r"a\.csv:2: item 'a b': item tokens must not be empty or contain spaces",
    ),
    "csv: no time": (
        text("a.csv", TABLE + "s,x,noon,p\n"),
        "a.csv",
        r"a\.csv:2: timestamp must be seconds since 1970 or a time as 2024-06-10T06:13:20Z, found 'noon'",
    ),
    "csv: a number among times": (
        text("a.csv", TABLE + "s,x,2016-05-09T10:00:00+02:00,p\ns,x,3,p\n"),
        "a.csv",
        r"a\.csv:3: timestamp must be a time with its zone as .*, found '3'",
    ),
    "csv: a zone among times without": (
        text("a.csv", TABLE + "s,x,2016-05-09 10:00:00,p\ns,x,2016-05-09 10:00:00Z,p\n"),
        "a.csv",
        r"a\.csv:3: timestamp must be a time without zone as .*, found '2016-05-09 10:00:00Z'",
    ),
    "csv: a year beyond nanoseconds": (
        text("a.csv", TABLE + "s,x,2016-05-09,p\ns,x,3016-05-09,p\n"),
        "a.csv",
        r"a\.csv:3: timestamp must be a time without zone as .*, from 1678 to 2261, found '3016-05-09'",
    ),
    "csv: no such day": (
        text("a.csv", TABLE + "s,x,2016-05-09,p\ns,x,2016-02-31,p\n"),
        "a.csv",
        r"a\.csv:3: timestamp must be a time without zone as .*, found '2016-02-31'",
    ),
    "csv: milliseconds after a value of two lines": (
        text("a.csv", TABLE + 's,x,3,"p\nq"\ns,x,1718000000000,p\n'),
        "a.csv",
        r"a\.csv:4: timestamp must be seconds, .* found 1718000000000; milliseconds\? time_unit of the preparation",
    ),
    "csv: not UTF-8": (text("a.csv", TABLE.encode() + b"s,\xff,3,p\n"), "a.csv", r"a\.csv:2: not UTF-8 text"),
    "csv: header without line end": (text("a.csv", TABLE.rstrip()), "a.csv", r"a\.csv: no rows; at least one is needed"),
    "csv: value without end": (
        text("a.csv", TABLE + 's,x,3,"' + "p" * 200_000),
        "a.csv",
        r"a\.csv:2: not readable as values in quotes \(unexpected end",
    ),
    "diginetica: too few columns": (text("a.csv", CSV + ROW + "1;NA;7;10\n"), "a.csv", r"a\.csv:3: 5 columns .* found 4"),
    "diginetica: too many columns": (
        text("a.csv", CSV + "1;NA;7;10;2016-05-09;x\n"),
        "a.csv",
        r"a\.csv:2: 5 columns .* found 6",
    ),
    "diginetica: empty line": (text("a.csv", CSV + ROW + "\n" + ROW), "a.csv", r"a\.csv:3: 5 columns .* found 1"),
    "diginetica: timeframe": (
        text("a.csv", CSV + ROW + ROW.replace(";10;", ";soon;")),
        "a.csv",
        r"a\.csv:3: timeframe must be a whole number, found 'soon'",
    ),
    "diginetica: day": (
        text("a.csv", CSV + ROW.replace("2016-05-09", "9.5.2016")),
        "a.csv",
        r"a\.csv:2: eventdate must be a day",
    ),
    "diginetica: no such day": (
        text("a.csv", CSV + ROW.replace("05-09", "02-31")),
        "a.csv",
        r"a\.csv:2: eventdate must be a day as 2016-05-09, found '2016-02-31'",
    ),
    "diginetica: no such number": (
        text("a.csv", CSV + ROW.replace(";10;", f";{10**30};")),
        "a.csv",
        r"a\.csv:2: timeframe must be a whole number",
    ),
    "diginetica: quoted fields": (
        text("a.csv", CSV + ROW.replace(";10;", ';"10";')),
        "a.csv",
        r"""a\.csv:2: timeframe must be a whole number, found '"10"'""",
    ),
    "diginetica: item with space": (
        text("a.csv", CSV + "".join(f"{day};NA;a b;{n};2016-05-{day}\n" for day in range(10, 30) for n in (1, 2))),
        "a.csv",
        r"a\.csv: item 'a b': item tokens must not be empty or contain spaces",
    ),
    "stray carriage return": (
        text("a.csv", CSV + ROW.replace("NA", "N\rA")),
        "a.csv",
        r"a\.csv: not readable as columns",
    ),
    "carriage return in an item": (
        text("a.csv", CSV + ROW.replace("7", "7\r8")),
        "a.csv",
        r"a\.csv:2: itemId must be text that is not empty, without tabs, line ends and NUL bytes",
    ),
    "diginetica: empty item": (text("a.csv", CSV + ROW.replace(";7;", ";;")), "a.csv", r"a\.csv:2: itemId must be text"),
    "diginetica: not UTF-8": (
        text("a.csv", CSV.encode() + b"1;NA;\xff\xfe;10;2016-05-09\n"),
        "a.csv",
        r"a\.csv:2: not UTF-8",
    ),
    "yoochoose: time after a byte order mark": (
        text("c.dat", "\ufeff" + CLICK + CLICK.replace("2014-04-07T10:51:09.277Z", "yesterday")),
        "c.dat",
        r"c\.dat:2: timestamp must be a time as",
    ),
    "yoochoose: no such hour": (
        text("c.dat", CLICK + CLICK.replace("T10", "T25")),
        "c.dat",
        r"c\.dat:2: timestamp must be a time as .*found '2014-04-07T25:51:09\.277Z'",
    ),
    "yoochoose: no zone": (
        text("c.dat", CLICK + CLICK.replace("Z", "")),
        "c.dat",
        r"c\.dat:2: timestamp must be a time as",
    ),
    "yoochoose: item": (
        text("c.dat", CLICK + CLICK.replace("214536502", "shoe")),
        "c.dat",
        r"c\.dat:2: item must be a whole number",
    ),
    "yoochoose: columns": (text("c.dat", CLICK + "1,2\n"), "c.dat", r"c\.dat:2: 4 columns"),
    "inter: no time column": (
        text("x.inter", "session_id:token\titem_id:token\n1\t2\n"),
        "x.inter",
        r"x\.inter:1: no column 'timestamp:float'; found 'session_id:token' and 'item_id:token'",
    ),
    "inter: column twice": (text("x.inter", INTER.strip() + "\titem_id:token\n1\t2\t3\t2\n"), "x.inter", "named twice"),
    "inter: CR alone": (
        text("x.inter", (INTER + "1\ta\t3\n").replace("\n", "\r")),
        "x.inter",
        r"x\.inter:1: lines end with CR",
    ),
    "inter: UTF-16": (
        lambda folder: (folder / "x.inter").write_bytes((INTER + "1\ta\t3\n").encode("utf-16-le")),
        "x.inter",
        r"x\.inter:1: not UTF-8 text",
    ),
    "inter: time after empty lines": (
        text("x.inter", INTER + "\n1\ta\t3\n\r\n\n1\tb\tnoon\n"),
        "x.inter",
        r"x\.inter:6: timestamp:float must be a number of seconds since 1970 \(or of another time_unit\), found 'noon'",
    ),
    "inter: milliseconds after empty lines": (
        text("x.inter", INTER + "\n1\ta\t3\n\r\n\n1\tb\t1718000000000\n"),
        "x.inter",
        r"x\.inter:6: timestamp must be seconds",
    ),
    "inter: time": (
        text("x.inter", INTER + "1\ta\tnoon\n"),
        "x.inter",
        r"x\.inter:2: timestamp:float must be a number of seconds since 1970 \(or of another time_unit\), found 'noon'",
    ),
    "inter: infinite time": (
        text("x.inter", INTER + "1\ta\t3\n1\tb\tinf\n"),
        "x.inter",
        r"x\.inter:3: timestamp must be seconds, .* found inf",
    ),
    "inter: time beyond all calendars": (
        text("x.inter", INTER + "1\ta\t3\n1\tb\t-1e300\n"),
        "x.inter",
        r"x\.inter:3: timestamp must be seconds, a number below 1e\+11, found -1e\+300",
    ),
    "inter: milliseconds": (
        text("x.inter", INTER + "1\ta\t1718000000000\n1\tb\t1718000031000\n"),
        "x.inter",
        r"x\.inter:2: timestamp must be seconds, .* found 1718000000000; milliseconds\? time_unit of the preparation",
    ),
    "inter: microseconds": (
        text("x.inter", INTER + "1\ta\t1718000000000000\n"),
        "x.inter",
        r"x\.inter:2: timestamp must be seconds, .* found 1718000000000000; microseconds\? time_unit of the preparation",
    ),
    "inter: commas": (
        text("x.inter", INTER.replace("\t", ",") + "1,a,3\n"),
        "x.inter",
        r"x\.inter:1: no column 'session_id:token'; found 'session_id:token,.*'; columns are separated by tabs",
    ),
    "inter: compressed": (
        lambda folder: (folder / "x.inter").write_bytes(b"\x1f\x8b\x08"),
        "x.inter",
        r"x\.inter: a compressed file; unpack it first",
    ),
    "inter: empty first line": (text("x.inter", "\n" + INTER), "x.inter", r"x\.inter:1: an empty line"),
    "inter: empty session": (text("x.inter", INTER + "\ta\t3\n"), "x.inter", r"x\.inter:2: session_id:token must be text"),
    "benchmark: two spaces": (benchmark("1\ta  b\tc\n"), "", "item '': item tokens must not be empty or contain spaces"),
    "benchmark: target with space": (benchmark("1\ta\tb c\n"), "", "item 'b c': item tokens must not be empty"),
    "benchmark: no target column": (
        benchmark("", "session_id:token\titem_id_list:token_seq\n"),
        "",
        r"source\.train\.inter:1: no column 'item_id:token'; there are session_id:token, item_id_list:token_seq",
    ),
    "benchmark: columns": (benchmark("1\ta\n"), "", r"source\.train\.inter:2: 3 columns .* found 2"),
    "inter: item with a space": (
        text(
            "x.inter",
            INTER + "".join(f"{s}\ta\t{d * 86400}\n{s}\ta b\t{d * 86400 + 1}\n" for s, d in enumerate(range(0, 90, 9))),
        ),
        "x.inter",
        r"x\.inter:3: item 'a b': item tokens must not be empty or contain spaces",
    ),
    "inter: nothing left": (
        text("x.inter", INTER + "1\ta\t3\n2\tb\t4\n"),
        "x.inter",
        "no session is left once sessions of fewer than min_session_length=2",
    ),
    "inter: no test": (
        text("x.inter", INTER + "".join(f"{s}\ta\t{s}\n{s}\ta\t{s + 1}\n" for s in range(9))),
        "x.inter",
        r"no session is left once the last test_days=7 days are set apart for the test \(the sessions span 0\.0 days\)",
    ),
    "pickle that runs code": (srgnn(Attack(), GOOD_TEST), "", r"all_train_seq\.txt: refused \(asks for posix\.system"),
    "pickle of an object": (srgnn([[1, 2]], Path("x")), "", r"test\.txt: refused \(asks for pathlib"),
    "not a pickle": (srgnn(b"hello", GOOD_TEST), "", r"all_train_seq\.txt: "),
    "truncated pickle": (srgnn(pickle.dumps([[1, 2]] * 9)[:-9], GOOD_TEST), "", r"all_train_seq\.txt: "),
    "sessions are a dictionary": (srgnn({1: [2]}, GOOD_TEST), "", "must hold a list of lists of item numbers, found dict"),
    "no sessions": (srgnn([], GOOD_TEST), "", "must hold a list of lists of item numbers, found an empty list"),
    "session is a number": (srgnn([[1, 2], 3], GOOD_TEST), "", "session 1 must be a list of item numbers, found int"),
    "session of one click": (srgnn([[1, 2], [3]], GOOD_TEST), "", "session 1 has 1 items; at least 2 are needed"),
    "items are words": (srgnn([["a", "b"]], GOOD_TEST), "", "items must be whole numbers, found 'a'"),
    "huge item": (srgnn([[1, 2**70]], GOOD_TEST), "", "does not fit into 64 bits"),
    "test is one list": (srgnn([[1, 2]], [[1]]), "", r"test\.txt: must be a pair"),
    "targets are missing": (srgnn([[1, 2]], ([[1], [2]], [3])), "", "2 prefixes but 1 targets"),
    "empty prefix": (srgnn([[1, 2]], ([[1], []], [3, 4])), "", "prefix 1 has 0 items; at least 1 are needed"),
    "only one of two files": (
        text("all_train_seq.txt", pickle.dumps([[1, 2]])),
        "all_train_seq.txt",
        r"test\.txt: no such file",
    ),
    "too few sessions for validation": (srgnn([[1, 2]], GOOD_TEST), "", "leaves no session for training or for validation"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_line_and_nothing_written(tmp_path: Path, case: str) -> None:
    write, source, message = CASES[case]
    folder, output = tmp_path / "source", tmp_path / "output"
    folder.mkdir()
    Attack.trace = str(tmp_path / "trace")
    write(folder)
    with pytest.raises(UserError, match=message) as caught:
        prepare("x", folder / source, output, PreparationRules(), show_progress=False)
    assert "\n" not in str(caught.value)
    assert not (output / "x").exists()
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("place", ["output", "output/x"])
def test_output_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    srgnn([[1, 2], [2, 1]], GOOD_TEST)(tmp_path)
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text("in the way")
    rules = PreparationRules(validation_fraction=0.5)
    with pytest.raises(UserError, match=r"output/x: cannot be written: (File exists|Not a directory)"):
        prepare("x", tmp_path, tmp_path / "output", rules, show_progress=False)
    assert file.read_text() == "in the way"
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("dataset", ["", "a/b", "..", ".hidden", "a b", "ü"])
def test_dataset_names_that_are_no_folder(tmp_path: Path, dataset: str) -> None:
    with pytest.raises(UserError, match=r"allowed are letters, digits"):
        prepare(dataset, tmp_path, tmp_path, PreparationRules(), show_progress=False)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"min_item_cuont": 5}, "min_item_cuont: unknown key; did you mean min_item_count"),
        ({"min_item_count": 0}, "min_item_count=0: allowed is a whole number of at least 1"),
        ({"min_session_length": 1}, "min_session_length=1: allowed is a whole number of at least 2"),
        ({"test_days": "seven"}, "test_days='seven': allowed is"),
        ({"test_days": True}, "test_days=True: allowed is"),
        ({"test_days": 2**31}, "test_days=2147483648: allowed is a whole number of at least 1 and at most 2147483647"),
        ({"max_prefix_length": 10**19}, "max_prefix_length=10000000000000000000: allowed is"),
        ({"session_gap_minutes": 10**400}, "session_gap_minutes=1000.*: allowed is a number above 0"),
        ({"source_format": "excel"}, "source_format='excel': allowed is one of auto"),
        ({"train_fraction": "0/64"}, "train_fraction='0/64': allowed is a fraction such as 1/64"),
        ({"train_fraction": "3/2"}, "train_fraction='3/2': allowed is a fraction of at most 1"),
        ({"validation_fraction": 1.0}, "validation_fraction=1.0: allowed is a number above 0 and below 1"),
        ({"time_unit": "ms"}, "time_unit='ms': allowed is one of seconds, milliseconds, microseconds, nanoseconds"),
        (
            {"session_gap_minutes": 0},
            "session_gap_minutes=0: allowed is a number above 0 and at most 2147483647, or ~ for none",
        ),
        ({"session_gap_minutes": "30m"}, "session_gap_minutes='30m': allowed is a number above 0"),
        ({"session_gap_minutes": True}, "session_gap_minutes=True: allowed is a number above 0"),
        ({"session_gap_minutes": float("inf")}, "session_gap_minutes=inf: allowed is a number above 0"),
        ({"session_gap_minutes": float("nan")}, "session_gap_minutes=nan: allowed is a number above 0"),
        ({"validation_by": "prefix"}, "validation_by='prefix': allowed is one of recent_sessions, random_sessions"),
        ({"time_field": "item_id"}, "session_field, item_field and time_field must name three different columns"),
        ({"item_field": ""}, "item_field='': allowed is the name of a column"),
        (["test_days"], "must be a mapping"),
    ],
)
def test_rules_that_are_wrong(mapping: object, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        PreparationRules.from_mapping(mapping, where="here")
    assert str(caught.value).startswith("here: ")

"""Filters, split, fraction and validation on sessions small enough to check by eye, and the gold figures."""

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recbole_tagnnpp.data.manifest import Manifest
from recbole_tagnnpp.data.prepare import prepare
from recbole_tagnnpp.data.protocol import filter_and_split, hold_out_validation, most_recent_sequences
from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.sessions import ClickLog, Sessions, sessions_of_clicks
from recbole_tagnnpp.data.sources import diginetica, yoochoose
from recbole_tagnnpp.data.sources.sequence_lists import sessions_of_sequences


def make(lists: list[list[int]], dates: list[int] | None = None) -> Sessions:
    ends = np.cumsum([0, *map(len, lists)])
    ids = pa.array([f"s{n}" for n in range(len(lists))])
    return Sessions.whole(
        np.array([i for s in lists for i in s]), ends, ids, np.array(dates if dates is not None else range(len(lists)))
    )


def lists(sessions: Sessions) -> list[list[int]]:
    return [part.tolist() for part in np.split(sessions.items, sessions.ends[1:-1])]


def tokens(n: int) -> pa.Array:
    return pa.array([str(i) for i in range(n)])


def test_filters_in_their_order() -> None:
    # the session of one click goes first, so that item 1 has two clicks left and is rare at a threshold of 3
    log = ClickLog(make([[1], [0, 0, 1], [1, 2, 0], [0, 2, 2], [0, 0]], [0, 0, 0, 0, 9]), tokens(3))
    split = filter_and_split(log, PreparationRules(min_item_count=3, test_days=2), day=1, where="log")
    assert lists(split.training) == [[0, 0], [2, 0], [0, 2, 2]]
    assert lists(split.test) == [[0, 0]]
    assert split.counts["raw_sessions"] == 5
    assert split.counts["filtered_clicks"] == 9


def test_sessions_on_the_boundary_are_in_neither_part_and_order_is_by_date() -> None:
    log = ClickLog(make([[0, 1]] * 5, [7, 3, 5, 2, 6]), tokens(2))
    split = filter_and_split(log, PreparationRules(min_item_count=1, test_days=2), day=1, where="log")
    assert split.training.dates.tolist() == [2, 3]
    assert split.test.dates.tolist() == [6, 7]


def test_sessions_of_one_day_keep_the_order_of_the_log() -> None:
    dates = [n % 3 for n in range(997)] + [9]
    log = ClickLog(make([[n, n] for n in range(997)] + [[0, 0]], dates), tokens(997))
    split = filter_and_split(log, PreparationRules(min_item_count=1, test_days=2), day=1, where="log")
    assert lists(split.training) == [[n, n] for day in range(3) for n in range(day, 997, 3)]


def test_items_that_training_lacks_leave_the_test() -> None:
    log = ClickLog(make([[0, 1], [0, 2, 1], [2, 0], [0, 2]], [0, 9, 9, 9]), tokens(3))
    split = filter_and_split(log, PreparationRules(min_item_count=1, test_days=2), day=1, where="log")
    assert lists(split.test) == [[0, 1]]


def test_most_recent_sequences_cut_the_first_session_to_its_oldest_clicks() -> None:
    sessions = make([[0, 1, 2, 3], [4, 5, 6], [7, 8]])
    expected = {
        6: [[0, 1, 2, 3], [4, 5, 6], [7, 8]],
        5: [[0, 1, 2], [4, 5, 6], [7, 8]],
        4: [[0, 1], [4, 5, 6], [7, 8]],
        3: [[4, 5, 6], [7, 8]],
        2: [[4, 5], [7, 8]],
        1: [[7, 8]],
        99: [[0, 1, 2, 3], [4, 5, 6], [7, 8]],
    }
    for count, kept in expected.items():
        assert lists(most_recent_sequences(sessions, count)) == kept


def test_validation_holds_whole_sessions() -> None:
    training = make([[n, n + 1] for n in range(10)])
    rest, validation = hold_out_validation(training, PreparationRules(validation_fraction=0.3))
    assert lists(validation) == [[7, 8], [8, 9], [9, 10]]
    assert lists(rest) == lists(training)[:7]
    random = PreparationRules(validation_fraction=0.3, validation_by="random_sessions", validation_seed=3)
    rest, validation = hold_out_validation(training, random)
    assert len(validation) == 3
    assert sorted(lists(rest) + lists(validation)) == lists(training)
    assert lists(validation) != [[7, 8], [8, 9], [9, 10]]
    assert lists(hold_out_validation(training, random)[1]) == lists(validation)


def test_clicks_are_ordered_by_time_and_ties_keep_the_order_of_the_log() -> None:
    sessions = sessions_of_clicks(
        pa.array(["b", "a", "b", "b", "a"]), np.arange(5), np.array([5, 1, 3, 5, 1]), np.array([50, 10, 30, 51, 11])
    )
    assert sessions.ids.to_pylist() == ["b", "a"]
    assert lists(sessions) == [[2, 0, 3], [1, 4]]
    assert sessions.dates.tolist() == [51, 11]


def test_the_last_row_of_a_session_is_that_of_the_log_among_many() -> None:
    rng = np.random.default_rng(3)
    session, dates, times = rng.integers(0, 101, 1009), np.arange(1009), rng.integers(0, 7, 1009)
    sessions = sessions_of_clicks(
        pa.array([str(n) for n in session]), np.zeros(1009, np.int64), times, dates, date_of_last_row=True
    )
    last_row = {str(n): row for row, n in enumerate(session)}
    assert dict(zip(sessions.ids.to_pylist(), sessions.dates.tolist(), strict=True)) == last_row


def test_a_diginetica_session_has_the_date_of_its_last_row(tmp_path: Path) -> None:
    # as the published split does: session 629 of the log ends on 21 March, its last row is of 20 March, and in SR-GNN's
    # training sessions it stands between sessions 628 and 630 of 20 March
    file = tmp_path / "train-item-views.csv"
    file.write_text(
        "sessionId;userId;itemId;timeframe;eventdate\n"
        "629;NA;5;50;2016-03-20\n629;NA;6;90;2016-03-21\n629;NA;7;10;2016-03-20\n630;NA;5;50;2016-03-19\n"
    )
    log = diginetica.read(file, show_progress=False)
    assert lists(log.sessions) == [[2, 0, 1], [0]]
    days_since_1970 = (np.array(["2016-03-20", "2016-03-19"], dtype="datetime64[D]")).astype(int)
    assert log.sessions.dates.tolist() == days_since_1970.tolist()


@pytest.mark.parametrize("upwards", [False, True])
def test_sessions_are_found_behind_their_sequences(upwards: bool) -> None:
    sequences = [([1, 2, 3], 4), ([1, 2], 3), ([1], 2), ([5, 5], 5), ([5], 5), ([5], 6), ([1, 2], 3), ([4, 7], 8), ([9], 7)]
    if upwards:
        sequences = sequences[::-1]
    prefixes = [prefix for prefix, _ in sequences]
    sessions = sessions_of_sequences(
        np.array([i for p in prefixes for i in p]),
        np.cumsum([0, *map(len, prefixes)]),
        np.array([t for _, t in sequences]),
        "t",
    )
    found = [(s, shortest) for s, shortest in zip(lists(sessions), sessions.shortest_prefixes.tolist(), strict=True)]
    expected = [([1, 2, 3, 4], 1), ([5, 5, 5], 1), ([5, 6], 1), ([1, 2, 3], 2), ([4, 7, 8], 2), ([9, 7], 1)]
    assert found == (expected[::-1] if upwards else expected)
    assert sessions.n_sequences == len(sequences)


def read_rows(folder: Path, name: str) -> list[list[str]]:
    return [line.split("\t") for line in (folder / name).read_text().splitlines()]


def test_a_date_far_ahead_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    day, rows = 86_400, []
    for session in range(40):
        rows += [f"s{session}\ti{item}\t{session * day + 1}" for item in range(3)]
    header = "session_id:token\titem_id:token\ttimestamp:float"
    rules = PreparationRules(source_format="recbole_inter", min_item_count=1, test_days=3)
    (tmp_path / "d.inter").write_text("\n".join([header, *rows]) + "\n")
    prepare("d", tmp_path / "d.inter", tmp_path / "out", rules, show_progress=False)
    assert not caplog.text
    rows += [f"late\ti{item}\t{400 * day}" for item in range(3)]
    (tmp_path / "d.inter").write_text("\n".join([header, *rows]) + "\n")
    assert prepare("d", tmp_path / "d.inter", tmp_path / "out", rules, show_progress=False).counts["test_sessions"] == 1
    assert "d.inter: 361 days without a session, and only 1 of 41 sessions after them, which are the test" in caplog.text


def test_written_files_exactly(tmp_path: Path) -> None:
    (tmp_path / "all_train_seq.txt").write_bytes(pickle.dumps([[30, 10, 30, 20], [10, 40]]))
    (tmp_path / "test.txt").write_bytes(pickle.dumps(([[10, 50], [10]], [30, 50])))
    rules = PreparationRules(validation_fraction=0.5, max_prefix_length=2)
    manifest = prepare("d", tmp_path, tmp_path / "out", rules, show_progress=False)
    folder = tmp_path / "out" / "d"
    header = ["session_id:token", "item_id_list:token_seq", "item_id:token"]
    assert read_rows(folder, "d.train.inter") == [
        header, ["train0", "30", "10"], ["train0", "30 10", "30"], ["train0", "10 30", "20"]
    ]  # fmt: skip
    assert read_rows(folder, "d.valid.inter") == [header, ["train1", "10", "40"]]
    assert read_rows(folder, "d.test.inter") == [header, ["test0", "10", "50"], ["test0", "10 50", "30"]]
    assert read_rows(folder, "d.item") == [["item_id:token"], ["30"], ["10"], ["20"], ["40"], ["50"]]
    assert manifest.statistics == {
        "clicks": 9, "training_sequences": 4, "test_sequences": 2, "items": 4, "average_length": round(16 / 6, 4)
    }  # fmt: skip
    assert manifest.counts["items_only_in_test"] == 1
    assert manifest.counts["test_targets_not_in_training"] == 1
    assert list(manifest.source_sha256) == ["all_train_seq.txt", "test.txt"]
    assert {p.name for p in folder.iterdir()} == {*manifest.files, "d.manifest.json", ".lock"}


def test_yoochoose_log(tmp_path: Path) -> None:
    file = tmp_path / "yoochoose-clicks.dat"
    file.write_text("2,2014-04-07T10:51:10.000Z,7,0\n1,2014-04-07T10:51:09.277Z,5,S\n2,2014-04-07T10:51:09.999Z,5,0\n")
    log = yoochoose.read(file, show_progress=False)
    assert lists(log.sessions) == [[1, 0], [1]]
    assert log.item_tokens.to_pylist() == ["7", "5"]
    assert log.sessions.dates.tolist() == [1396867870, 1396867869]


@pytest.mark.parametrize(
    "header", ["sessionId;userId;itemId;timeframe;eventdate", "session_id;user_id;item_id;timeframe;eventdate"]
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_diginetica_variants_give_the_same(tmp_path: Path, header: str, line_end: str) -> None:
    rows = [f"{s};NA;{i};{9 - i};2016-05-{day:02}" for s, day in ((1, 1), (2, 2), (3, 20)) for i in (1, 2)]
    (tmp_path / "train-item-views.csv").write_bytes(line_end.join([header, *rows, ""]).encode())
    rules = PreparationRules(min_item_count=1, validation_fraction=0.5)
    prepare("d", tmp_path, tmp_path / "out", rules, show_progress=False)
    assert read_rows(tmp_path / "out" / "d", "d.train.inter")[1:] == [["1", "2", "1"]]
    assert read_rows(tmp_path / "out" / "d", "d.test.inter")[1:] == [["3", "2", "1"]]


def counts(manifest: Manifest) -> dict[str, float]:
    return {**manifest.counts, **manifest.statistics}


@pytest.mark.real_data
def test_gold_figures_of_the_raw_sample(real_data: Path, tmp_path: Path) -> None:
    found = counts(prepare("diginetica", real_data / "raw_sample", tmp_path, PreparationRules(), show_progress=False))
    expected = {
        "training_sessions_before_fraction": 469,
        "test_sessions_before_unseen_items": 47,
        "items": 309,
        "training_sequences": 1_205,
        "test_sequences": 99,
    }
    assert {key: found[key] for key in expected} == expected


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (
            "diginetica",
            {
                "clicks": 982_961,
                "training_sequences": 719_470,
                "test_sequences": 60_858,
                "items": 43_097,
                "sessions": 186_670,
            },
        ),
        (
            "yoochoose1_64",
            {
                "clicks": 557_248,
                "training_sequences": 369_859,
                "test_sequences": 55_898,
                "sessions": 116_167,
                "items": 17_376,  # counted; the literature has 16,766
                "test_targets_not_in_training": 412,
            },
        ),
    ],
)
def test_gold_figures_of_the_full_data(real_data: Path, tmp_path: Path, dataset: str, expected: dict[str, int]) -> None:
    found = counts(prepare(dataset, real_data / dataset, tmp_path, PreparationRules(), show_progress=False))
    found["sessions"] = found["train_sessions"] + found["valid_sessions"]
    assert {key: found[key] for key in expected} == expected

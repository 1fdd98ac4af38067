"""The prepare command on every kind of source, against a preparation written with loops."""

import datetime
import json
import pickle
import random
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from recbole_tagnnpp.cli import main
from recbole_tagnnpp.data import atomic_files
from tests.reference.naive_preparation import SECONDS_PER_DAY, Click, naive_rows, naive_split

HEADER = "session_id:token\titem_id_list:token_seq\titem_id:token"
MIN_ITEM_COUNT, TEST_DAYS, MAX_PREFIX, FRACTION, VALIDATION = 3, 2, 4, Fraction(2, 3), 0.2
RULES = f"""preparation:
  min_item_count: {MIN_ITEM_COUNT}
  test_days: {TEST_DAYS}
  train_fraction: {FRACTION}
  validation_fraction: {VALIDATION}
  max_prefix_length: {MAX_PREFIX}
"""


def random_log(seed: int, step: int = 1) -> list[Click]:
    """Sessions whose clicks are mixed in the log, with ties in time and rare items; seconds are multiples of ``step``."""
    chance = random.Random(seed)
    clicks = []
    for session in range(137):
        start = chance.randrange(11) * SECONDS_PER_DAY + chance.randrange(0, SECONDS_PER_DAY // 2, step)
        for _ in range(chance.randrange(1, 9)):
            item = int(chance.random() ** 3 * 43) + 100
            clicks.append((str(1000 + session), str(item), start + step * chance.randrange(7)))
    chance.shuffle(clicks)
    return clicks


def as_inter(clicks: list[Click], folder: Path) -> Path:
    rows = ["timestamp:float\tuser:token\titem_id:token\tsession_id:token"]
    rows += [f"{second}\tNA\t{item}\t{session}" for session, item, second in clicks]
    (folder / "log.inter").write_text("\n".join(rows) + "\n")
    return folder / "log.inter"


def as_yoochoose(clicks: list[Click], folder: Path) -> Path:
    def instant(second: int) -> str:
        return datetime.datetime.fromtimestamp(second, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    file = folder / "yoochoose-clicks.dat"
    file.write_text("".join(f"{session},{instant(second)},{item},S\n" for session, item, second in clicks))
    return folder


def as_diginetica(clicks: list[Click], folder: Path) -> Path:
    def day(second: int) -> datetime.date:
        return datetime.date(2016, 1, 1) + datetime.timedelta(second // SECONDS_PER_DAY)

    rows = ["sessionId;userId;itemId;timeframe;eventdate"]
    rows += [f"{session};NA;{item};{second};{day(second)}" for session, item, second in clicks]
    (folder / "train-item-views.csv").write_text("\n".join(rows) + "\n")
    return folder / "train-item-views.csv"


def prepared(source: Path, folder: Path, **options: str) -> tuple[dict[str, list[str]], dict]:
    (folder / "rules.yaml").write_text(RULES)
    arguments = {"dataset": "d", "source": source, "output": folder / "out", "config_files": folder / "rules.yaml"}
    assert main(["prepare", *(f"--{key}={value}" for key, value in {**arguments, **options}.items())]) == 0
    files = {part: folder / "out" / "d" / f"d.{part}" for part in ("train.inter", "valid.inter", "test.inter", "item")}
    manifest = json.loads((folder / "out" / "d" / "d.manifest.json").read_text())
    return {part: file.read_text().splitlines() for part, file in files.items()}, manifest


@pytest.mark.parametrize("write", [as_inter, as_yoochoose, as_diginetica])
@pytest.mark.parametrize("seed", range(5))
def test_equals_a_preparation_with_loops(
    tmp_path: Path, write: Callable[[list[Click], Path], Path], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic_files, "SEQUENCES_PER_BLOCK", 13)
    clicks = random_log(seed)
    source = write(clicks, tmp_path)
    day_of_last_row = {session: second // SECONDS_PER_DAY * SECONDS_PER_DAY for session, _, second in clicks}
    dates = day_of_last_row if write is as_diginetica else None
    training, test = naive_split(clicks, MIN_ITEM_COUNT, TEST_DAYS, FRACTION, dates)
    n_validation = round(len(training) * VALIDATION)
    files, manifest = prepared(source, tmp_path)
    assert files["train.inter"] == [HEADER, *naive_rows(training[:-n_validation], MAX_PREFIX)]
    assert files["valid.inter"] == [HEADER, *naive_rows(training[-n_validation:], MAX_PREFIX)]
    assert files["test.inter"] == [HEADER, *naive_rows(test, MAX_PREFIX)]
    vocabulary = list(dict.fromkeys(item for _, items in [*training, *test] for item in items))
    assert files["item"] == ["item_id:token", *vocabulary]
    assert manifest["statistics"]["clicks"] == sum(len(items) for _, items in [*training, *test])
    assert len(test) > 5
    assert len(training) > 20
    assert manifest["counts"]["train_sequences"] == len(files["train.inter"]) - 1 > 50


def test_srgnn_files_and_recbole_download_of_the_same_sessions_give_the_same_files(tmp_path: Path) -> None:
    training, test = naive_split(random_log(3), MIN_ITEM_COUNT, TEST_DAYS, Fraction(1))
    for name in ("srgnn", "d-session", "out1", "out2"):
        (tmp_path / name).mkdir()

    def sequences(sessions: list[tuple[str, list[str]]]) -> list[tuple[list[str], str]]:
        return [(items[:-n], items[-n]) for _, items in sessions for n in range(1, len(items))]  # longest first

    as_numbers = [[int(item) for item in items] for _, items in training]
    (tmp_path / "srgnn" / "all_train_seq.txt").write_bytes(pickle.dumps(as_numbers))
    pair = ([[int(i) for i in prefix] for prefix, _ in sequences(test)], [int(t) for _, t in sequences(test)])
    (tmp_path / "srgnn" / "test.txt").write_bytes(pickle.dumps(pair))
    for split, sessions in (("train", training), ("test", test)):
        rows = [f"{n}\t{' '.join(prefix)}\t{target}" for n, (prefix, target) in enumerate(sequences(sessions))]
        (tmp_path / "d-session" / f"d-session.{split}.inter").write_text("\n".join([HEADER, *rows]) + "\n")

    one, _ = prepared(tmp_path / "srgnn", tmp_path / "out1")
    two, _ = prepared(tmp_path / "d-session", tmp_path / "out2")
    assert one["item"] == two["item"]
    n_validation = round(len(training) * VALIDATION)
    for part, sessions in (
        ("train.inter", training[:-n_validation]), ("valid.inter", training[-n_validation:]), ("test.inter", test)
    ):  # fmt: skip
        expected = [row.split("\t")[1:] for row in naive_rows(sessions, MAX_PREFIX)]
        for files in (one, two):
            found = [row.split("\t") for row in files[part][1:]]
            assert [row[1:] for row in found] == expected
            # one id a session, another for the next
            changes = sum(a[0] != b[0] for a, b in pairwise(found))
            assert changes == len({row[0] for row in found}) - 1 == len(sessions) - 1


def test_tokens_with_quotes_and_commas_come_through(tmp_path: Path) -> None:
    items = ['"a', "b,c", "d;e", "ü'"]
    clicks = [(f'{n}"', items[(n + k) % 4], n * 7200 + k) for n in range(120) for k in range(3)]
    files, _ = prepared(as_inter(clicks, tmp_path), tmp_path)
    assert sorted(files["item"][1:]) == sorted(items)
    training, test = naive_split(clicks, MIN_ITEM_COUNT, TEST_DAYS, FRACTION)
    assert files["train.inter"][1:] + files["valid.inter"][1:] == naive_rows(training, MAX_PREFIX)
    assert files["test.inter"][1:] == naive_rows(test, MAX_PREFIX)


def test_preparing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    source = as_inter(random_log(1), tmp_path)
    first = prepared(source, tmp_path)
    assert prepared(source, tmp_path) == first
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["d"]


def test_a_folder_given_as_a_dot_has_its_name_in_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "notes.txt").write_text("not read")
    training, test = [[1, 2, 3], [2, 3]] * 9, ([[1, 2], [1]], [3, 2])
    (tmp_path / "logs" / "all_train_seq.txt").write_bytes(pickle.dumps(training))
    (tmp_path / "logs" / "test.txt").write_bytes(pickle.dumps(test))
    monkeypatch.chdir(tmp_path / "logs")
    _, manifest = prepared(Path(), tmp_path)
    assert manifest["source"] == "logs"
    assert sorted(manifest["source_sha256"]) == ["all_train_seq.txt", "test.txt"]


@pytest.mark.parametrize(("dataset", "name"), [("diginetica", "log.csv"), ("mine", "log.csv"), ("diginetica", "its own")])
def test_clicks_of_ones_own_under_a_published_name_are_told_of(
    tmp_path: Path, dataset: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "log.csv"
    source.write_text("session_id,item_id,timestamp\n" + "".join(f"{s},{i},{t}\n" for s, i, t in random_log(3)))
    if name == "its own":
        source = as_diginetica(random_log(3), tmp_path)
    (tmp_path / "rules.yaml").write_text(RULES)
    arguments = [f"--source={source}", f"--output={tmp_path}", f"--config_files={tmp_path / 'rules.yaml'}"]
    assert main(["prepare", f"--dataset={dataset}", *arguments]) == 0
    is_told = "not the log that diginetica is the name of" in caplog.text
    assert is_told == (dataset == "diginetica" and name == "log.csv")

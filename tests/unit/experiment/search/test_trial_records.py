"""Records of trials on disk, and their order."""

from pathlib import Path
from typing import Any

import pytest

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.trial_records import (
    TrialRecord,
    mark_interrupted,
    ranked,
    read_trial,
    read_trials,
    write_trial,
)


def record(key: str, *scores: float, status: str = "finished") -> TrialRecord:
    history = [
        {"epoch": n + 1, "score": score, "valid_result": {"mrr@20": score}, "train_loss": 1.0, "seconds": 2.5}
        for n, score in enumerate(scores)
    ]
    return TrialRecord(key, {"a": [1, None], "b": key}, status, history)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    first, second = record("aa", 1.0, 3.0, 2.0), record("bb", status="running")
    first.interruptions.append("its process died")
    write_trial(tmp_path, first)
    write_trial(tmp_path, second)
    assert read_trial(tmp_path, "aa") == first
    assert read_trial(tmp_path, "cc") is None
    assert read_trials(tmp_path) == [first, second]
    assert read_trials(tmp_path / "nowhere") == []
    assert first.seconds == 7.5


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"key": "aa"}',
        "nonsense",
        "[" * 100_000,
        '{"key":"bb","setting":{},"status":"finished","history":[]}',
    ],
)
def test_damaged_records_give_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "aa.json").write_text(content)
    with pytest.raises(UserError, match=r"aa\.json: damaged .*; delete it to train this trial again"):
        read_trials(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epoch": "1"}, {"valid_result": None}, {"valid_result": ...}, {"seconds": ...}, {"seconds": "1"}, {"score": "9"},
        {"score": float("nan")}, {"score": 10**400}, {"score": True},
    ],
)  # fmt: skip
def test_an_epoch_that_is_not_whole_is_damaged(tmp_path: Path, wrong: dict[str, Any]) -> None:
    epoch = {"epoch": 1, "score": 99.0, "valid_result": {"mrr@20": 99.0}, "seconds": 1.0}
    write_trial(tmp_path, TrialRecord("aa", {"n_layers": 2}, history=[epoch]))
    assert read_trials(tmp_path)
    changed = {key: value for key, value in {**epoch, **wrong}.items() if value is not ...}
    write_trial(tmp_path, TrialRecord("aa", {"n_layers": 2}, history=[changed]))
    with pytest.raises(UserError, match=r"aa\.json: damaged \(.*\); delete it to train this trial again"):
        read_trials(tmp_path)


@pytest.mark.parametrize(
    "wrong", [{"setting": {}}, {"setting": []}, {"interruptions": 5}, {"interruptions": [5]}, {"problem": 5}]
)
def test_a_record_with_values_of_wrong_types_is_damaged(tmp_path: Path, wrong: dict[str, Any]) -> None:
    write_trial(tmp_path, TrialRecord(**{"key": "aa", "setting": {"n_layers": 2}, **wrong}))
    with pytest.raises(UserError, match=r"aa\.json: damaged \(.*\); delete it to train this trial again"):
        read_trials(tmp_path)


def test_best_epoch() -> None:
    assert record("aa", 1.0, 3.0, 3.0, 2.0).best(bigger=True)["epoch"] == 3  # type: ignore[index]
    assert record("aa", 2.0, 1.0, 1.0, 3.0).best(bigger=False)["epoch"] == 3  # type: ignore[index]
    assert record("aa", 2.0, 1.0, 3.0).best(bigger=False)["epoch"] == 2  # type: ignore[index]
    assert record("aa").best(bigger=True) is None


def test_order() -> None:
    records = [
        record("failed", 99.0, status="failed"),
        record("empty", status="interrupted"),
        record("low", 1.0),
        record("long", 5.0, 4.0),
        record("short", 5.0),
        record("same", 5.0, status="stopped"),
        record("high", 2.0, 7.0),
    ]
    assert [entry.key for entry in ranked(records, bigger=True)] == [
        "high", "same", "short", "long", "low", "failed", "empty",
    ]  # fmt: skip
    assert [entry.key for entry in ranked(records, bigger=False)][:2] == ["low", "high"]


def test_nothing_runs_any_more(tmp_path: Path) -> None:
    for entry in (record("aa", 1.0, status="running"), record("bb", 2.0)):
        write_trial(tmp_path, entry)
    assert [entry.status for entry in mark_interrupted(tmp_path)] == ["interrupted", "finished"]
    assert [entry.status for entry in read_trials(tmp_path)] == ["interrupted", "finished"]

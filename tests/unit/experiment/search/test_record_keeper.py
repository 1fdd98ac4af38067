"""What Ray Tune's events become on disk."""

import errno
import logging
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from recbole_tagnnpp.experiment.search.space import read_space, setting_key
from recbole_tagnnpp.experiment.search.trial import TrialJob
from recbole_tagnnpp.experiment.search.trial_records import read_trial, read_trials

pytest.importorskip("ray")
from ray.exceptions import ActorUnavailableError, RayTaskError

from recbole_tagnnpp.experiment.search import record_keeper
from recbole_tagnnpp.experiment.search.record_keeper import RecordKeeper, describe_failure, is_no_death


def job_in(folder: Path, **more: Any) -> TrialJob:
    (folder / "hyper.test").write_text("a uniform 0,9\n")
    return TrialJob({}, read_space(folder / "hyper.test"), folder, True, **more)


def trial_of(a: float, name: str = "t1", error: str = "", **last_result: Any) -> SimpleNamespace:
    return SimpleNamespace(
        trial_id=name,
        config={"setting": {"a": a}},
        last_result=last_result,
        error_file=None,
        get_error=lambda: error or None,
    )


def result_of(*scores: float, problem: str = "") -> dict[str, Any]:
    history = [
        {"epoch": n + 1, "score": score, "valid_result": {"mrr@20": score}, "seconds": 1.0}
        for n, score in enumerate(scores)
    ]
    return {"history": history, "problem": problem}


def test_life_of_a_trial(tmp_path: Path) -> None:
    keeper, trial = RecordKeeper(job_in(tmp_path)), trial_of(0.5, is_complete=True)
    key = setting_key({"a": 0.5})
    folder = tmp_path / "trials"

    def status() -> tuple[str, int, int]:
        record = read_trial(folder, key)
        assert record is not None
        return record.status, len(record.history), len(record.interruptions)

    keeper.on_trial_start(0, [], trial)
    assert status() == ("running", 0, 0)
    keeper.on_trial_result(0, [], trial, result_of(1.0))
    keeper.on_trial_recover(0, [], trial)
    assert status() == ("running", 1, 1)
    keeper.on_trial_result(0, [], trial, result_of(1.0, 2.0))
    keeper.on_trial_result(0, [], trial, {"done": True})
    keeper.on_trial_complete(0, [], trial)
    assert status() == ("finished", 2, 1)


def test_ways_to_end(tmp_path: Path) -> None:
    keeper = RecordKeeper(job_in(tmp_path))
    stopped, failed, dead = (
        trial_of(1.0, "t1"),
        trial_of(2.0, "t2"),
        trial_of(3.0, "t3", "Failure # 1 (occurred at x)\nE: y"),
    )
    keeper.on_trial_result(0, [], stopped, result_of(1.0))
    keeper.on_trial_complete(0, [], stopped)
    keeper.on_trial_result(0, [], failed, result_of(1.0, problem="training loss is nan"))
    keeper.on_trial_complete(0, [], failed)
    keeper.on_trial_error(0, [], dead)
    found = {record.setting["a"]: (record.status, record.problem) for record in read_trials(tmp_path / "trials")}
    assert found == {1.0: ("stopped", ""), 2.0: ("failed", "training loss is nan"), 3.0: ("failed", "E: y")}


def test_changing_settings_keep_their_own_scores(tmp_path: Path) -> None:
    keeper = RecordKeeper(job_in(tmp_path, settings_change=True))
    trial = trial_of(1.0)
    keeper.on_trial_result(0, [], trial, result_of(5.0))
    trial.config = {"setting": {"a": 2.0}}
    keeper.on_trial_result(0, [], trial, result_of(99.0, 7.0))  # 99 is the past of the trial that was taken over
    trial.config = {"setting": {"a": 3.0}}
    keeper.on_trial_result(0, [], trial, result_of(99.0, 7.0, 6.0))
    keeper.on_trial_result(0, [], trial, result_of(99.0, 7.0, 6.0))  # once more after a restart
    (record,) = read_trials(tmp_path / "trials")
    assert (record.key, record.setting) == ("t1", {"a": 2.0})
    assert [entry["score"] for entry in record.history] == [5.0, 7.0, 6.0]


def test_a_full_disk_does_not_end_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = RecordKeeper(job_in(tmp_path))
    write = record_keeper.write_trial

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(record_keeper, "write_trial", full)
    keeper.on_trial_result(0, [], trial_of(1.0, "t1"), result_of(1.0))
    monkeypatch.setattr(record_keeper, "write_trial", write)
    assert read_trials(tmp_path / "trials") == []
    keeper.on_trial_result(0, [], trial_of(2.0, "t2"), result_of(2.0))
    assert {record.setting["a"] for record in read_trials(tmp_path / "trials")} == {1.0, 2.0}


def test_a_finished_trial_stays_finished_whatever_ray_remembers(tmp_path: Path) -> None:
    keeper, trial = RecordKeeper(job_in(tmp_path)), trial_of(0.5, is_complete=True)
    keeper.on_trial_result(0, [], trial, result_of(1.0, 2.0))
    keeper.on_trial_complete(0, [], trial)
    before = read_trials(tmp_path / "trials")
    again = RecordKeeper(job_in(tmp_path))
    again.on_trial_start(0, [], trial)
    again.on_trial_result(0, [], trial, result_of(1.0))
    assert read_trials(tmp_path / "trials") == before
    again.on_trial_error(0, [], trial)
    again.on_trial_complete(0, [], trial)
    assert read_trials(tmp_path / "trials") == before


def test_ray_can_keep_it(tmp_path: Path) -> None:
    keeper = RecordKeeper(job_in(tmp_path))
    keeper.on_trial_start(0, [], trial_of(1.0))
    pickle.loads(pickle.dumps(keeper)).on_trial_complete(0, [], trial_of(1.0, is_complete=True))
    assert [record.status for record in read_trials(tmp_path / "trials")] == ["finished"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "its process died"),
        (
            "Failure # 1 (occurred at 2026-11-24_12-00-00)\nray::X\nMemoryError: no\n"
            "Failure # 2 (occurred at 2026-11-24_12-00-01)\nray::X()\n  x\nOSError: [Errno 28] No space left on device\n",
            "OSError: [Errno 28] No space left on device",
        ),
        (
            "Failure # 1 (occurred at 2026-11-24_12-00-00)\nThe actor died unexpectedly before finishing this task.\n",
            "its process died (killed, out of memory, or its node is gone)",
        ),
        (
            "Failure # 1 (occurred at 2026-11-25_21-13-20)\nThe actor a65e is unavailable: The actor is temporarily "
            "unavailable: RpcError: RPC error: Socket closed rpc_code: 14. The task may or may not have been executed.\n",
            "its process died (killed, out of memory, or its node is gone)",
        ),
        (
            "Failure # 1 (occurred at x)\nTask was killed due to the node running low on memory.\n",
            "killed by Ray because its node ran out of memory",
        ),
    ],
)
def test_reasons_in_one_line(text: str, line: str) -> None:
    assert describe_failure(text) == line


@pytest.mark.parametrize(
    ("problem", "is_shown"),
    [
        (ActorUnavailableError("its node is gone", None), False),
        (RayTaskError("ray_trial", "Traceback ...", ValueError("a bug")).as_instanceof_cause(), True),
        (ValueError("a bug"), True),
        (None, True),
    ],
)
def test_tracebacks_are_of_bugs(problem: Exception | None, is_shown: bool, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tests.tune")
    logger.addFilter(is_no_death)
    logger.error("Trial task failed", exc_info=problem)
    assert bool(caplog.records) is is_shown

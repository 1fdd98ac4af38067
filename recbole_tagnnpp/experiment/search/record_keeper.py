"""Listens to Ray Tune and keeps the record of every trial."""

import re
from logging import LogRecord, getLogger
from pathlib import Path
from typing import Any

from ray import tune
from ray.exceptions import RayError, RayTaskError

from recbole_tagnnpp.experiment.search.display import SearchDisplay
from recbole_tagnnpp.experiment.search.space import SearchSpace, setting_key
from recbole_tagnnpp.experiment.search.trial import TrialJob
from recbole_tagnnpp.experiment.search.trial_records import (
    DONE,
    FAILED,
    FINISHED,
    RUNNING,
    STOPPED,
    TrialRecord,
    read_trial,
    write_trial,
)

SIGNS_OF_DEATH = ("ActorDiedError", "died unexpectedly", "WorkerCrashedError", "actor is temporarily unavailable")
"""In Ray's texts; the last one is what it says of a worker when the whole node is gone."""

_displays: list[SearchDisplay] = []
"""The display of the search that runs in this process.

Ray pickles the keeper into its state and restores it from there, which a terminal would not survive.
"""


def show_on(display: SearchDisplay | None) -> None:
    """Choose where keepers show progress."""
    _displays[:] = [] if display is None else [display]


class RecordKeeper(tune.Callback):
    """Writes ``trials/<key>.json`` whenever a trial starts, reports, ends, fails or is started again.

    A full disk does not end the search: what could not be written is written with the next event.

    Args:
        job: of the search.
    """

    def __init__(self, job: TrialJob) -> None:
        self._folder: Path = job.records
        self._space: SearchSpace = job.space
        self._bigger = job.bigger
        self._settings_change = job.settings_change
        self._records: dict[str, TrialRecord] = {}
        self._unwritten: dict[str, TrialRecord] = {}

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        """Note that a trial runs."""
        record = self._record(trial)
        if self._is_kept(record):
            return
        record.status, record.problem = RUNNING, ""
        self._keep(record)

    def on_trial_result(self, iteration: int, trials: list, trial: Any, result: dict[str, Any], **info: Any) -> None:
        """Note the epochs that a trial reports."""
        if "history" not in result:  # Ray's own note that the function has returned
            return
        record = self._record(trial)
        if self._is_kept(record):
            return
        record.problem = result["problem"]
        if self._settings_change:
            self._add_epoch(record, trial, result["history"])
        else:
            record.history = result["history"]
        self._keep(record)

    def _add_epoch(self, record: TrialRecord, trial: Any, history: list[dict[str, Any]]) -> None:
        """Population based training: scores that this trial reached itself, and the setting of the best of them."""
        if not history or history[-1] in record.history:
            return
        latest, best = history[-1], record.best(self._bigger)
        if best is None or (latest["score"] > best["score"] if self._bigger else latest["score"] < best["score"]):
            record.setting = self._space.plain(trial.config["setting"])
        record.history = [*record.history, latest]

    def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        """Note how a trial ended."""
        record = self._record(trial)
        if self._is_kept(record):
            return
        result = trial.last_result or {}
        if record.problem:
            record.status = FAILED
        else:
            record.status = FINISHED if result.get("is_complete") else STOPPED
        self._keep(record)

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        """Note that a trial failed for good."""
        record = self._record(trial)
        if self._is_kept(record):
            return
        record.status, record.problem = FAILED, describe_failure(_failure_text(trial))
        self._keep(record)

    def on_trial_recover(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        """Note that a trial's process died and that it is started again."""
        record = self._record(trial)
        record.interruptions = [*record.interruptions, describe_failure(_failure_text(trial))]
        getLogger().warning(f"trial {record.key}: {record.interruptions[-1]}; starting it again from its last epoch")
        self._keep(record)

    def on_experiment_end(self, trials: list, **info: Any) -> None:
        """Write what a full disk has refused so far."""
        for record in list(self._unwritten.values()):
            self._keep(record)

    def _is_kept(self, record: TrialRecord) -> bool:
        """Whether a record is final.

        After a restart Ray may know less than the record: it then runs the trial again, which reports what the record
        says.
        """
        return record.status in DONE and not self._settings_change

    def _record(self, trial: Any) -> TrialRecord:
        if trial.trial_id not in self._records:
            setting = self._space.plain(trial.config["setting"])
            key = trial.trial_id if self._settings_change else setting_key(setting)
            self._records[trial.trial_id] = read_trial(self._folder, key) or TrialRecord(key, setting)
        return self._records[trial.trial_id]

    def _keep(self, record: TrialRecord) -> None:
        for waiting in [*self._unwritten.values(), record]:
            try:
                write_trial(self._folder, waiting)
                self._unwritten.pop(waiting.key, None)
            except OSError as problem:
                if waiting.key not in self._unwritten:
                    getLogger().warning(f"{self._folder}: {problem.strerror or problem}; the search goes on")
                self._unwritten[waiting.key] = waiting
        for display in _displays:
            display.update(record)


def _failure_text(trial: Any) -> str:
    """What Ray wrote about the failures of a trial; the file beside the driver is there first."""
    if trial.error_file and Path(trial.error_file).is_file():
        return Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
    return trial.get_error() or ""


def describe_failure(text: str) -> str:
    """The reason in one line, from the text that Ray keeps of a failure: the last of several attempts."""
    last = re.split(r"^Failure # \d+ \(occurred at [^)]*\)$", text, flags=re.MULTILINE)[-1]
    lines = [line.strip() for line in last.splitlines() if line.strip()]
    if not lines:
        return "its process died"
    if "OutOfMemoryError" in lines[0] or "low on memory" in last:
        return "killed by Ray because its node ran out of memory"
    if any(sign in last for sign in SIGNS_OF_DEATH):
        return "its process died (killed, out of memory, or its node is gone)"
    return lines[-1][:300]


def is_no_death(line: LogRecord) -> bool:
    """Filter for the log of Ray Tune: tracebacks of bugs stay, those of lost processes go, which the keeper tells of."""
    problem = line.exc_info[1] if line.exc_info else None
    return isinstance(problem, RayTaskError) or not isinstance(problem, RayError)

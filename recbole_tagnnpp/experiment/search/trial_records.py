"""What is known of each trial, one small JSON file a trial: finished trials survive whatever happens to Ray."""

import json
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.space import Setting
from recbole_tagnnpp.files import atomic_write, read_json

RUNNING, FINISHED, STOPPED, FAILED, INTERRUPTED = "running", "finished", "stopped", "failed", "interrupted"
"""finished: trained to its end; stopped: the scheduler ended it; failed: no result that counts; interrupted: the search
ended first."""
DONE = (FINISHED, STOPPED)


@dataclass
class TrialRecord:
    """One trial.

    Attributes:
        key: of its setting (``space.setting_key``), or Ray's id where settings change in mid-trial (pbt).
        setting: searched keys and values; with pbt those that its best score was reached with.
        status: running, finished, stopped, failed or interrupted.
        history: for each validated epoch ``epoch`` (from 1), ``score`` (valid_metric), ``valid_result`` (percent),
            ``train_loss`` and ``seconds``.
        problem: why it failed.
        interruptions: why its process died before it was started again, one entry each time.
    """

    key: str
    setting: Setting
    status: str = RUNNING
    history: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""
    interruptions: list[str] = field(default_factory=list)

    def best(self, bigger: bool) -> dict[str, Any] | None:
        """The best epoch of the history, of equal ones the last, as in training; ``None`` without any."""
        if not self.history:
            return None
        return (max if bigger else min)(reversed(self.history), key=lambda entry: entry["score"])

    @property
    def seconds(self) -> float:
        """Training and validation time of all epochs, also of those before an interruption."""
        return float(sum(entry["seconds"] for entry in self.history))


def write_trial(folder: Path, record: TrialRecord) -> None:
    """Write ``folder/<key>.json``, atomically."""
    with atomic_write(folder / f"{record.key}.json") as handle:
        json.dump(asdict(record), handle)
        handle.write("\n")


def read_trial(folder: Path, key: str) -> TrialRecord | None:
    """A trial's record, ``None`` if there is none.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / f"{key}.json"
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        _check_content(content, key)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as problem:
        raise UserError(f"{path}: damaged ({problem}); delete it to train this trial again") from problem
    return TrialRecord(**content)


def _check_content(content: Any, key: str) -> None:
    """Any of the errors that values of wrong types lead to, unless this is the whole record of a trial."""
    if content.keys() != {entry.name for entry in fields(TrialRecord)} or content["key"] != key:
        raise ValueError("not a trial's record")
    if not isinstance(content["setting"], dict) or not content["setting"]:
        raise ValueError("a setting is not there")
    for entry in content["history"]:
        if isinstance(entry["score"], bool) or not math.isfinite(entry["score"]):
            raise ValueError("a score is not a number")
        if not isinstance(entry["epoch"], int) or not isinstance(entry["valid_result"], dict):
            raise ValueError("an epoch is not whole")
        if not math.isfinite(entry["seconds"]):
            raise ValueError("a time is not a number")
    reasons = content["interruptions"]
    if not isinstance(reasons, list) or not all(isinstance(reason, str) for reason in [content["problem"], *reasons]):
        raise ValueError("what went wrong is not told as text")


def read_trials(folder: Path) -> list[TrialRecord]:
    """All records of a folder."""
    records = [read_trial(folder, file.stem) for file in sorted(folder.glob("*.json"))]
    return [record for record in records if record is not None]


def mark_interrupted(folder: Path) -> list[TrialRecord]:
    """Note in the records of an earlier process that nothing runs any more; returns all records.

    Raises:
        UserError: a record is damaged.
        OSError: a record cannot be written.
    """
    records = read_trials(folder)
    for record in records:
        if record.status == RUNNING:
            record.status = INTERRUPTED
            write_trial(folder, record)
    return records


def ranked(records: list[TrialRecord], bigger: bool) -> list[TrialRecord]:
    """Records from best to worst; failed ones and those without a score last.

    Of equal scores the one with fewer epochs is first, then the smaller key, so that the order is always the same.
    """

    def order(record: TrialRecord) -> tuple[bool, float, int, str]:
        best = record.best(bigger)
        if best is None:
            return (True, 0.0, 0, record.key)
        return (record.status == FAILED, -best["score"] if bigger else best["score"], len(record.history), record.key)

    return sorted(records, key=order)

"""Training one setting: what every trial does, on Ray or not.  Trials see training and validation sessions only."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import LoadedSessions, SessionDataset
from recbole_tagnnpp.errors import UserError, lacks_memory
from recbole_tagnnpp.experiment.fitting import fit_model
from recbole_tagnnpp.experiment.record import percent
from recbole_tagnnpp.experiment.search.space import SearchSpace, Setting
from recbole_tagnnpp.files import atomic_write
from recbole_tagnnpp.training.checkpoint import load_checkpoint


@dataclass(frozen=True)
class TrialJob:
    """What all trials of a search have in common.

    Attributes:
        settings: a whole configuration as plain values, so that a node needs no property files of the user.
        space: the searched keys.
        state: folder of the search's state, on a file system that all nodes see.
        bigger: whether larger scores are better.
        threads: of torch in a trial, ``None`` for its default.
        settings_change: with population based training, where a trial takes over another's checkpoint and setting.
    """

    settings: dict[str, Any]
    space: SearchSpace
    state: Path
    bigger: bool
    threads: int | None = None
    settings_change: bool = False

    @classmethod
    def of(cls, config: SessionConfig, space: SearchSpace, state: Path, threads: int | None, **more: Any) -> "TrialJob":
        """The job of a search around a configuration."""
        settings = {**config.to_plain_dict(), "preset": None, "show_progress": False, "resume": True}
        del settings["gpu_id"]  # this process has its GPU, and Ray chooses those of others
        return cls(settings, space, state.resolve(), bool(config["valid_metric_bigger"]), threads, **more)

    @property
    def records(self) -> Path:
        """Folder of trial records."""
        return self.state / "trials"

    @property
    def worst_score(self) -> float:
        """Score of a trial that failed, for search algorithms that need a number."""
        return 0.0 if self.bigger else 1e9

    def config(self, setting: Setting) -> SessionConfig:
        """Configuration of one trial.

        Raises:
            UserError: values of the setting do not go together.
        """
        return SessionConfig(config_dict={**self.settings, **setting})


@dataclass(frozen=True)
class TrialProgress:
    """Where a trial stands after an epoch.

    Attributes:
        history: validated epochs so far, see ``TrialRecord.history``.
        is_complete: whether training has come to its end.
    """

    history: list[dict[str, Any]]
    is_complete: bool


def train_setting(
    job: TrialJob,
    sessions: LoadedSessions,
    setting: Setting,
    folder: Path,
    on_epoch: Callable[[TrialProgress], None],
) -> None:
    """Train one setting, or continue where ``folder`` stands.

    ``on_epoch`` is called after each epoch's checkpoint; and once at the start, if the checkpoint is that of a training
    that had come to its end already.

    Args:
        job: of the search.
        sessions: training and validation sessions.
        setting: searched keys and values.
        folder: of the checkpoints of this trial alone.
        on_epoch: takes the progress; what it raises ends the trial.

    Raises:
        UserError: values of the setting do not go together, the loss is not finite.
    """
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    config = job.config(setting)
    last_file = folder / "last.pth"
    called = False

    def report(*_: Any) -> None:
        nonlocal called
        called = True
        on_epoch(read_progress(last_file, config))

    dataset = SessionDataset(config, sessions)
    fit_model(config, dataset, folder, dataset.validation, callback_fn=report)
    if not called:
        report()


def comes_again(problem: BaseException) -> bool:
    """Whether the next attempt would meet the same problem: input that the user can mend, too little memory or disk."""
    if isinstance(problem, OSError):
        return problem.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(problem, UserError) or lacks_memory(problem)


def read_progress(last_file: Path, config: SessionConfig) -> TrialProgress:
    """What a checkpoint says of its trial, the same after an interruption as without.

    Raises:
        UserError: the checkpoint is damaged.
    """
    training = load_checkpoint(last_file)["training"]
    metric = config["valid_metric"].lower()
    history = [
        {
            "epoch": entry["epoch"] + 1,
            "score": round(100 * entry["valid_result"][metric], 4),
            "valid_result": percent(entry["valid_result"]),
            "train_loss": entry["train_loss"],
            "seconds": round(entry["train_seconds"] + entry["valid_seconds"], 3),
        }
        for entry in training["history"]
        if entry.get("valid_result") is not None
    ]
    counts_only = training["history"][-1]["train_loss"] is None  # such models are done after one pass
    is_complete = training["is_finished"] or training["epoch"] + 1 >= config["epochs"] or counts_only
    return TrialProgress(history, is_complete)


def take_over_checkpoints(folder: Path, config: SessionConfig) -> None:
    """Make the checkpoints of another trial continue under this trial's configuration (population based training).

    The learning rate is set in every step anyway; the weight decay lives in the optimizer's state.  Early stopping
    starts to count anew.

    Raises:
        UserError: a checkpoint is damaged.
    """
    settings = config.to_plain_dict()
    for path in sorted(folder.glob("*.pth")):
        checkpoint = load_checkpoint(path)
        if checkpoint["config"] == settings:
            continue
        checkpoint["config"] = settings
        if "optimizer" in checkpoint["training"]:
            checkpoint["training"].update(cur_step=0, is_finished=False)
            for group in checkpoint["training"]["optimizer"]["param_groups"]:
                group["weight_decay"] = config["weight_decay"]
        with atomic_write(path, "wb") as handle:
            torch.save(checkpoint, handle)

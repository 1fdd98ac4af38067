"""A search whose trials meet accidents in mid-training; test_search_faults starts it as a process.

The accident is chosen by ``label_smoothing``, which is what the search varies.
"""

import errno
import os
import signal
import time
from pathlib import Path
from typing import Any

import torch

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.experiment.search.trial import TrialJob

QUIET, KILLED_ONCE, ALWAYS_EXITS, OUT_OF_MEMORY, BROKEN_LOSS, FULL_DISK = 0.0, 0.01, 0.02, 0.03, 0.04, 0.05
SLOW = (0.06, 0.07)
"""Trials that wait in their second epoch until a file says ``hurry``."""
ACCIDENTS = {
    "killed once": KILLED_ONCE,
    "exits": ALWAYS_EXITS,
    "memory": OUT_OF_MEMORY,
    "nan": BROKEN_LOSS,
    "disk": FULL_DISK,
}


class FaultyJob(TrialJob):
    """A job that arranges a trial's accident when the worker asks for its configuration."""

    def config(self, setting: dict[str, Any]) -> SessionConfig:
        arrange(setting["label_smoothing"], self.state)
        if setting["label_smoothing"] == BROKEN_LOSS:
            setting = {**setting, "learning_rate": 1e30}
        return super().config(setting)


def arrange(accident: float, folder: Path) -> None:
    """Replace the training of an epoch, in this worker, until the next trial."""
    from recbole_tagnnpp.training import checkpoint
    from recbole_tagnnpp.training.trainer import SessionTrainer

    train = getattr(SessionTrainer, "plain_train_epoch", SessionTrainer._train_epoch)
    write = getattr(checkpoint, "plain_write", checkpoint.atomic_write)
    SessionTrainer.plain_train_epoch, checkpoint.plain_write = train, write  # type: ignore[attr-defined]

    def train_epoch(trainer: Any, train_data: Any, epoch_idx: int, **options: Any) -> float:
        with open(folder / "epochs.txt", "a") as handle:
            handle.write(f"{accident} {epoch_idx}\n")
        if epoch_idx == 1:
            meet(accident, folder)
        return train(trainer, train_data, epoch_idx, **options)

    def atomic_write(path: Path, mode: str = "w") -> Any:
        if accident == FULL_DISK and path.name == "last.pth" and (path.parent / "last.pth").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, mode)

    SessionTrainer._train_epoch = train_epoch  # type: ignore[method-assign, assignment]
    checkpoint.atomic_write = atomic_write


def meet(accident: float, folder: Path) -> None:
    """The accident, before the second epoch."""
    if accident == KILLED_ONCE and not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if accident == ALWAYS_EXITS:
        os._exit(137)
    if accident == OUT_OF_MEMORY:
        torch.empty(10**16)  # 40 PB, more than there are addresses: refused at once wherever this runs
    while accident in SLOW and not (folder / f"hurry {accident}").exists():
        time.sleep(0.05)


def main(faulty: list[str], others: list[list[str]]) -> int:
    """``tune`` with such trials, then searches without; returns the first exit status that is not 0."""
    from recbole_tagnnpp.cli import main as command
    from recbole_tagnnpp.experiment import ray_cluster
    from recbole_tagnnpp.experiment.search import ray_search

    ray_cluster.SECONDS_WITHOUT_HEAD = 3.0  # on one machine nobody is silent for long and comes back
    ray_search.TrialJob = FaultyJob  # type: ignore[misc]
    status = command(["tune", *faulty])
    ray_search.TrialJob = TrialJob  # type: ignore[misc]
    return status or max((command(["tune", *search]) for search in others), default=0)

"""A trial as Ray Tune runs it: restored from its checkpoint, reporting every epoch with one."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

from recbole_tagnnpp.data.session_dataset import LoadedSessions
from recbole_tagnnpp.errors import UserError, describe_problem
from recbole_tagnnpp.experiment.search.space import setting_key
from recbole_tagnnpp.experiment.search.trial import (
    TrialJob,
    TrialProgress,
    comes_again,
    take_over_checkpoints,
    train_setting,
)
from recbole_tagnnpp.experiment.search.trial_records import DONE, read_trial


def ray_trial(config: dict[str, Any], job: TrialJob, sessions: LoadedSessions) -> None:
    """Train one setting in a worker of Ray.

    A setting that has a finished record is not trained again: its epochs are reported as they were.  A problem that
    the next attempt would meet as well (a loss that is not finite, too little memory or disk) is reported as a result
    with a ``problem``; everything else escapes, and Ray starts the trial again.

    Args:
        config: ``{"setting": searched keys and values}``.
        job: of the search.
        sessions: from Ray's object store, one copy a node.
    """
    from ray import tune

    setting = job.space.plain(config["setting"])
    known = None if job.settings_change else read_trial(job.records, setting_key(setting))
    if known is not None and known.status in DONE:
        for n_epochs in range(1, len(known.history) + 1):
            is_complete = n_epochs == len(known.history) and known.status == "finished"
            tune.report(_metrics(job, TrialProgress(known.history[:n_epochs], is_complete)))
        return
    folder = job.state / "work" / tune.get_context().get_trial_id()
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier attempt; what counts is Ray's checkpoint
    folder.mkdir(parents=True)
    progress = TrialProgress([], False)
    try:
        _restore(folder, job, setting)

        def on_epoch(now: TrialProgress) -> None:
            nonlocal progress
            progress = now
            tune.report(_metrics(job, now), checkpoint=tune.Checkpoint.from_directory(str(folder)))

        train_setting(job, sessions, setting, folder, on_epoch)
    except (UserError, MemoryError, OSError, RuntimeError) as problem:
        if not comes_again(problem):
            raise
        worst = {"score": job.worst_score, "best_score": job.worst_score}
        tune.report({**_metrics(job, progress), **worst, "problem": describe_problem(problem)})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _restore(folder: Path, job: TrialJob, setting: dict[str, Any]) -> None:
    from ray import tune

    checkpoint = tune.get_checkpoint()
    if checkpoint is None:
        return
    with checkpoint.as_directory() as source:
        for name in ("best.pth", "last.pth"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(Path(source) / name, folder / name)
    if job.settings_change:
        take_over_checkpoints(folder, job.config(setting))


def _metrics(job: TrialJob, progress: TrialProgress) -> dict[str, Any]:
    scores = [entry["score"] for entry in progress.history] or [job.worst_score]
    return {
        "epoch": progress.history[-1]["epoch"] if progress.history else 0,
        "score": scores[-1],
        "best_score": (max if job.bigger else min)(scores),
        "is_complete": progress.is_complete,
        "history": progress.history,
        "problem": "",
    }

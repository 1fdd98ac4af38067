"""A search on Ray Tune."""

import os
import shutil
from collections.abc import Mapping, Sequence
from logging import getLogger
from pathlib import Path
from typing import Any

import psutil

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import LoadedSessions
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment import ray_cluster
from recbole_tagnnpp.experiment.cores import usable_cores
from recbole_tagnnpp.experiment.search.algorithms import make_scheduler, make_searcher, metric_and_mode
from recbole_tagnnpp.experiment.search.display import SearchDisplay
from recbole_tagnnpp.experiment.search.options import DEFAULT_TRIALS, SearchOptions
from recbole_tagnnpp.experiment.search.space import SearchSpace, Setting, setting_key
from recbole_tagnnpp.experiment.search.trial import TrialJob
from recbole_tagnnpp.experiment.search.trial_records import FAILED, FINISHED, RUNNING, STOPPED, read_trials

BYTES_PER_WORKER = 1_500_000_000
"""Of main memory, for torch, a model and its evaluation; only used to choose the number of workers."""


def search_on_ray(
    options: SearchOptions,
    config: SessionConfig,
    space: SearchSpace,
    settings: Sequence[Setting] | None,
    untuned: Mapping[str, Any],
    sessions: LoadedSessions,
    state: Path,
    display: SearchDisplay,
) -> None:
    """Run the trials on Ray; their records are under ``state/trials`` afterwards.

    Args:
        options: of the search.
        config: what is searched around.
        space: searched keys.
        settings: what is tried; ``None`` lets the algorithm choose.
        untuned: the setting that the configuration has without a search.
        sessions: put into Ray's object store once.
        state: folder of the search; an interrupted search there is continued.
        display: of progress.

    Raises:
        UserError: no cluster answers, no node can hold a trial, or a state that Ray cannot restore.
        KeyboardInterrupt: Ray ended before the trials did.
    """
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # or Ray prints a table beside ours
    n_trials = len(settings) if settings is not None else options.trials or DEFAULT_TRIALS
    workers, cpus = _workers_and_cpus(options, n_trials)
    if options.schedule == "pbt" and workers is not None and workers < n_trials:
        getLogger().warning(
            f"population based training of {n_trials} trials with {workers} workers: every exchange starts processes anew, "
            f"a few seconds each; --workers={n_trials} or fewer trials avoid that"
        )
    gpus = options.gpus_per_trial
    with ray_cluster.connected(options.address, workers or 1, cpus, gpus or 0.0, _size(sessions)):
        from ray import tune

        from recbole_tagnnpp.experiment.search.ray_trial import ray_trial
        from recbole_tagnnpp.experiment.search.record_keeper import is_no_death, show_on

        getLogger("ray.tune.execution.tune_controller").addFilter(is_no_death)
        if gpus is None:
            gpus = 1.0 if config["use_gpu"] and ray_cluster.available_gpus() else 0.0
        job = TrialJob.of(config, space, state, cpus, settings_change=options.schedule == "pbt")
        job.settings["use_gpu"] = gpus > 0
        trainable = tune.with_resources(
            tune.with_parameters(ray_trial, job=job, sessions=sessions), {"cpu": cpus, "gpu": gpus}
        )
        param_space = {} if settings is None else {"setting": tune.grid_search(list(settings))}
        folder = job.state / f"ray-{n_trials}"
        if folder.is_dir() and settings is not None and not job.settings_change and not _is_cut_short(job, settings):
            shutil.rmtree(folder)  # all trials ended; those that failed are tried again, the others have their records
        show_on(display)
        try:
            if tune.Tuner.can_restore(str(folder)):
                _check_owner(folder)
                tuner = tune.Tuner.restore(str(folder), trainable, resume_errored=True, param_space=param_space)
            else:
                seed = config["seed"]
                tune_config = _tune_config(
                    options,
                    job.bigger,
                    n_samples=1 if settings is not None else n_trials,
                    workers=workers,
                    searcher=make_searcher(options, space, job.bigger, seed, untuned),
                    scheduler=make_scheduler(options, space, config["epochs"], seed),
                )
                run_config = _run_config(options, job, folder)
                tuner = tune.Tuner(trainable, param_space=param_space, tune_config=tune_config, run_config=run_config)
            tuner.fit()
        finally:
            show_on(None)
    if _is_cut_short(job, settings):
        raise KeyboardInterrupt
    shutil.rmtree(job.state / "work", ignore_errors=True)


def _tune_config(
    options: SearchOptions, bigger: bool, n_samples: int, workers: int | None, searcher: Any, scheduler: Any
) -> Any:
    """How Ray chooses and compares trials."""
    from ray import tune

    metric, mode = metric_and_mode(options, bigger)
    return tune.TuneConfig(
        metric=metric,
        mode=mode,
        num_samples=n_samples,
        max_concurrent_trials=workers,
        search_alg=searcher,
        scheduler=scheduler,
        reuse_actors=True,
        trial_dirname_creator=_trial_folder,
    )


def _run_config(options: SearchOptions, job: TrialJob, folder: Path) -> Any:
    """Where Ray keeps its state, and what it does when a worker dies."""
    from ray import tune

    from recbole_tagnnpp.experiment.search.record_keeper import RecordKeeper

    return tune.RunConfig(
        name=folder.name,
        storage_path=str(job.state),
        failure_config=tune.FailureConfig(max_failures=options.retries),
        # population based training goes back to older checkpoints, also to those of other trials
        checkpoint_config=tune.CheckpointConfig(num_to_keep=None if job.settings_change else 1),
        callbacks=[RecordKeeper(job)],
        verbose=0,
    )


def _is_cut_short(job: TrialJob, settings: Sequence[Setting] | None) -> bool:
    """Whether a search ended before its trials did; Ray returns like that after Ctrl-C."""
    status = {record.key: record.status for record in read_trials(job.records)}
    if settings is None or job.settings_change:
        return RUNNING in status.values()
    return any(status.get(setting_key(setting)) not in (FINISHED, STOPPED, FAILED) for setting in settings)


def _trial_folder(trial: Any) -> str:
    return f"trial_{trial.trial_id}"


def _workers_and_cpus(options: SearchOptions, n_trials: int) -> tuple[int | None, int]:
    """Trials at once (``None``: as many as the cluster holds) and CPUs of each."""
    if options.address is not None:
        return options.workers, options.cpus_per_trial or 1
    cores = usable_cores()
    by_memory = int(psutil.virtual_memory().available // BYTES_PER_WORKER)
    workers = options.workers or max(1, min(cores // (options.cpus_per_trial or 1), by_memory, n_trials))
    return workers, options.cpus_per_trial or max(1, cores // workers)


def _size(sessions: LoadedSessions) -> int:
    arrays = [
        array
        for part in (sessions.training, sessions.validation)
        for array in (part.prefix_items, part.prefix_ends, part.target_items, part.session_numbers)
    ]
    return sum(array.nbytes for array in arrays) + sessions.vocabulary.nbytes


def _check_owner(folder: Path) -> None:
    """Ray restores a search by unpickling its state, which runs code from it: only our own folder is trusted.

    Raises:
        UserError: others own the folder or may write to it.
    """
    if not hasattr(os, "getuid"):
        return
    for place in (folder.parent, folder):
        status = place.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o022:
            raise UserError(
                f"{place}: belongs to another user, or others may write to it; Ray's state there is not restored, because "
                "reading it runs code from it (chmod go-w, or --resume=False to start anew)"
            )

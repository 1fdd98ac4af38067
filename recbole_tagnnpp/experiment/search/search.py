"""A search from its arguments to its results: the one path of ``tune``."""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from logging import getLogger
from pathlib import Path
from typing import Any

import torch

from recbole_tagnnpp.config.layers import CHOICES
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.config.yaml_files import shortened
from recbole_tagnnpp.data.session_dataset import LoadedSessions, SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.environment import describe_machine, describe_versions
from recbole_tagnnpp.experiment.logs import set_up_logging
from recbole_tagnnpp.experiment.record import IRRELEVANT_FOR_RESULTS, write_record
from recbole_tagnnpp.experiment.run import place_of_run, prepare_data, run
from recbole_tagnnpp.experiment.search import report
from recbole_tagnnpp.experiment.search.display import SearchDisplay
from recbole_tagnnpp.experiment.search.in_process import search_in_process
from recbole_tagnnpp.experiment.search.options import DEFAULT_TRIALS
from recbole_tagnnpp.experiment.search.plan import SearchPlan
from recbole_tagnnpp.experiment.search.settings import grid_settings, random_settings
from recbole_tagnnpp.experiment.search.space import Setting, setting_key
from recbole_tagnnpp.experiment.search.space_check import problem_of
from recbole_tagnnpp.experiment.search.training_share import most_recent_sessions
from recbole_tagnnpp.experiment.search.trial import TrialJob
from recbole_tagnnpp.experiment.search.trial_records import FAILED, TrialRecord, mark_interrupted, ranked, read_trials
from recbole_tagnnpp.files import alone_in, check_folder

SEARCH_VERSION = 1


@dataclass(frozen=True)
class SearchPlace:
    """Where a search keeps its files.

    Attributes:
        results: best.yaml, tables, plot, record.
        state: trial records, checkpoints and Ray's state; what an interrupted search continues from.
    """

    results: Path
    state: Path


def search(plan: SearchPlan) -> dict[str, Any]:
    """Run the trials of a plan, write the results, and test the best setting once.

    A search of the same name that was interrupted is continued: finished trials are not trained again.

    Args:
        plan: checked arguments.

    Returns:
        The search's record, as written to ``search.json``.

    Raises:
        UserError: anything the user can mend; every trial failed.
    """
    config = plan.config()
    set_up_logging(config["state"])
    manifest = prepare_data(config)
    identity = _identity(plan, config, manifest.checksum)
    place = _place_of(plan, config, identity)
    check_folder(place.results, "output")
    with alone_in(place.state, "runs this very search", is_private=True):
        if plan.options.resume is False:
            _clear(place)
        elif plan.options.resume and not any(place.state.glob("*/")):
            raise UserError(f"--resume: no search to continue in {place.state}; leave --resume out to start it")
        _claim(place.state, identity)
        return _search(plan, config, place, manifest.checksum)


def _search(plan: SearchPlan, config: SessionConfig, place: SearchPlace, checksum: str) -> dict[str, Any]:
    started, started_at = time.perf_counter(), datetime.now(UTC)
    options, space, metric, logger = plan.options, plan.space, config["valid_metric"], getLogger()
    dataset = SessionDataset(config)
    sessions = dataset.load()
    sessions = LoadedSessions(
        sessions.vocabulary, most_recent_sessions(sessions.training, options.training_share), sessions.validation
    )
    logger.info(f"{dataset}; trials learn from {len(sessions.training)} sequences; results: {place.results}")
    for name, values in space.describe().items():
        logger.info(f"searching {name}: {values}")

    untuned = {name: plan.layers.final[name] for name in space.parameters}
    settings = _settings(plan, config["seed"], untuned)
    n_trials = len(settings) if settings is not None else options.trials or DEFAULT_TRIALS
    job = TrialJob.of(config, space, place.state, config["threads"])
    title = f"{config['model']} on {config['dataset']}, {options.algorithm}, scheduler {options.schedule}"
    known = mark_interrupted(job.records)
    with SearchDisplay(title, n_trials, metric, job.bigger, show=plan.layers.final["show_progress"]) as display:
        display.remember(known)
        if options.uses_ray:
            from recbole_tagnnpp.experiment.search.ray_search import search_on_ray

            search_on_ray(options, config, space, settings, untuned, sessions, place.state, display)
        else:
            assert settings is not None  # checked by the options: other algorithms need Ray
            if config["threads"]:
                torch.set_num_threads(config["threads"])
            search_in_process(settings, job, sessions, display)

    records = ranked(_records_of(settings, job, options.schedule), job.bigger)
    best = _best_of(records, job.bigger)
    best_settings = _best_settings(plan, best)
    untuned_key = setting_key(untuned) if any(record.key == setting_key(untuned) for record in records) else None
    record = {
        **_what_was_searched(plan, config, checksum, sessions, n_trials),
        **_what_was_found(records, best, untuned_key, job.bigger),
        "started": started_at.isoformat(timespec="seconds"),
        "seconds_since_resume": round(time.perf_counter() - started, 1),
    }
    _write_results(plan, place, record, records, best_settings, job.bigger)
    report.print_outcome(records, metric, job.bigger, untuned_key, place.results)
    if options.final:
        record["final_record"] = _final_run(plan, best_settings)
        write_record(place.results / "search.json", record)
    if not record["failed"]:
        for folder in [*place.state.glob("ray-*"), place.state / "work"]:  # records of trials stay, they are small
            shutil.rmtree(folder, ignore_errors=True)
    return record


def _what_was_searched(
    plan: SearchPlan, config: SessionConfig, checksum: str, sessions: LoadedSessions, n_trials: int
) -> dict[str, Any]:
    """The part of a search's record that is known beforehand."""
    options = plan.options
    return {
        "search_version": SEARCH_VERSION,
        "model": config["model"],
        "dataset": config["dataset"],
        "preset": config["preset"],
        "algorithm": options.algorithm,
        "scheduler": options.schedule,
        "trials_asked_for": n_trials,
        "training_share": options.training_share,
        "training_sequences": len(sessions.training),
        "validation_sequences": len(sessions.validation),
        "valid_metric": config["valid_metric"],
        "scores_in": "percent",
        "seed": config["seed"],
        "epochs": config["epochs"],
        "space": plan.space.describe(),
        "data_checksum": checksum,
        "machine": describe_machine(config["device"]),
        "versions": describe_versions(),
        "config": config.to_plain_dict(),
    }


def _what_was_found(
    records: Sequence[TrialRecord], best: TrialRecord, untuned_key: str | None, bigger: bool
) -> dict[str, Any]:
    """The part of a search's record that its trials decide."""
    return {
        "best": _describe(best, bigger),
        "untuned": _describe(next((r for r in records if r.key == untuned_key), None), bigger),
        "failed": {record.key: record.problem for record in records if record.status == FAILED},
        "restarted": {record.key: record.interruptions for record in records if record.interruptions},
        "trials": [vars(record) for record in records],
        "trial_seconds": round(sum(record.seconds for record in records), 1),
        "final_record": None,
    }


def _settings(plan: SearchPlan, seed: int, untuned: Setting) -> list[Setting] | None:
    """What is tried, ``None`` where the algorithm chooses as it goes."""

    def is_allowed(setting: Mapping[str, Any]) -> bool:
        return problem_of(plan.layers, setting) is None

    if plan.options.algorithm == "exhaustive":
        return grid_settings(plan.space, is_allowed)
    if plan.options.algorithm == "random":
        return random_settings(plan.space, plan.options.trials or DEFAULT_TRIALS, seed, is_allowed, first=untuned)
    return None


def _records_of(settings: Sequence[Setting] | None, job: TrialJob, schedule: str) -> list[TrialRecord]:
    """Records of this search's trials; an earlier one of the same name may have had more."""
    records = read_trials(job.records)
    if settings is None or schedule == "pbt":
        return records
    keys = {setting_key(setting) for setting in settings}
    return [record for record in records if record.key in keys]


def _best_of(records: Sequence[TrialRecord], bigger: bool) -> TrialRecord:
    if not records or records[0].status == FAILED or records[0].best(bigger) is None:
        first = next((f"; the first: {record.problem}" for record in records if record.problem), "")
        raise UserError(f"all {len(records)} trials failed{first}")
    return records[0]


def _best_settings(plan: SearchPlan, best: TrialRecord) -> dict[str, Any]:
    """Everything that a run of the best setting needs beside property files."""
    layers = plan.layers
    of_caller = {**layers.files, **layers.dictionary, **layers.command_line}
    names = {"model": layers.model, "dataset": layers.dataset, "preset": layers.final["preset"]}
    return {**names, **{key: value for key, value in of_caller.items() if key not in CHOICES}, **best.setting}


def _describe(record: TrialRecord | None, bigger: bool) -> dict[str, Any] | None:
    if record is None:
        return None
    best = record.best(bigger)
    return {
        "trial": record.key,
        "setting": record.setting,
        "status": record.status,
        "score": best["score"] if best else None,
        "epoch": best["epoch"] if best else None,
        "valid_result": best["valid_result"] if best else None,
    }


def _write_results(
    plan: SearchPlan,
    place: SearchPlace,
    record: dict[str, Any],
    records: list[TrialRecord],
    best_settings: dict[str, Any],
    bigger: bool,
) -> None:
    metric, best = record["valid_metric"], record["best"]
    report.write_tables(place.results, report.trial_rows(records, plan.space, bigger))
    report.write_parallel_coordinates(place.results / "parallel_coordinates.svg", records, plan.space, metric, bigger)
    report.write_best(
        place.results / "best.yaml",
        best_settings,
        f"best of {len(records)} trials: validation {metric} {best['score']:.2f} in epoch {best['epoch']}",
    )
    record["final_record"] = _tested_before(place.results / "search.json", best["setting"])
    write_record(place.results / "search.json", record)


def _tested_before(search_record: Path, setting: Setting) -> str | None:
    """The test record that an earlier part of this search has made, if the best setting was the same then."""
    try:
        earlier = json.loads(search_record.read_text(encoding="utf-8"))
        is_of_setting = setting_key(earlier["best"]["setting"]) == setting_key(setting)
        return earlier["final_record"] if is_of_setting else None
    except (OSError, ValueError, LookupError, TypeError):  # there is none, or it is damaged
        return None


def _final_run(plan: SearchPlan, best_settings: dict[str, Any]) -> str:
    """Train the best setting with ``refit`` and test it, unless its record is there; returns the record's path."""
    refit = plan.layers.final["refit"] if "refit" in plan.layers.command_line else True
    config = SessionConfig(config_dict={**best_settings, "refit": refit})
    record_file = place_of_run(config, prepare_data(config)).record
    if record_file.is_file():
        getLogger().info(f"the best setting has been tested before: {record_file}")
    else:
        run(config)
    return str(record_file)


def _identity(plan: SearchPlan, config: SessionConfig, checksum: str) -> dict[str, Any]:
    """What makes two searches the same, as plain values; asking for more trials or workers changes nothing."""
    options = plan.options
    settings = {key: value for key, value in config.to_plain_dict().items() if key not in IRRELEVANT_FOR_RESULTS}
    space = {f"space of {name}": values for name, values in plan.space.describe().items()}
    names = ("algorithm", "schedule", "training_share", "grace_epochs", "reduction_factor", "perturbation_epochs")
    return {**settings, **space, **{name: getattr(options, name) for name in names}, "checksum of the data": checksum}


def _place_of(plan: SearchPlan, config: SessionConfig, identity: Mapping[str, Any]) -> SearchPlace:
    """Folders of a search, the same for the same search."""
    options = plan.options
    name = options.name
    if name is None:
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
        name = f"{config['model']}-{options.algorithm}-{options.schedule}-seed{config['seed']}-{digest}"
    return SearchPlace(
        options.output / config["dataset"] / name,
        Path(config["checkpoint_dir"]) / "search" / config["dataset"] / name,
    )


def _claim(state: Path, identity: dict[str, Any]) -> None:
    """Write down which search a folder belongs to.

    Raises:
        UserError: to another one, whose trials would be taken for trials of this.
    """
    file = state / "identity.json"
    if file.is_file():
        try:
            earlier = json.loads(file.read_text(encoding="utf-8"))
            keys = [key for key in {**earlier, **identity} if earlier.get(key) != identity.get(key)]
        except (OSError, ValueError, TypeError, AttributeError) as problem:
            raise UserError(f"{file}: not readable ({problem}); --resume=False forgets that search") from problem
        if keys:
            raise UserError(
                f"{state}: a search of this name has {keys[0]}={shortened(earlier.get(keys[0]))}, this one has "
                f"{shortened(identity.get(keys[0]))}; give it another --name, or --resume=False to forget the earlier one"
            )
    write_record(file, identity)


def _clear(place: SearchPlace) -> None:
    """Forget an earlier search of the same name."""
    (place.state / "identity.json").unlink(missing_ok=True)
    for entry in place.state.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
    for name in ("best.yaml", "trials.csv", "trials.md", "parallel_coordinates.svg", "search.json"):
        (place.results / name).unlink(missing_ok=True)

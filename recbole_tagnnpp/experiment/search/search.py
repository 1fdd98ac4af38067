"""A search from its arguments to its results: the one path of ``tune``."""

import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from logging import getLogger
from typing import Any

import torch

from recbole_tagnnpp.config.layers import CHOICES
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.config.value_checks import check_cut_offs
from recbole_tagnnpp.data.manifest import Manifest
from recbole_tagnnpp.data.session_dataset import LoadedSessions
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.before_training import check_before_training
from recbole_tagnnpp.experiment.logs import set_up_logging
from recbole_tagnnpp.experiment.record import write_record
from recbole_tagnnpp.experiment.run import prepare_data, read_sessions, run
from recbole_tagnnpp.experiment.run_place import place_of_run
from recbole_tagnnpp.experiment.search import report
from recbole_tagnnpp.experiment.search.display import SearchDisplay
from recbole_tagnnpp.experiment.search.in_process import search_in_process
from recbole_tagnnpp.experiment.search.options import DEFAULT_TRIALS
from recbole_tagnnpp.experiment.search.place import SearchPlace, claim_folder, clear_folders, identity_of, place_of_search
from recbole_tagnnpp.experiment.search.plan import SearchPlan
from recbole_tagnnpp.experiment.search.search_record import tested_before, what_was_found, what_was_searched
from recbole_tagnnpp.experiment.search.settings import grid_settings, random_settings
from recbole_tagnnpp.experiment.search.space import Setting, setting_key
from recbole_tagnnpp.experiment.search.space_check import problem_of
from recbole_tagnnpp.experiment.search.training_share import most_recent_sessions
from recbole_tagnnpp.experiment.search.trial import TrialJob
from recbole_tagnnpp.experiment.search.trial_records import FAILED, TrialRecord, mark_interrupted, ranked, read_trials
from recbole_tagnnpp.files import alone_in, check_folder


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
    identity = identity_of(plan, config, manifest.checksum)
    place = place_of_search(plan, config, identity)
    check_folder(place.results, "output")
    check_folder(place.state, "checkpoint_dir")
    if plan.options.final:
        check_before_training(config, manifest, place_of_run(config, manifest))
    else:
        check_cut_offs(config.to_plain_dict(), manifest.n_items)
    with alone_in(place.state, "runs this very search", is_private=True):
        if plan.options.resume is False:
            clear_folders(place)
        elif plan.options.resume and not any(place.state.glob("*/")):
            raise UserError(f"--resume: no search to continue in {place.state}; leave --resume out to start it")
        claim_folder(place, identity)
        return _search(plan, config, place, manifest)


def _search(plan: SearchPlan, config: SessionConfig, place: SearchPlace, manifest: Manifest) -> dict[str, Any]:
    started, started_at = time.perf_counter(), datetime.now(UTC)
    options, space, metric, logger = plan.options, plan.space, config["valid_metric"], getLogger()
    dataset = read_sessions(config, manifest)
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
        **what_was_searched(plan, config, manifest.checksum, sessions, n_trials),
        **what_was_found(records, best, untuned_key, job.bigger),
        "started": started_at.isoformat(timespec="seconds"),
        "seconds_since_resume": round(time.perf_counter() - started, 1),
    }
    _write_results(plan, place, record, records, best_settings, job.bigger)
    report.print_outcome(records, metric, job.bigger, untuned_key, place.results)
    if options.final:
        record["final_record"] = _final_run(best_settings)
        write_record(place.results / "search.json", record)
    if not record["failed"]:
        for folder in [*place.state.glob("ray-*"), place.state / "work"]:  # records of trials stay, they are small
            shutil.rmtree(folder, ignore_errors=True)
    return record


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
    names = {"model": layers.model, "dataset": layers.dataset, "preset": layers.final["preset"]}
    return {**names, **{key: value for key, value in layers.given.items() if key not in CHOICES}, **best.setting}


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
    record["final_record"] = tested_before(place.results / "search.json", best["setting"])
    write_record(place.results / "search.json", record)


def _final_run(best_settings: dict[str, Any]) -> str:
    """Train the best setting and test it, unless its record is there; returns the record's path.

    With ``refit``, unless the caller has said otherwise.
    """
    config = SessionConfig(config_dict={"refit": True, **best_settings})
    record_file = place_of_run(config, prepare_data(config)).record
    if record_file.is_file():
        getLogger().info(f"the best setting has been tested before: {record_file}")
    else:
        run(config)
    return str(record_file)

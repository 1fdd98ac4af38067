"""The one path that trains and tests a model, ours or RecBole's."""

import contextlib
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from logging import getLogger
from pathlib import Path
from typing import Any

import torch

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.locate import ensure_prepared
from recbole_tagnnpp.data.manifest import Manifest, check_files
from recbole_tagnnpp.data.rules import PreparationRules
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.before_training import check_before_training
from recbole_tagnnpp.experiment.environment import describe_machine, describe_versions
from recbole_tagnnpp.experiment.fitting import fit_model, make_loader
from recbole_tagnnpp.experiment.logs import set_up_logging
from recbole_tagnnpp.experiment.memory import peak_memory_megabytes, reset_peak_memory
from recbole_tagnnpp.experiment.record import RECORD_VERSION, percent, write_record
from recbole_tagnnpp.experiment.report.records import checked_content
from recbole_tagnnpp.experiment.result_table import print_result
from recbole_tagnnpp.experiment.run_place import RunPlace, place_of_run
from recbole_tagnnpp.experiment.selection import Selection, epoch_records, recorded_selection
from recbole_tagnnpp.experiment.target_ranks import TestSequenceFacts, write_facts, write_ranks
from recbole_tagnnpp.files import alone_in, atomic_write
from recbole_tagnnpp.training.checkpoint import check_settings, load_checkpoint
from recbole_tagnnpp.training.distributed.ranks import ALONE, Ranks
from recbole_tagnnpp.training.trainer import SessionTrainer


def run(
    config: SessionConfig, callback_fn: Callable[[int, float], None] | None = None, ranks: Ranks = ALONE
) -> dict[str, Any]:
    """Prepare the data if necessary, train, select on validation data, test once, record.

    An interrupted run with the same configuration and data continues from its last finished epoch (``resume``).
    A run that ended here before is not repeated (``resume=False`` repeats it).
    With ``refit`` the model is trained once more from the start on training plus validation sequences, for the number
    of epochs that validation chose, and that model is tested; where the same run without ``refit`` has ended before,
    on this machine, its record says what validation chose.  With ``refit="all"`` another one is trained after the
    test in the same way on all sequences, to be kept in its place.

    Args:
        config: final configuration.
        callback_fn: called with epoch and validation score after each epoch of a selection that this run trains.
        ranks: the processes that train the model together; all of them call this, the first one writes files.

    Returns:
        The run record, as written under ``results_path``.

    Raises:
        UserError: anything the user can mend.
    """
    set_up_logging(config["state"])
    if config["threads"]:
        torch.set_num_threads(config["threads"])
    manifest = ranks.first_before_others(lambda: prepare_data(config))
    place = place_of_run(config, manifest)

    def has_ended() -> bool:
        return ranks.gather(bool(config["resume"] and place.is_finished))[0]

    if has_ended():
        return _show_finished(config, place, ranks)
    if ranks.is_first:
        check_before_training(config, manifest, place)
        if place.record.is_file() and config["resume"]:
            getLogger().warning(
                f"{place.record}: a record of this very run, whose model is not under {config['checkpoint_dir']} (made "
                "elsewhere, perhaps); it will be replaced (another --results_path keeps both)"
            )
    with alone_in(place.checkpoints, "is training this very run") if ranks.is_first else contextlib.nullcontext():
        if has_ended():  # since, in a process that held the lock
            return _show_finished(config, place, ranks)
        return _run(config, manifest, place, callback_fn, ranks)


def _show_finished(config: SessionConfig, place: RunPlace, ranks: Ranks) -> dict[str, Any]:
    """Print the result of a run that ended before; returns its record.

    Raises:
        UserError: the record or the kept model is damaged, or the model is another run's.
    """
    try:
        record = checked_content(place.record)
        check_settings(load_checkpoint(place.weights), config.to_plain_dict(), place.weights)
    except UserError as problem:
        raise UserError(f"{problem}; --resume=False trains and tests again") from problem
    if ranks.is_first:
        print_result(record)
        getLogger().info(f"this run has ended before, --resume=False repeats it; record: {place.record}")
        getLogger().info(f"its model, for `recommend --model_file`: {place.weights}")
    return record


def prepare_data(config: SessionConfig) -> Manifest:
    """Manifest of the configuration's dataset, which is prepared first if necessary.

    A configuration without rules, for files that were prepared by hand, gets those of the manifest: how long prefixes are
    and what columns are called goes into the checkpoints.

    Raises:
        UserError: there is neither a prepared dataset nor a source, or a source is malformed.
    """
    name, folder = config["dataset"], Path(config["data_path"])
    rules = config["preparation"]
    where = f"preparation of dataset {name}"
    parsed = None if rules is None else PreparationRules.from_mapping(rules, where, config.origin_of_rule)
    manifest = ensure_prepared(name, folder.parent, parsed, config["show_progress"])
    if parsed is None:
        config.take_preparation(manifest.rules)
    return manifest


def read_sessions(config: SessionConfig, manifest: Manifest) -> SessionDataset:
    """Training and validation sequences, just as the manifest says.

    Raises:
        UserError: another process has prepared the dataset by other rules since the manifest was read.
    """
    dataset = SessionDataset(config)
    check_files(dataset.folder, manifest)
    return dataset


def _run(
    config: SessionConfig,
    manifest: Manifest,
    place: RunPlace,
    callback_fn: Callable[[int, float], None] | None,
    ranks: Ranks,
) -> dict[str, Any]:
    logger = getLogger()
    reset_peak_memory(config["device"])
    started, started_at = time.perf_counter(), datetime.now(UTC)
    dataset = read_sessions(config, manifest)
    _warn_of_settings_without_effect(config, manifest)
    logger.info(f"{dataset}; record: {place.record}")

    def select() -> SessionTrainer:
        folder = place.checkpoints / "selection"
        return fit_model(config, dataset, folder, dataset.validation, callback_fn=callback_fn, ranks=ranks)

    if config["refit"]:
        selection = recorded_selection(config, manifest, ranks) or Selection.of_trainer(select())
        more = dataset.learning_from(dataset.validation)
        final = fit_model(config, more, place.checkpoints / "refit", None, selection.n_epochs, ranks=ranks)
    else:
        final = select()
        selection = Selection.of_trainer(final)

    logger.info("test: the only look at the test sequences")
    test_started = time.perf_counter()
    check_files(dataset.folder, manifest)  # training may have taken days: is this still the test of these sessions?
    test_data = make_loader(config, dataset, dataset.test_sequences(), training=False, model=final.model)
    test_result = final.evaluate(test_data, show_progress=config["show_progress"])
    finished = time.perf_counter()
    kept = final
    if config["refit"] == "all":
        logger.info("refit=all: the model that is kept learns from all sessions, those of the test, too")
        everything = dataset.learning_from(dataset.validation, test_data.sequences)
        kept = fit_model(config, everything, place.checkpoints / "all", None, selection.n_epochs, ranks=ranks)

    record = {
        **_what_was_run(config, manifest, dataset, len(test_data.sequences)),
        **_what_came_out(config, selection, final, test_result),
        "test_seconds": finished - test_started,
        "total_seconds_since_resume": finished - started,
        "processes": ranks.size,
        "started": started_at.isoformat(timespec="seconds"),
    }
    if not ranks.is_first:
        return record
    with atomic_write(place.weights, "wb") as model_file, open(kept.saved_model_file, "rb") as weights:
        shutil.copyfileobj(weights, model_file)
    place.record.unlink(missing_ok=True)  # of a run that this one repeats: its record must not meet other ranks
    if final.target_ranks is not None:
        known = dataset.training.followed_by(dataset.validation)
        write_facts(place.record, manifest.checksum, TestSequenceFacts.of(test_data.sequences, known))
        write_ranks(place.record, final.target_ranks.numpy())
    write_record(place.record, record)  # last: whoever finds it finds the rest
    _drop_resumable(place)
    print_result(record)
    logger.info(f"record written: {place.record}")
    logger.info(f"model kept, for `recommend --model_file`: {place.weights}")
    return record


def _warn_of_settings_without_effect(config: SessionConfig, manifest: Manifest) -> None:
    length = config["MAX_ITEM_LIST_LENGTH"]
    if length > (longest := manifest.rules.get("max_prefix_length", length)):
        getLogger().warning(
            f"MAX_ITEM_LIST_LENGTH={length}: prefixes of {config['dataset']} have at most {longest} clicks; "
            "preparation={max_prefix_length: ...} makes longer ones"
        )
    if config["target_attention_precision"] == "tf32" and config["device"].type != "cuda":
        getLogger().warning("target_attention_precision=tf32: only GPUs have it; products are float32 here")


def _what_was_run(config: SessionConfig, manifest: Manifest, dataset: SessionDataset, n_tested: int) -> dict[str, Any]:
    """The part of a record that is known beforehand."""
    return {
        "record_version": RECORD_VERSION,
        "model": config["model"],
        "dataset": config["dataset"],
        "preset": config["preset"],
        "seed": config["seed"],
        "refit": bool(config["refit"]),
        "data": {
            "checksum": manifest.checksum,
            "training_sequences": len(dataset.training),
            "validation_sequences": len(dataset.validation),
            "test_sequences": n_tested,
            "items": dataset.item_num - 1,
            "statistics": manifest.statistics,
        },
        "machine": describe_machine(config["device"]),
        "versions": describe_versions(),
        "config": config.to_plain_dict(),
    }


def _what_came_out(
    config: SessionConfig, selection: Selection, final: SessionTrainer, test_result: dict[str, float]
) -> dict[str, Any]:
    """The part of a record that training and test decide."""
    return {
        "metrics_in": "percent",
        "valid_metric": config["valid_metric"],
        "best_epoch": selection.best_epoch,
        "valid_result": selection.valid_result,
        "test_result": percent(test_result),
        "n_parameters": sum(p.numel() for p in final.model.parameters()),
        "epochs": selection.epochs,
        "selected_in": selection.selected_in,
        "refit_epochs": epoch_records(final) if config["refit"] else [],
        "resumed": selection.resumed or final.resumed,
        "peak_memory_megabytes": peak_memory_megabytes(config["device"]),
        "target_attention_backend": getattr(final.model, "backend_in_use", None),  # the key may name another
    }


def _drop_resumable(place: RunPlace) -> None:
    """Once record and weights stand, drop what only resuming needed.

    The resumable checkpoints go first: whatever is left after a kill in between starts a clean run.
    """
    phases = ("all", "refit", "selection")
    for phase in phases:
        place.last_of(phase).unlink(missing_ok=True)
    for phase in phases:
        shutil.rmtree(place.checkpoints / phase, ignore_errors=True)

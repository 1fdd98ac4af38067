"""The record of a search, ``search.json``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import LoadedSessions
from recbole_tagnnpp.experiment.environment import describe_machine, describe_versions
from recbole_tagnnpp.experiment.search.plan import SearchPlan
from recbole_tagnnpp.experiment.search.space import Setting, setting_key
from recbole_tagnnpp.experiment.search.trial_records import FAILED, TrialRecord
from recbole_tagnnpp.files import read_json

SEARCH_VERSION = 1


def what_was_searched(
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


def what_was_found(
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


def tested_before(search_record: Path, setting: Setting) -> str | None:
    """The test record that an earlier part of this search has made, if the best setting was the same then."""
    try:
        earlier = read_json(search_record)
        is_of_setting = setting_key(earlier["best"]["setting"]) == setting_key(setting)
        return earlier["final_record"] if is_of_setting else None
    except (OSError, ValueError, LookupError, TypeError):  # there is none, or it is damaged
        return None


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

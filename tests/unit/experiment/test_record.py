"""Runs are found again by what they are: configuration and data."""

import json
from pathlib import Path

import pytest

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.config.same_experiment import YOUNGER_KEYS
from recbole_tagnnpp.experiment.record import run_digest, run_name
from tests.conftest import REPOSITORY

CHECKSUM = "0" * 64
SHIPPED = [
    *sorted((REPOSITORY / "results/runs").glob("*/TAGNNPP-fast-*.json")),
    *sorted((REPOSITORY / "results/runs").glob("*/GCSAN-baseline-*.json")),
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_records_are_found_by_a_configuration_of_today(path: Path) -> None:
    record = json.loads(path.read_text())
    today = merge_layers(record["model"], record["dataset"], dictionary={"preset": record["preset"]}).final
    config = {**{key: today[key] for key in today if key not in record["config"]}, **record["config"]}
    assert run_name(config, run_digest(config, record["data"]["checksum"])) == path.stem


def test_there_are_shipped_records() -> None:
    assert len(SHIPPED) > 20


@pytest.mark.parametrize("key", YOUNGER_KEYS)
def test_a_younger_key_counts_where_it_is_used(key: str) -> None:
    config = merge_layers("TAGNNPP", "demo").final
    assert config[key] == YOUNGER_KEYS[key]
    without = {name: value for name, value in config.items() if name != key}
    assert run_digest(config, CHECKSUM) == run_digest(without, CHECKSUM)
    assert run_digest({**config, key: not config[key]}, CHECKSUM) != run_digest(without, CHECKSUM)


def test_settings_and_data_tell_runs_apart_and_the_machine_does_not() -> None:
    config = merge_layers("TAGNNPP", "demo").final
    digest = run_digest(config, CHECKSUM)
    assert run_digest({**config, "threads": 7, "show_progress": False, "results_path": "mine"}, CHECKSUM) == digest
    assert run_digest({**config, "n_layers": 3}, CHECKSUM) != digest
    assert run_digest(config, "1" * 64) != digest
    assert run_digest({**config, "nproc": 2}, CHECKSUM) not in (digest, run_digest({**config, "nproc": 3}, CHECKSUM))

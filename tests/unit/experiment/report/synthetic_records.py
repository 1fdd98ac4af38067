"""Run records as a run writes them, with made-up results: real configurations, ranks that give the metrics."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.experiment.record import RECORD_VERSION, run_digest, run_name, write_record
from recbole_tagnnpp.experiment.systems import System
from recbole_tagnnpp.experiment.target_ranks import TestSequenceFacts, write_facts, write_ranks

CHECKSUM = "c0ffee11" + 56 * "0"
OTHER_CHECKSUM = "beef2222" + 56 * "0"


def make_facts(n_sessions: int = 61, seed: int = 0) -> TestSequenceFacts:
    """Sessions of 2 to 14 clicks with all their prefixes."""
    generator = np.random.default_rng(seed)
    n_prefixes = np.minimum(generator.geometric(0.25, n_sessions), 13)
    session = np.repeat(np.arange(1, n_sessions + 1), n_prefixes)
    prefix_length = np.concatenate([np.arange(1, n + 1) for n in n_prefixes])
    return TestSequenceFacts(session, prefix_length, generator.integers(1, 200, len(session)))


def make_ranks(facts: TestSequenceFacts, skill: float, seed: int) -> np.ndarray:
    """Ranks that are better with more skill; difficulty is shared by all systems, and by the prefixes of a session."""
    difficulty = np.random.default_rng(99).normal(size=facts.session.max() + 1)[facts.session]
    noise = np.random.default_rng(1000 + seed).normal(size=len(facts.session))
    rank = np.exp(2.2 + difficulty + 0.5 * noise - skill).astype(np.int64) + 1
    return np.where(rank <= 20, rank, 0)


def metrics_of(ranks: np.ndarray) -> dict[str, float]:
    """Percent, one sequence at a time."""
    result = {}
    for k in (5, 10, 20):
        found = [int(rank) for rank in ranks if 1 <= rank <= k]
        result[f"hit@{k}"] = round(100 * len(found) / len(ranks), 4)
        result[f"mrr@{k}"] = round(100 * sum(1 / rank for rank in found) / len(ranks), 4)
    return result


@functools.cache
def _settings(model: str, dataset: str, settings: str) -> str:
    return json.dumps(merge_layers(model, dataset, dictionary=json.loads(settings)).final)


def write_run(
    results: Path,
    system: System,
    skill: float = 0.0,
    seed: int = 2020,
    dataset: str = "yoochoose1_64",
    checksum: str = CHECKSUM,
    facts: TestSequenceFacts | None = None,
    with_ranks: bool = True,
    started: str = "2026-11-24T09:57:40+00:00",
    **settings: Any,
) -> Path:
    """Write record, ranks and facts of one run; further settings are those of its configuration."""
    facts = facts or make_facts()
    config = json.loads(
        _settings(system.model, dataset, json.dumps({"preset": system.preset, **system.changes, **settings}))
    ) | {"seed": seed}
    ranks = make_ranks(facts, skill, seed)
    known, test = 4000, len(ranks)
    epochs = [
        {
            "epoch": epoch,
            "train_loss": 5.0 - 0.1 * epoch,
            "learning_rate": 0.001,
            "train_seconds": 60.0 * (1.0 + abs(skill)) + seed % 7,
            "valid_result": metrics_of(make_ranks(facts, skill - 0.5 / (epoch + 1), seed + 500)),
            "valid_seconds": 1.5,
        }
        for epoch in range(config["epochs"])
    ]
    record = {
        "record_version": RECORD_VERSION,
        "model": system.model,
        "dataset": dataset,
        "preset": config["preset"],
        "seed": seed,
        "refit": config["refit"],
        "metrics_in": "percent",
        "valid_metric": "MRR@20",
        "best_epoch": len(epochs) - 1,
        "valid_result": epochs[-1]["valid_result"],
        "test_result": metrics_of(ranks),
        "n_parameters": 1234,
        "epochs": epochs,
        "refit_epochs": [{**epoch, "valid_result": None} for epoch in epochs] if config["refit"] else [],
        "test_seconds": 1.0,
        "started": started,
        "data": {
            "checksum": checksum,
            "training_sequences": known - 400,
            "validation_sequences": 400,
            "test_sequences": test,
            "items": 500,
            "statistics": {
                "clicks": 5300,
                "training_sequences": known,
                "test_sequences": test,
                "items": 500,
                "average_length": 4.5678,
            },
        },
        "machine": {"processor": "Some CPU", "torch_threads": 1, "device": "cpu"},
        "versions": {},
        "config": config,
    }
    name = run_name(config, run_digest(config, checksum))
    path = results / dataset / f"{name}.json"
    if with_ranks:
        write_facts(path, checksum, facts)
        write_ranks(path, ranks)
    write_record(path, record)
    return path


def edit(path: Path, *keys: str, value: Any) -> None:
    """Set one entry of a record; ``...`` removes it."""
    record = json.loads(path.read_text())
    inner = record
    for key in keys[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    path.write_text(json.dumps(record))

"""A run that is killed again and again ends with the bits of one that was not."""

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.integration.tiny_dataset import settings, write_tiny_log

KILLS = 20
PRELOADED = [
    "recbole_tagnnpp.experiment.run",
    "recbole_tagnnpp.model.tagnnpp",
    "recbole_tagnnpp.model.target_attention.cpu",
    "recbole_tagnnpp.model.target_attention.products",
]
EPOCHS = 4


def _train(rules: str, config: dict[str, Any]) -> None:
    from recbole_tagnnpp.config.session_config import SessionConfig
    from recbole_tagnnpp.experiment.run import run

    os.chdir(Path(rules).parent)
    run(SessionConfig("TAGNNPP", "tiny", config_file_list=[rules], config_dict=config))


def _start(context: Any, rules: Path, config: dict[str, Any]) -> Any:
    process = context.Process(target=_train, args=(str(rules), config))
    process.start()
    return process


def _outcome(root: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    (record_file,) = (root / "results").rglob("*.json")
    (weights_file,) = (root / "saved").rglob("model.pth")
    record = json.loads(record_file.read_text())
    keep = ("valid_result", "test_result", "best_epoch")
    losses = [epoch["train_loss"] for phase in ("epochs", "refit_epochs") for epoch in record[phase]]
    weights = torch.load(weights_file, weights_only=True)["state_dict"]
    return {**{key: record[key] for key in keep}, "losses": losses}, weights


@pytest.mark.slow
def test_sigkill_at_random_moments_changes_no_bit(tmp_path: Path) -> None:
    # the fork server imports everything once, so that kills hit training and not the imports
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    moments = random.Random(7)

    calm = tmp_path / "calm"
    rules = write_tiny_log(calm / "dataset")
    _start(context, rules, settings(calm, epochs=1, seed=1)).join()  # starts the server
    for folder in ("results", "saved"):
        assert (calm / folder).is_dir()
        (calm / folder).rename(calm / f"warm-up-{folder}")
    started = time.perf_counter()
    process = _start(context, rules, settings(calm, epochs=EPOCHS, seed=3, refit=True))
    process.join()
    duration = time.perf_counter() - started
    assert process.exitcode == 0
    expected, expected_weights = _outcome(calm)

    stormy = tmp_path / "stormy"
    rules = write_tiny_log(stormy / "dataset")
    config = settings(stormy, epochs=EPOCHS, seed=3, refit=True)
    kills = resumed = 0
    for _ in range(20 * KILLS):
        process = _start(context, rules, config)
        # until there were enough kills, some runs finish and are started anew
        process.join(timeout=duration * moments.uniform(0.2, 1.1) if kills < KILLS else None)
        if process.is_alive():
            process.kill()  # not os.kill: the run may end on its own between the look and the kill
            process.join()
        if process.exitcode == -signal.SIGKILL:
            kills += 1
            resumed += any((stormy / "saved").rglob("last.pth"))
            continue
        assert process.exitcode == 0
        outcome, weights = _outcome(stormy)
        assert outcome == expected
        assert weights.keys() == expected_weights.keys()
        for name, weight in weights.items():
            assert torch.equal(weight, expected_weights[name]), name
        if kills >= KILLS:
            break
        for file in (stormy / "results").rglob("*.json"):
            file.unlink()
    assert kills >= KILLS
    assert resumed > 0

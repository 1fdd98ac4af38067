"""Whole runs through the one run path: ours and RecBole's models, records, refit, resume, locks."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from rich.console import Console

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.result_table import print_result
from recbole_tagnnpp.experiment.run import run
from tests.integration.tiny_dataset import settings, write_tiny_log

OURS_ONLY = ("embedding_size", "n_heads", "inner_size")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_tiny_log(folder / "dataset")
    return folder


def run_tiny(root: Path, model: str = "TAGNNPP", **changes: Any) -> dict[str, Any]:
    config = {k: v for k, v in settings(root, **changes).items() if model == "TAGNNPP" or k not in OURS_ONLY}
    return run(SessionConfig(model, "tiny", [root / "dataset" / "tiny.yaml"], config))


@pytest.mark.parametrize("model", ["TAGNNPP", "SRGNN", "GCSAN", "NARM", "GRU4Rec", "RepeatNet", "SASRec"])
def test_every_model_runs_through_the_same_path(root: Path, model: str) -> None:
    record = run_tiny(root, model, epochs=2, MAX_ITEM_LIST_LENGTH=9, seed=11)
    (file,) = (root / "results" / "tiny").glob(f"{model}-*-seed11-*.json")
    assert json.loads(file.read_text()) == json.loads(json.dumps(record))
    assert record["model"] == model
    assert record["dataset"] == "tiny"
    assert record["preset"] == ("recommended" if model == "TAGNNPP" else None)
    assert record["refit"] is False
    assert [epoch["epoch"] for epoch in record["epochs"]] == [0, 1]
    metrics = {f"{metric}@{k}" for metric in ("hit", "mrr") for k in (5, 10, 20)}
    for result in (record["valid_result"], record["test_result"]):
        assert result.keys() == metrics
        assert 0 <= result["mrr@20"] <= result["hit@5"] <= result["hit@20"] <= 100
    assert record["valid_result"]["hit@20"] > 1  # percent, not a fraction
    assert record["valid_result"] == record["epochs"][record["best_epoch"]]["valid_result"]
    assert record["config"]["MAX_ITEM_LIST_LENGTH"] == 9
    assert record["data"]["items"] == 37
    assert len(record["data"]["checksum"]) == 64
    assert record["versions"]["torch"].startswith("2.")
    assert record["machine"]["torch_threads"] == 1
    assert record["peak_memory_megabytes"]["process"] > 10


def test_same_seed_same_result_and_another_seed_another(root: Path) -> None:
    first, second, other = (run_tiny(root, epochs=2, seed=seed) for seed in (21, 21, 22))
    assert first["test_result"] == second["test_result"]
    assert [e["train_loss"] for e in first["epochs"]] == [e["train_loss"] for e in second["epochs"]]
    assert first["epochs"][0]["train_loss"] != other["epochs"][0]["train_loss"]


def test_refit_trains_on_validation_sequences_for_the_chosen_epochs(root: Path) -> None:
    record = run_tiny(root, epochs=4, refit=True, seed=31)
    assert record["refit"] is True
    assert len(record["refit_epochs"]) == record["best_epoch"] + 1
    assert all("valid_result" not in epoch or epoch["valid_result"] is None for epoch in record["refit_epochs"])
    plain = run_tiny(root, epochs=4, refit=False, seed=31)
    assert record["valid_result"] == plain["valid_result"]
    assert record["test_result"] != plain["test_result"]


def test_tested_weights_are_kept_and_resumable_files_are_gone(root: Path) -> None:
    run_tiny(root, epochs=1, seed=41)
    (folder,) = (root / "saved" / "tiny").glob("TAGNNPP-*-seed41-*")
    assert {file.name for file in folder.iterdir()} - {"lock"} == {"model.pth"}
    checkpoint = torch.load(folder / "model.pth", weights_only=True)
    assert len(checkpoint["item_tokens"]) == 37
    assert checkpoint["config"]["seed"] == 41


def test_the_test_file_is_read_once_and_after_training(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments: list[str] = []
    read = SessionDataset.test_sequences

    def noted(dataset: SessionDataset) -> Any:
        moments.append("test file opened")
        return read(dataset)

    monkeypatch.setattr(SessionDataset, "test_sequences", noted)
    from recbole_tagnnpp.training.trainer import SessionTrainer

    train = SessionTrainer._train_epoch

    def noted_epoch(trainer: SessionTrainer, *arguments: Any, **options: Any) -> float:
        moments.append("epoch")
        return train(trainer, *arguments, **options)

    monkeypatch.setattr(SessionTrainer, "_train_epoch", noted_epoch)
    record = run_tiny(root, epochs=3, refit=True, seed=51)
    assert moments == ["epoch"] * (3 + record["best_epoch"] + 1) + ["test file opened"]


def test_same_run_twice_at_once_is_refused(root: Path) -> None:
    run_tiny(root, epochs=1, seed=61)
    (folder,) = (root / "saved" / "tiny").glob("TAGNNPP-*-seed61-*")
    with FileLock(folder / "lock"), pytest.raises(UserError, match="another process is training this very run"):
        run_tiny(root, epochs=1, seed=61)


def test_damaged_checkpoint_of_an_interrupted_run_gives_one_line(root: Path) -> None:
    run_tiny(root, epochs=1, seed=71)
    (folder,) = (root / "saved" / "tiny").glob("TAGNNPP-*-seed71-*")
    (folder / "selection").mkdir()
    (folder / "selection" / "last.pth").write_bytes(b"half")
    with pytest.raises(UserError, match=r"selection/last\.pth: "):
        run_tiny(root, epochs=1, seed=71)
    assert run_tiny(root, epochs=1, seed=71, resume=False)["resumed"] is False


def test_result_table_shows_both_splits(root: Path) -> None:
    console = Console(record=True, width=100)
    print_result(run_tiny(root, epochs=1, seed=81), console)
    text = console.export_text()
    assert "TAGNNPP on tiny, seed 81" in text
    assert "hit@20" in text and "test" in text and "validation, epoch 0" in text


def test_ablations_run(root: Path) -> None:
    full = run_tiny(root, epochs=1, seed=91)
    for switch in ({"use_gnn": False}, {"use_position_embedding": False}, {"use_transformer": False}, {"agc_lambda": None}):
        record = run_tiny(root, epochs=1, seed=91, **switch)
        assert record["epochs"][0]["train_loss"] != full["epochs"][0]["train_loss"]

"""Counting models through the run path: one epoch, checkpoints, resume, records."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.fitting import fit_model, make_loader, trainer_class
from recbole_tagnnpp.experiment.run import run
from recbole_tagnnpp.training.checkpoint import load_checkpoint, save_checkpoint
from recbole_tagnnpp.training.counting_trainer import CountingTrainer
from recbole_tagnnpp.training.epoch_log import describe_epoch
from recbole_tagnnpp.training.ranking import full_scores
from recbole_tagnnpp.training.trainer import SessionTrainer
from tests.unit.training.small_run import tiny_config, tiny_trainer

MODELS = ["Pop", "SessionPop", "ItemKNN", "VSKNN", "STAN"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("counting")


def fit(config: SessionConfig, folder: Path, **options: Any) -> SessionTrainer:
    dataset = SessionDataset(config)
    trainer = fit_model(config, dataset, folder, dataset.validation, **options)
    trainer.dataset = dataset  # type: ignore[attr-defined]
    return trainer


def validation_loader(trainer: SessionTrainer, config: SessionConfig) -> Any:
    dataset = trainer.dataset  # type: ignore[attr-defined]
    return make_loader(config, dataset, dataset.validation, training=False, model=trainer.model)


def test_models_choose_their_trainer(root: Path) -> None:
    config = tiny_config(root, "Pop")
    assert trainer_class(config.model_class(config, SessionDataset(config))) is CountingTrainer
    assert trainer_class(tiny_trainer(root).model) is SessionTrainer


@pytest.mark.parametrize("model", MODELS)
def test_fits_once_without_optimizer_or_invented_numbers(root: Path, tmp_path: Path, model: str) -> None:
    config = tiny_config(root, model, epochs=7, eval_step=3, agc_lambda=0.01, agc_exclude=["item_embedding"])
    trainer = fit(config, tmp_path)
    assert trainer.optimizer is None
    (entry,) = trainer.history
    assert entry["epoch"] == trainer.best_epoch == 0
    assert entry["train_loss"] is None
    assert entry["learning_rate"] is None
    assert entry["train_seconds"] > 0
    assert entry["valid_result"] == trainer.best_valid_result
    assert trainer.evaluate(validation_loader(trainer, config)) == trainer.best_valid_result
    line = describe_epoch(entry, True)
    assert line.startswith(f"epoch 1: {entry['train_seconds']:.1f} s; validation (%): hit@5 ")
    assert "None" not in line


def test_evaluation_equals_a_ranking_by_hand(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root, "Pop", topk=[4], valid_metric="MRR@4")
    trainer = fit(config, tmp_path)
    dataset = trainer.dataset  # type: ignore[attr-defined]
    sessions: dict[int, list[int]] = {}
    for number, start, end, target in zip(
        dataset.training.session_numbers,
        dataset.training.prefix_ends,
        dataset.training.prefix_ends[1:],
        dataset.training.target_items,
        strict=False,
    ):
        sessions[number] = [*dataset.training.prefix_items[start:end], target]
    clicks = np.bincount(np.concatenate(list(sessions.values())), minlength=dataset.item_num)
    best = sorted(range(1, dataset.item_num), key=lambda item: (-clicks[item], item))[:4]
    ranks = [best.index(t) + 1 if t in best else 0 for t in dataset.validation.target_items]
    assert trainer.best_valid_result["hit@4"] == pytest.approx(np.mean([r > 0 for r in ranks]), abs=1e-6)
    assert trainer.best_valid_result["mrr@4"] == pytest.approx(np.mean([1 / r if r else 0 for r in ranks]), abs=1e-6)
    assert trainer.target_ranks.tolist() == ranks


@pytest.mark.parametrize("model", MODELS)
def test_best_items_have_the_best_of_all_scores(root: Path, tmp_path: Path, model: str) -> None:
    config = tiny_config(root, model)
    trainer = fit(config, tmp_path)
    for batch in validation_loader(trainer, config):
        scores = full_scores(trainer.model, batch)
        best, items = trainer.model.top_items(batch, 20)
        assert torch.equal(scores.gather(1, items), best)
        assert torch.equal(torch.topk(scores, 20, dim=1).values, best)


@pytest.mark.parametrize("model", MODELS)
def test_resumed_run_ends_with_the_same_bits_and_does_not_count_again(
    root: Path, tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(root, model)
    calm = fit(config, tmp_path / "calm")

    class Stopped(Exception):
        pass

    def stop(epoch: int, score: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        fit(config, tmp_path / "stopped", callback_fn=stop)
    monkeypatch.setattr(type(calm.model), "fit_sequences", None)
    second = fit(config, tmp_path / "stopped")
    assert second.resumed
    assert second.best_epoch == 0
    assert second.best_valid_result == calm.best_valid_result
    assert second.evaluate(validation_loader(second, config)) == calm.best_valid_result
    for name, values in calm.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], values)


@pytest.mark.parametrize("model", MODELS)
def test_whole_runs_with_refit(root: Path, model: str) -> None:
    plain = run(tiny_config(root, model, seed=5))
    assert plain["n_parameters"] == 0
    assert [epoch["train_loss"] for epoch in plain["epochs"]] == [None]
    assert 0 < plain["valid_result"]["hit@20"] <= 100
    refit = run(tiny_config(root, model, seed=5, refit=True))
    assert refit["valid_result"] == plain["valid_result"]
    assert [epoch["epoch"] for epoch in refit["refit_epochs"]] == [0]
    clicks = {}
    for kind in ("plain", "refit"):
        name = f"{model}-default-seed5-" + ("refit-*" if kind == "refit" else "[!r]*")
        (folder,) = (root / "saved" / "tiny").glob(name)
        clicks[kind] = int(load_checkpoint(folder / "model.pth")["state_dict"]["popularity"].sum())
    config = tiny_config(root, model)
    dataset = SessionDataset(config)
    n_validation = len(dataset.validation) + dataset.validation.session_numbers.max()
    assert clicks["refit"] - clicks["plain"] == n_validation  # first clicks and targets
    again = run(tiny_config(root, model, seed=6))
    assert again["test_result"] == plain["test_result"]  # nothing is drawn


def test_damaged_or_foreign_checkpoint_gives_one_line(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root, "VSKNN")
    trainer = fit(config, tmp_path)
    best = tmp_path / "best.pth"
    checkpoint = torch.load(best, weights_only=True)
    checkpoint["state_dict"]["session_items"][3] = 10**6
    torch.save(checkpoint, best)
    with pytest.raises(UserError, match=r"best\.pth: 'session_items' holds 1000000 at place 3"):
        trainer.evaluate(validation_loader(trainer, config))
    other = tiny_trainer(root, folder="other")
    save_checkpoint(best, other.model, {}, other.item_tokens, {})
    with pytest.raises(UserError, match="is missing in the"):
        trainer.evaluate(validation_loader(trainer, config))

"""What the processes of the tests of data-parallel training do, and what a process alone does instead."""

from pathlib import Path
from typing import Any

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.utils import init_seed

from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.data.session_loader import SessionLoader
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.distributed.ranks import Ranks
from recbole_tagnnpp.training.trainer import SessionTrainer
from tests.unit.training.small_run import tiny_config


def build(ranks: Ranks, root: Path, folder: str, model: str = "TAGNNPP", **changes: Any) -> SessionTrainer:
    """A trainer in float64 with a freshly seeded model."""
    config = tiny_config(root, model, **changes)
    dataset = SessionDataset(config)
    init_seed(config["seed"], True)
    network = config.model_class(config, dataset).double()
    ranks.seed(config["seed"])
    trainer = SessionTrainer(config, network, root / folder, dataset.item_tokens, ranks)
    trainer.dataset = dataset  # type: ignore[attr-defined]
    return trainer


def batches(trainer: SessionTrainer, part: str, batch_size: int) -> SessionLoader:
    dataset = trainer.dataset  # type: ignore[attr-defined]
    return SessionLoader(dataset, getattr(dataset, part), batch_size, part == "training", seed=1, pad_to_longest=True)


def outcome(trainer: SessionTrainer) -> dict[str, Any]:
    history = [{k: v for k, v in entry.items() if "seconds" not in k} for entry in trainer.history]
    weights = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
    return {"weights": weights, "history": history, "best_epoch": trainer.best_epoch}


def fit(ranks: Ranks, root: Path, batch_size: int, model: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Weights after training, and how many units AGC clipped in the last step."""
    trainer = build(ranks, root, f"fit-{ranks.size}", model, **changes)
    clipped: list[bool] = []
    clipping = trainer.adaptive_clipping
    assert clipping is not None
    clip = clipping.clip_gradients_

    def watched() -> None:
        before = [p.grad.clone() for p in clipping.clipped.values() if p.grad is not None]
        clip()
        after = [p.grad for p in clipping.clipped.values() if p.grad is not None]
        clipped.extend(not bool((a == b).all()) for a, b in zip(before, after, strict=True))

    clipping.clip_gradients_ = watched  # type: ignore[method-assign]
    trainer.fit(batches(trainer, "training", batch_size), batches(trainer, "validation", 8), saved=False)
    return {
        **outcome(trainer),
        "clipped": sum(clipped) / len(clipped),
        "steps": len(batches(trainer, "training", batch_size)),
    }


def evaluate(ranks: Ranks, root: Path, batch_size: int) -> dict[str, Any]:
    """Metrics and ranks of an untrained model, whose weights differ between processes until the first one's are taken."""
    changes = {
        "metrics": ["Hit", "MRR", "NDCG", "ItemCoverage", "AveragePopularity"],
        "topk": [1, 4],
        "valid_metric": "MRR@4",
    }
    trainer = build(
        ranks, root, "evaluate", **changes, seed=7 + ranks.rank, epochs=1, learning_rate=1e-30, weight_decay=0.0
    )
    loader = batches(trainer, "validation", batch_size)
    trainer.fit(batches(trainer, "training", 500), loader, saved=False)
    assert trainer.target_ranks is not None
    return {"result": trainer.evaluate(loader, load_best_model=False), "target_ranks": trainer.target_ranks}


class Stopped(Exception):
    pass


def train_in_parts(ranks: Ranks, root: Path, folder: str, stop_after: list[int]) -> dict[str, Any]:
    """Three epochs with dropout and sampled candidates, stopped after some of them and resumed by a fresh trainer."""
    changes = {"epochs": 3, "stopping_step": 9, "training_candidates": 11, "hidden_dropout_prob": 0.3}

    def stop(epoch: int, score: float) -> None:
        if epoch in stop_after:
            raise Stopped

    for _ in range(len(stop_after) + 1):
        trainer = build(ranks, root, folder, **changes)
        if trainer.last_file.is_file():
            trainer.resume_checkpoint(trainer.last_file)
        try:
            trainer.fit(batches(trainer, "training", 32), batches(trainer, "validation", 8), callback_fn=stop)
        except Stopped:
            ranks.gather(None)  # the file of the first process is written
    best = trainer.evaluate(batches(trainer, "validation", 8))
    return {**outcome(trainer), "best": best, "resumed": trainer.resumed}


def resume_with_another_size(ranks: Ranks, root: Path, folder: str) -> str:
    trainer = build(ranks, root, folder)
    try:
        trainer.resume_checkpoint(trainer.last_file)
    except UserError as problem:
        return str(problem)
    return ""

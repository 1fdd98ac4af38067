"""Fitting, evaluating and resuming."""

from pathlib import Path

import pytest
import torch

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.checkpoint import load_checkpoint
from tests.unit.training.small_run import loader, tiny_trainer


def test_best_checkpoint_is_of_the_best_epoch_and_training_stops_early(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, epochs=40, stopping_step=1, learning_rate=0.05)
    score, result = trainer.fit(loader(trainer), loader(trainer, "validation", False))
    scores = [entry["valid_result"]["mrr@20"] for entry in trainer.history]
    assert len(scores) < 40
    assert score == result["mrr@20"] == max(scores)
    assert trainer.best_epoch == max(n for n, s in enumerate(scores) if s == score)
    assert len(scores) == trainer.best_epoch + 1 + 2
    best = load_checkpoint(Path(trainer.saved_model_file))
    assert best["training"]["epoch"] == trainer.best_epoch
    assert trainer.evaluate(loader(trainer, "validation", False)) == result


@pytest.mark.parametrize("model", ["TAGNNPP", "GRU4Rec"])
@pytest.mark.parametrize("metrics", [["Hit", "MRR"], ["Hit", "MRR", "NDCG", "ItemCoverage", "AveragePopularity"]])
def test_metrics_equal_a_ranking_by_hand(tmp_path: Path, model: str, metrics: list[str]) -> None:
    trainer = tiny_trainer(tmp_path, model=model, metrics=metrics, topk=[1, 4], valid_metric="MRR@4")
    trainer.fit(loader(trainer), saved=False)
    validation = loader(trainer, "validation", False, batch_size=7)
    result = trainer.evaluate(validation, load_best_model=False)
    ranks = []
    for batch in validation:
        with torch.no_grad():
            scores = trainer.model.full_sort_predict(batch)
        for row, target in zip(scores, batch["item_id"].tolist(), strict=True):
            ranks.append(1 + sum(float(row[item]) > float(row[target]) for item in range(1, len(row))))
    for k in (1, 4):
        assert result[f"hit@{k}"] == pytest.approx(sum(r <= k for r in ranks) / len(ranks), abs=1e-5)
        assert result[f"mrr@{k}"] == pytest.approx(sum(1 / r for r in ranks if r <= k) / len(ranks), abs=1e-5)


def test_resumed_training_ends_with_the_same_bits(tmp_path: Path) -> None:
    options = {"epochs": 4, "learning_rate_schedule": "cosine", "warmup_steps": 3, "stopping_step": 9}
    calm = tiny_trainer(tmp_path, "calm", **options)
    calm.fit(loader(calm), loader(calm, "validation", False))

    first = tiny_trainer(tmp_path, "stopped", **options)

    class Stopped(Exception):
        pass

    def stop_after_two(epoch: int, score: float) -> None:
        if epoch == 1:
            raise Stopped

    with pytest.raises(Stopped):
        first.fit(loader(first), loader(first, "validation", False), callback_fn=stop_after_two)
    second = tiny_trainer(tmp_path, "stopped", **options)
    second.resume_checkpoint(second.last_file)
    assert second.start_epoch == 2
    second.fit(loader(second), loader(second, "validation", False))

    def results(trainer: object) -> list[dict]:
        return [{k: v for k, v in e.items() if "seconds" not in k} for e in trainer.history]  # type: ignore[attr-defined]

    assert results(second) == results(calm)
    assert second.best_epoch == calm.best_epoch
    for (name, a), b in zip(calm.model.state_dict().items(), second.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_training_without_validation_keeps_the_last_epoch(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, epochs=2)
    _, result = trainer.fit(loader(trainer))
    assert result is None
    assert trainer.best_epoch == 1
    assert load_checkpoint(Path(trainer.saved_model_file))["training"]["epoch"] == 1


def test_loss_that_is_no_number_ends_training_with_one_line(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path)
    with torch.no_grad():
        trainer.model.readout.key.weight.fill_(torch.nan)
    with pytest.raises(UserError, match=r"training loss is nan in epoch 0 at step \d+; a smaller learning_rate"):
        trainer.fit(loader(trainer))
    assert not trainer.last_file.exists()


def test_best_checkpoint_cannot_be_resumed(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, epochs=1)
    trainer.fit(loader(trainer))
    with pytest.raises(UserError, match="holds weights only"):
        trainer.resume_checkpoint(trainer.saved_model_file)


def test_nothing_is_written_into_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    trainer = tiny_trainer(tmp_path, epochs=1)
    trainer.fit(loader(trainer))
    assert list((tmp_path / "here").iterdir()) == []

"""Fitting and evaluating."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.evaluator import Evaluator

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training import trainer as trainer_module
from recbole_tagnnpp.training.checkpoint import load_checkpoint
from recbole_tagnnpp.training.target_collector import TargetCollector
from recbole_tagnnpp.training.trainer import SessionTrainer
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


def test_the_best_epoch_has_the_smallest_score_where_less_is_better(tmp_path: Path) -> None:
    trainer = tiny_trainer(
        tmp_path, epochs=5, stopping_step=9, learning_rate=0.05, metrics=["Hit", "GiniIndex"], valid_metric="GiniIndex@5"
    )
    score, result = trainer.fit(loader(trainer), loader(trainer, "validation", False))
    scores = [entry["valid_result"]["giniindex@5"] for entry in trainer.history]
    assert len(set(scores)) > 1
    assert score == result["giniindex@5"] == min(scores)
    assert trainer.best_epoch == max(n for n, s in enumerate(scores) if s == score)


@pytest.mark.parametrize("model", ["TAGNNPP", "GRU4Rec"])
@pytest.mark.parametrize("metrics", [["Hit", "MRR"], ["Hit", "MRR", "NDCG", "Recall", "ItemCoverage", "AveragePopularity"]])
def test_metrics_equal_a_ranking_by_hand(tmp_path: Path, model: str, metrics: list[str]) -> None:
    trainer = tiny_trainer(tmp_path, model=model, metrics=metrics, topk=[1, 4], valid_metric="MRR@4")
    trainer.fit(loader(trainer), saved=False)
    validation = loader(trainer, "validation", False, batch_size=7)
    result = trainer.evaluate(validation, load_best_model=False)
    ranks, tops = [], []
    for batch in validation:
        with torch.no_grad():
            scores = trainer.model.full_sort_predict(batch)
        for row, target in zip(scores, batch["item_id"].tolist(), strict=True):
            tops.append(sorted(range(1, len(row)), key=(-row).tolist().__getitem__))
            ranks.append(1 + sum(float(row[item]) > float(row[target]) for item in range(1, len(row))))
    for k in (1, 4):
        assert result[f"hit@{k}"] == pytest.approx(sum(r <= k for r in ranks) / len(ranks), abs=1e-5)
        assert result[f"mrr@{k}"] == pytest.approx(sum(1 / r for r in ranks if r <= k) / len(ranks), abs=1e-5)
        if "NDCG" in metrics:
            gains = [1 / np.log2(r + 1) for r in ranks if r <= k]
            assert result[f"ndcg@{k}"] == pytest.approx(sum(gains) / len(ranks), abs=1e-5)
            assert result[f"recall@{k}"] == result[f"hit@{k}"]
            items = {item for best in tops for item in best[:k]}
            assert result[f"itemcoverage@{k}"] == pytest.approx(len(items) / (trainer.model.n_items), abs=1e-5)


@pytest.mark.parametrize(("model", "on_host"), [("TAGNNPP", True), ("TAGNN", True), ("SRGNN", False), ("LESSR", False)])
def test_batches_stay_on_the_host_for_models_that_begin_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, on_host: bool
) -> None:
    trainer = tiny_trainer(tmp_path, model=model)
    sent: list[torch.device] = []

    def record(tensors: Sequence[torch.Tensor], device: torch.device) -> list[torch.Tensor]:
        sent.append(device)
        return list(tensors)

    monkeypatch.setattr(trainer_module, "to_device", record)
    batch, seen = next(iter(loader(trainer))), []
    monkeypatch.setattr(
        trainer.model, "calculate_loss", lambda given: seen.append(given) or torch.ones((), requires_grad=True)
    )
    trainer.train_step(batch)
    assert sent == ([] if on_host else [trainer.device])
    assert seen[0].interaction.keys() == batch.interaction.keys()
    assert all(torch.equal(seen[0][field], column) for field, column in batch.interaction.items())


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
    with pytest.raises(UserError, match=r"training loss is nan in epoch 1 at step \d+; a smaller learning_rate"):
        trainer.fit(loader(trainer))
    assert not trainer.last_file.exists()


def test_nothing_is_written_into_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    trainer = tiny_trainer(tmp_path, epochs=1)
    trainer.fit(loader(trainer))
    assert list((tmp_path / "here").iterdir()) == []


def test_learning_rate_follows_the_schedule_step_by_step_and_the_loss_is_the_mean_of_the_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"learning_rate_schedule": "step", "step_decay_epochs": 2, "step_decay_factor": 0.5, "warmup_steps": 4}
    trainer = tiny_trainer(tmp_path, epochs=5, learning_rate=0.08, **options)
    rates, losses = [], []
    step = trainer.train_step

    def noted(batch: Any) -> torch.Tensor:
        rates.append(trainer.optimizer.param_groups[0]["lr"])
        losses.append(step(batch))
        return losses[-1]

    monkeypatch.setattr(trainer, "train_step", noted)
    trainer.fit(loader(trainer), saved=False)
    n = len(loader(trainer))
    assert n > 4
    warm = [0.02, 0.04, 0.06] + [0.08] * (2 * n - 3)
    assert rates == pytest.approx(warm + [0.04] * 2 * n + [0.02] * n)
    for entry in trainer.history:
        own = losses[n * entry["epoch"] : n * (entry["epoch"] + 1)]
        assert entry["train_loss"] == pytest.approx(float(sum(own)) / n, rel=1e-6)
    assert [entry["learning_rate"] for entry in trainer.history] == pytest.approx([0.08, 0.08, 0.04, 0.04, 0.02])


def test_batches_of_every_epoch_are_in_another_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = tiny_trainer(tmp_path, epochs=2)
    seen: list[list[int]] = []
    step = trainer.train_step
    monkeypatch.setattr(trainer, "train_step", lambda batch: (seen.append(batch["item_id"].tolist()), step(batch))[1])
    trainer.fit(loader(trainer), saved=False)
    first, second = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    assert first != second
    assert sorted(chain.from_iterable(first)) == sorted(chain.from_iterable(second))


@pytest.mark.parametrize(("enable_amp", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_layers_compute_in_half_precision_where_it_is_asked_for(
    tmp_path: Path, enable_amp: bool, dtype: torch.dtype
) -> None:
    trainer = tiny_trainer(tmp_path, enable_amp=enable_amp)
    found = []
    trainer.model.readout.query.register_forward_hook(lambda _, given, result: found.append(result.dtype))
    trainer.train_step(next(iter(loader(trainer))))
    assert found == [dtype]


def test_the_collector_is_given_an_evaluation_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It copies what it has with every addition, so that many additions take a time that grows with their square."""
    trainer = tiny_trainer(tmp_path)
    collect, sizes = trainer.eval_collector.collect_top_items, []
    monkeypatch.setattr(
        trainer.eval_collector,
        "collect_top_items",
        lambda top, targets: (sizes.append(len(targets)), collect(top, targets)),
    )
    validation = loader(trainer, "validation", False, batch_size=3)
    trainer.evaluate(validation, load_best_model=False)
    assert sizes == [len(validation.sequences)]
    assert len(validation) > 1


def test_evaluation_every_second_epoch(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, epochs=5, eval_step=2, stopping_step=9)
    trainer.fit(loader(trainer), loader(trainer, "validation", False))
    assert [entry["epoch"] for entry in trainer.history if "valid_result" in entry] == [1, 3]
    assert trainer.best_epoch in (1, 3)
    assert load_checkpoint(Path(trainer.saved_model_file))["training"]["epoch"] == trainer.best_epoch
    assert load_checkpoint(trainer.last_file)["training"]["epoch"] == 4


def test_the_last_epoch_is_evaluated_when_none_before_it_would_be(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, epochs=2, eval_step=5)
    trainer.fit(loader(trainer), loader(trainer, "validation", False))
    assert [entry["epoch"] for entry in trainer.history if "valid_result" in entry] == [1]
    assert trainer.best_epoch == 1 and Path(trainer.saved_model_file).is_file()


def measured_by(trainer: SessionTrainer, metrics: list[str]) -> SessionTrainer:
    """Metrics of RecBole that configurations of runs do not offer, for the branch that ranks full scores."""
    trainer.config["metrics"] = metrics
    trainer.eval_collector, trainer.evaluator = TargetCollector(trainer.config), Evaluator(trainer.config)
    assert trainer.eval_collector.needs_only_top_items is ("GAUC" not in metrics)
    return trainer


def test_metric_that_needs_every_score(tmp_path: Path) -> None:
    # GAUC of one target: the share of the other items that rank below it
    trainer = measured_by(tiny_trainer(tmp_path), ["Hit", "GAUC"])
    validation = loader(trainer, "validation", False, batch_size=7)
    result = trainer.evaluate(validation, load_best_model=False)
    shares = []
    for batch in validation:
        with torch.no_grad():
            scores = trainer.model.full_sort_predict(batch)[:, 1:]
        for row, target in zip(scores, (batch["item_id"] - 1).tolist(), strict=True):
            below = sum(float(row[item] < row[target]) for item in range(len(row)))
            shares.append(below / (len(row) - 1))
    assert result["gauc"] == pytest.approx(sum(shares) / len(shares), abs=1e-5)
    assert trainer.evaluate(validation, load_best_model=False) == result


@pytest.mark.parametrize("model", ["TAGNNPP", "GRU4Rec"])
def test_more_recommendations_than_items(tmp_path: Path, model: str) -> None:
    n_items = tiny_trainer(tmp_path, model=model).model.n_items - 1
    everything = tiny_trainer(tmp_path, model=model, topk=[20, n_items])
    assert everything.evaluate(loader(everything, "validation", False), load_best_model=False)[f"hit@{n_items}"] == 1
    with pytest.raises(UserError, match=rf"topk=\[20, {n_items + 1}\]: allowed is at most {n_items}, .*=\[20\] --valid"):
        tiny_trainer(tmp_path, model=model, topk=[20, n_items + 1])
    with pytest.raises(UserError, match=rf"for example --topk=\[{n_items}\] --valid_metric=MRR@{n_items}$"):
        tiny_trainer(tmp_path, model=model, topk=[n_items + 1], valid_metric=f"MRR@{n_items + 1}")
    with pytest.raises(UserError, match=r"items of tiny, .* --topk=\[3,5\] --valid_metric=Hit@5$"):
        tiny_trainer(tmp_path, model=model, topk=[3, 5, 99], metrics=["Hit"], valid_metric="Hit@3")


@pytest.mark.parametrize("metrics", [["Hit"], ["Hit", "GAUC"]])
def test_padding_is_never_recommended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metrics: list[str]) -> None:
    trainer = measured_by(tiny_trainer(tmp_path, model="GRU4Rec", topk=[1], valid_metric="MRR@1"), metrics)

    def padding_first_target_second(batch: Any) -> torch.Tensor:
        scores = torch.zeros(len(batch), trainer.model.n_items)
        scores[:, 0] = 2
        scores[torch.arange(len(batch)), batch["item_id"]] = 1
        return scores

    monkeypatch.setattr(trainer.model, "full_sort_predict", padding_first_target_second)
    result = trainer.evaluate(loader(trainer, "validation", False), load_best_model=False)
    assert set(result.values()) == {1.0}

"""Checkpoints of a training, and going on from them."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training import resumable_trainer
from recbole_tagnnpp.training.checkpoint import load_checkpoint
from recbole_tagnnpp.training.trainer import SessionTrainer
from tests.unit.training.small_run import loader, tiny_trainer


class Stopped(Exception):
    """A kill at a chosen moment."""


def test_resumed_training_ends_with_the_same_bits(tmp_path: Path) -> None:
    options = {"epochs": 4, "learning_rate_schedule": "cosine", "warmup_steps": 3, "stopping_step": 9}
    calm = tiny_trainer(tmp_path, "calm", **options)
    calm.fit(loader(calm), loader(calm, "validation", False))

    first = tiny_trainer(tmp_path, "stopped", **options)

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


def test_resumed_training_scales_gradients_as_it_did(tmp_path: Path) -> None:
    options = {"epochs": 1, "enable_amp": True, "enable_scaler": True}
    first = tiny_trainer(tmp_path, **options)
    first.scaler = torch.amp.GradScaler("cpu", init_scale=16.0, growth_interval=2)
    first.fit(loader(first))
    state = first.scaler.state_dict()
    assert state["scale"] > 16.0  # it has grown
    second = tiny_trainer(tmp_path, **options)
    assert second.scaler.state_dict() != state
    second.resume_checkpoint(second.last_file)
    assert second.scaler.state_dict() == state


def test_a_run_goes_on_from_its_own_checkpoints_alone(tmp_path: Path) -> None:
    def stopped_run(folder: str, **options: Any) -> Path:
        trainer = tiny_trainer(tmp_path, folder, epochs=2, stopping_step=5, **options)
        trainer.fit(loader(trainer), loader(trainer, "validation", False))
        return trainer.folder

    own = stopped_run("own", learning_rate=0.01)
    other = stopped_run("other", learning_rate=0.02, attn_dropout_prob=0.5)

    def resumed(last: Path, best: Path, **options: Any) -> SessionTrainer:
        trainer = tiny_trainer(tmp_path, "mixed", epochs=2, stopping_step=5, learning_rate=0.01, **options)
        trainer.folder.mkdir(exist_ok=True)
        shutil.copyfile(last / "last.pth", trainer.last_file)
        shutil.copyfile(best / "best.pth", trainer.saved_model_file)
        trainer.resume_run()
        return trainer

    assert resumed(own, own, show_progress=True, threads=2).start_epoch == 2  # what does not count may have changed
    there = re.escape("attn_dropout_prob=0.5 (here 0.1), learning_rate=0.02 (here 0.01)")
    for last, best, name in ((other, own, "last"), (own, other, "best")):
        with pytest.raises(UserError, match=rf"mixed/{name}\.pth: comes from a run with other settings: {there}$"):
            resumed(last, best)
    resumed(own, own).resume_checkpoint(other / "last.pth")  # whoever asks for it gets it


@pytest.mark.parametrize("damage", ["missing", "half", "another epoch"])
def test_a_lost_best_checkpoint_shows_when_a_run_goes_on(tmp_path: Path, damage: str) -> None:
    trainer = tiny_trainer(tmp_path, epochs=2, stopping_step=5)
    trainer.fit(loader(trainer), loader(trainer, "validation", False))
    best = Path(trainer.saved_model_file)
    if damage == "missing":
        best.unlink()
    elif damage == "half":
        best.write_bytes(best.read_bytes()[:2000])
    else:
        checkpoint = load_checkpoint(best)
        checkpoint["training"]["epoch"] = 1 - trainer.best_epoch if trainer.best_epoch else 7
        torch.save(checkpoint, best)
    messages = {"missing": "no such checkpoint", "half": "refused|damaged", "another epoch": "is not of the best epoch"}
    with pytest.raises(UserError, match=rf"best\.pth: ({messages[damage]})"):
        tiny_trainer(tmp_path, epochs=2, stopping_step=5).resume_run()


def test_a_run_without_an_evaluated_epoch_goes_on_without_best_checkpoint(tmp_path: Path) -> None:
    options = {"epochs": 3, "eval_step": 2}
    trainer = tiny_trainer(tmp_path, **options)

    def stop(*_: Any, **__: Any) -> None:
        raise Stopped

    trainer._valid_epoch = stop  # type: ignore[method-assign]
    with pytest.raises(Stopped):
        trainer.fit(loader(trainer), loader(trainer, "validation", False))
    assert not Path(trainer.saved_model_file).exists()
    again = tiny_trainer(tmp_path, **options)
    again.resume_run()
    assert again.start_epoch == 1


def test_best_checkpoint_cannot_be_resumed(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, epochs=1)
    trainer.fit(loader(trainer))
    with pytest.raises(UserError, match="holds weights only"):
        trainer.resume_checkpoint(trainer.saved_model_file)


def test_stop_between_the_two_checkpoints_repeats_the_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calm = tiny_trainer(tmp_path, "calm", epochs=3)
    calm.fit(loader(calm))
    save = resumable_trainer.save_checkpoint

    def stopped(path: Path, model: Any, config: dict, tokens: list[str], training: dict) -> None:
        if path.name == "last.pth" and training["epoch"] == 1:
            raise KeyboardInterrupt
        save(path, model, config, tokens, training)

    monkeypatch.setattr(resumable_trainer, "save_checkpoint", stopped)
    first = tiny_trainer(tmp_path, "stopped", epochs=3)
    with pytest.raises(KeyboardInterrupt):
        first.fit(loader(first))
    monkeypatch.setattr(resumable_trainer, "save_checkpoint", save)
    assert load_checkpoint(first.folder / "best.pth")["training"]["epoch"] == 1
    second = tiny_trainer(tmp_path, "stopped", epochs=3)
    second.resume_run()  # the newer best.pth is of the epoch that is repeated
    assert second.start_epoch == 1
    second.fit(loader(second))
    for (name, a), b in zip(calm.model.state_dict().items(), second.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_finished_training_goes_on_when_more_epochs_are_asked_for(tmp_path: Path) -> None:
    short = tiny_trainer(tmp_path, epochs=1)
    short.fit(loader(short))
    longer = tiny_trainer(tmp_path, epochs=3)
    longer.resume_checkpoint(longer.last_file)
    longer.fit(loader(longer))
    assert [entry["epoch"] for entry in longer.history] == [0, 1, 2]


def test_training_that_stopped_early_stays_stopped(tmp_path: Path) -> None:
    options = {"epochs": 40, "stopping_step": 0, "learning_rate": 0.05}
    trainer = tiny_trainer(tmp_path, **options)
    trainer.fit(loader(trainer), loader(trainer, "validation", False))
    again = tiny_trainer(tmp_path, **options)
    again.resume_checkpoint(again.last_file)
    assert again.fit(loader(again), loader(again, "validation", False)) == (
        trainer.best_valid_score,
        trainer.best_valid_result,
    )
    assert len(again.history) == len(trainer.history) < 40


DAMAGED: dict[str, tuple[Callable[[dict], object], str]] = {
    **{
        f"without {key}": (lambda c, key=key: c["training"].pop(key), f"'training.{key}' is missing")
        for key in (
            "epoch",
            "best_epoch",
            "history",
            "cur_step",
            "best_valid_score",
            "best_valid_result",
            "is_finished",
            "scaler",
            "random_states",
        )
    },
    "epoch in words": (lambda c: c["training"].update(epoch="one"), "'training.epoch' is a str"),
    "empty optimizer": (lambda c: c["training"].update(optimizer={}), "training state does not fit"),
    "empty random states": (lambda c: c["training"].update(random_states={}), "training state does not fit"),
    "other random states": (
        lambda c: c["training"]["random_states"].update(torch=torch.ones(3)),
        "training state does not fit .*ByteTensor",
    ),
    "other learner": (lambda c: c["config"].update(learner="sgd"), "learner=sgd, which learner=adam cannot continue"),
    "other items": (lambda c: c["item_tokens"].reverse(), "its items are not those of this dataset"),
}


def test_weights_of_a_vanished_epoch_are_not_evaluated(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, epochs=2, stopping_step=5)
    trainer.fit(loader(trainer), loader(trainer, "validation", False))
    trainer.best_epoch = 1 - trainer.best_epoch
    with pytest.raises(UserError, match=r"best\.pth: is not of the best epoch, .*--resume=False") as caught:
        trainer.evaluate(loader(trainer, "validation", False))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", DAMAGED)
def test_resuming_from_what_does_not_fit_gives_one_line(tmp_path: Path, case: str) -> None:
    change, message = DAMAGED[case]
    trainer = tiny_trainer(tmp_path, epochs=1)
    trainer.fit(loader(trainer))
    checkpoint = torch.load(trainer.last_file, weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, trainer.last_file)
    with pytest.raises(UserError, match=message) as caught:
        tiny_trainer(tmp_path, epochs=2).resume_checkpoint(trainer.last_file)
    assert str(caught.value).startswith(str(trainer.last_file))
    assert "\n" not in str(caught.value)


def test_weights_of_other_items_are_not_evaluated(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, epochs=1)
    trainer.fit(loader(trainer))
    trainer.item_tokens = trainer.item_tokens[::-1]
    with pytest.raises(UserError, match="its items are not those of this dataset"):
        trainer.evaluate(loader(trainer, "validation", False))


def test_early_stopping_counts_on_across_interruptions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = [0.3, 0.5, 0.4, 0.5, 0.4, 0.3, 0.2, 0.9]  # equal to the best counts as best; the third worse one stops

    def stop(epoch: int, score: float) -> None:
        assert score == scores[epoch]
        raise Stopped

    trainer = None
    for epoch in range(len(scores)):
        trainer = tiny_trainer(tmp_path, epochs=9, stopping_step=2)
        if epoch:
            trainer.resume_checkpoint(trainer.last_file)
        score = scores[epoch]
        monkeypatch.setattr(trainer, "_valid_epoch", lambda *_, s=score, **__: (s, {"mrr@20": s}))
        try:
            trainer.fit(loader(trainer), loader(trainer, "validation", False), callback_fn=stop)
        except Stopped:
            continue
        break
    assert trainer is not None
    assert [entry["valid_result"]["mrr@20"] for entry in trainer.history] == scores[:7]
    assert trainer.best_epoch == 3
    assert trainer.best_valid_score == 0.5
    assert trainer.best_valid_result == {"mrr@20": 0.5}
    assert load_checkpoint(trainer.folder / "best.pth")["training"]["epoch"] == 3

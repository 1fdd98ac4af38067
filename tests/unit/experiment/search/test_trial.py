"""Training one setting: progress from checkpoints, taking over another trial's, and what is not worth a second attempt."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_tagnnpp.data.session_dataset import LoadedSessions, SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.search.space import SearchSpace, read_space
from recbole_tagnnpp.experiment.search.trial import (
    TrialJob,
    TrialProgress,
    comes_again,
    take_over_checkpoints,
    train_setting,
)
from recbole_tagnnpp.training.checkpoint import load_checkpoint
from tests.unit.training.small_run import tiny_config


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trial")


def prepare(root: Path, **changes: Any) -> tuple[TrialJob, LoadedSessions]:
    config = tiny_config(root, epochs=3, learning_rate_schedule="constant", **changes)
    (root / "hyper.test").write_text("learning_rate choice [0.01, 0.02]\nweight_decay choice [0.0, 0.1]\n")
    space: SearchSpace = read_space(root / "hyper.test")
    return TrialJob.of(config, space, root / "state", None), SessionDataset(config).load()


def train(job: TrialJob, sessions: LoadedSessions, folder: Path, **setting: Any) -> list[TrialProgress]:
    seen: list[TrialProgress] = []
    train_setting(job, sessions, setting, folder, seen.append)
    return seen


def test_progress_after_every_epoch(root: Path) -> None:
    job, sessions = prepare(root)
    seen = train(job, sessions, root / "a", learning_rate=0.02, weight_decay=0.0)
    assert [len(progress.history) for progress in seen] == [1, 2, 3]
    assert [progress.is_complete for progress in seen] == [False, False, True]
    last = seen[-1].history[-1]
    assert last["epoch"] == 3
    assert last["score"] == last["valid_result"]["mrr@20"]
    assert 0 < last["score"] <= last["valid_result"]["hit@20"] <= 100
    assert seen[-1].history[:1] == seen[0].history


def test_trials_leave_the_gpu_to_who_starts_them(root: Path) -> None:
    assert "gpu_id" not in prepare(root, gpu_id=1, use_gpu=False)[0].settings


def test_a_training_that_had_ended_says_so_once(root: Path) -> None:
    job, sessions = prepare(root)
    before = train(job, sessions, root / "b", learning_rate=0.01, weight_decay=0.0)
    again = train(job, sessions, root / "b", learning_rate=0.01, weight_decay=0.0)
    assert again == [before[-1]]


def test_an_interrupted_training_goes_on_to_the_same_scores(root: Path) -> None:
    job, sessions = prepare(root)
    whole = train(job, sessions, root / "c", learning_rate=0.01, weight_decay=0.0)[-1].history

    def interrupt(progress: TrialProgress) -> None:
        if len(progress.history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_setting(job, sessions, {"learning_rate": 0.01, "weight_decay": 0.0}, root / "d", interrupt)
    rest = train(job, sessions, root / "d", learning_rate=0.01, weight_decay=0.0)
    assert len(rest) == 1

    def scores(history: list[dict[str, Any]]) -> list[tuple[Any, Any]]:
        return [(entry["valid_result"], entry["train_loss"]) for entry in history]

    assert scores(rest[-1].history) == scores(whole)


def test_arrays_that_cannot_be_written_to_are_enough(root: Path) -> None:
    job, sessions = prepare(root)
    for part in (sessions.training, sessions.validation):
        for array in vars(part).values():
            array.flags.writeable = False  # as Ray's object store gives them
    assert train(job, sessions, root / "e", learning_rate=0.01, weight_decay=0.0)


def test_a_trial_never_sees_the_test(root: Path) -> None:
    job, sessions = prepare(root)
    dataset = SessionDataset(job.config({}), sessions)
    with pytest.raises(RuntimeError, match="trials of a search have no test"):
        dataset.test_sequences()
    assert dataset.training is sessions.training
    assert dataset.validation is sessions.validation
    plain = SessionDataset(job.config({}))
    assert np.array_equal(plain.training.prefix_items, dataset.training.prefix_items)
    assert (plain.item_num, plain.item_tokens, str(plain)) == (dataset.item_num, dataset.item_tokens, str(dataset))


def test_taking_over_a_checkpoint(root: Path) -> None:
    job, sessions = prepare(root)
    train(job, sessions, root / "f", learning_rate=0.01, weight_decay=0.0)
    before = (root / "f" / "last.pth").read_bytes()
    take_over_checkpoints(root / "f", job.config({"learning_rate": 0.01, "weight_decay": 0.0}))
    assert (root / "f" / "last.pth").read_bytes() == before  # its own
    checkpoint = load_checkpoint(root / "f" / "last.pth")
    checkpoint["training"].update(cur_step=2, is_finished=True)  # as if the other trial had stopped early
    torch.save(checkpoint, root / "f" / "last.pth")
    take_over_checkpoints(root / "f", job.config({"learning_rate": 0.02, "weight_decay": 0.1}))
    checkpoint = load_checkpoint(root / "f" / "last.pth")
    assert [group["weight_decay"] for group in checkpoint["training"]["optimizer"]["param_groups"]] == [0.1]
    assert checkpoint["config"]["learning_rate"] == 0.02
    assert load_checkpoint(root / "f" / "best.pth")["config"] == checkpoint["config"]
    assert (checkpoint["training"]["cur_step"], checkpoint["training"]["is_finished"]) == (0, False)
    assert len(train(job, sessions, root / "f", learning_rate=0.02, weight_decay=0.1)[-1].history) == 3


def test_models_that_count_are_complete_after_one_pass(root: Path) -> None:
    config = tiny_config(root, "ItemKNN", epochs=5)
    job = TrialJob.of(config, SearchSpace("", {}), root / "state", None)
    seen = train(job, SessionDataset(config).load(), root / "g")
    assert [(len(progress.history), progress.is_complete) for progress in seen] == [(1, True)]


def test_memory_that_torch_is_refused_comes_again() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(10**16)  # more than there are addresses
    assert comes_again(refused.value)


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (UserError("a key"), True),
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_what_comes_again(problem: Exception, expected: bool) -> None:
    assert comes_again(problem) is expected

"""Several processes with pieces of a batch do what one does with the batch."""

from pathlib import Path
from typing import Any

import pytest
import torch

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.distributed.ranks import ALONE, Ranks
from tests.unit.training.parallel_training import build, evaluate, fit, resume_with_another_size, train_in_parts
from tests.unit.training.process_group import in_processes
from tests.unit.training.small_run import tiny_config

WITHOUT_DROPOUT: dict[str, Any] = {
    "epochs": 2,
    "learning_rate": 0.01,
    "agc_lambda": 0.02,
    "agc_exclude": [],
    "clip_grad_norm": {"max_norm": 0.05},
    "weight_decay": 1e-4,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parallel")
    tiny_config(folder)  # prepares
    return folder


@pytest.mark.parametrize(
    ("n", "batch_size", "model", "dropout"),
    [
        (2, 32, "TAGNNPP", ("embedding_dropout_prob", "hidden_dropout_prob", "attn_dropout_prob")),  # last batch of 5
        (3, 37, "TAGNNPP", ("embedding_dropout_prob", "hidden_dropout_prob", "attn_dropout_prob")),  # of 2: one has none
        (2, 20, "GRU4Rec", ("dropout_prob",)),  # of 1
    ],
)
def test_parameters_equal_those_of_one_process(
    root: Path, tmp_path: Path, n: int, batch_size: int, model: str, dropout: tuple[str, ...]
) -> None:
    changes = {**WITHOUT_DROPOUT, **dict.fromkeys(dropout, 0.0)}
    alone = fit(ALONE, root, batch_size, model, changes)
    assert 261 % batch_size in (5, 2, 1) and alone["steps"] == 261 // batch_size + 1
    assert alone["clipped"] > 0.1
    for result in in_processes(n, tmp_path / "group", fit, root, batch_size, model, changes):
        assert result["steps"] == alone["steps"]
        assert result["clipped"] == alone["clipped"]
        assert result["best_epoch"] == alone["best_epoch"]
        for entry, expected in zip(result["history"], alone["history"], strict=True):
            assert entry["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-9)
            assert entry["learning_rate"] == expected["learning_rate"]
            assert entry["valid_result"] == expected["valid_result"]
        for name, weight in result["weights"].items():
            torch.testing.assert_close(weight, alone["weights"][name], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("n", "batch_size"), [(2, 8), (3, 30)])  # 6 batches, the last of 2; 2 batches for 3 processes
def test_evaluation_is_that_of_one_process(root: Path, tmp_path: Path, n: int, batch_size: int) -> None:
    alone = evaluate(ALONE, root, batch_size)
    assert len(alone["target_ranks"]) == 42
    for result in in_processes(n, tmp_path / "group", evaluate, root, batch_size):
        assert result["result"] == alone["result"]
        assert torch.equal(result["target_ranks"], alone["target_ranks"])


def test_resumed_training_ends_with_the_same_bits(root: Path, tmp_path: Path) -> None:
    calm = in_processes(2, tmp_path / "calm", train_in_parts, root, "calm", [])
    parts = in_processes(2, tmp_path / "parts", train_in_parts, root, "parts", [0, 1])
    assert [part["resumed"] for part in parts] == [True, True]
    for result in [calm[1], *parts]:
        assert result["history"] == calm[0]["history"]
        assert result["best"] == calm[0]["best"]
        for name, weight in result["weights"].items():
            assert torch.equal(weight, calm[0]["weights"][name]), name
    alone = train_in_parts(ALONE, root, "alone", [])  # draws other numbers
    assert any(not torch.equal(weight, calm[0]["weights"][name]) for name, weight in alone["weights"].items())

    assert "was trained by 2 processes, which 1 cannot continue; nproc=2" in resume_with_another_size(ALONE, root, "calm")
    for message in in_processes(2, tmp_path / "other", resume_with_another_size, root, "alone"):
        assert "was trained by 1 processes, which 2 cannot continue; nproc=1" in message


class TwoRanks(Ranks):
    size = 2


def test_a_model_that_remembers_batches_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nproc=2: LESSR remembers what it saw in batches \(\S+running_mean\).*; nproc=1"):
        build(TwoRanks(), root, "refused", "LESSR", embedding_size=8)
    build(ALONE, root, "refused", "LESSR", embedding_size=8)


def test_metrics_of_all_scores_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from recbole_tagnnpp.training.target_collector import TargetCollector

    monkeypatch.setattr(TargetCollector, "needs_only_top_items", False)
    with pytest.raises(UserError, match=r"nproc=2: of metrics=.* one needs a single process"):
        build(TwoRanks(), root, "refused")

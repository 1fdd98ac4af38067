"""A refit after the plain run of the same configuration trains nothing twice, and ends with the same bits."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.run import run
from recbole_tagnnpp.training.trainer import SessionTrainer
from tests.integration.tiny_dataset import settings, write_tiny_log


@pytest.fixture
def learnt(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of training sequences of every training, in order."""
    numbers: list[int] = []
    fit = SessionTrainer.fit

    def noted(trainer: SessionTrainer, train_data: Any, *arguments: Any, **options: Any) -> Any:
        numbers.append(len(train_data.sequences))
        return fit(trainer, train_data, *arguments, **options)

    monkeypatch.setattr(SessionTrainer, "fit", noted)
    return numbers


@pytest.fixture
def run_in(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run in a folder under ``tmp_path``, which gets the dataset first."""
    write_tiny_log(tmp_path / "raw" / "dataset")

    def run_in(place: str, model: str = "TAGNNPP", **changes: Any) -> dict[str, Any]:
        if not (tmp_path / place).exists():
            shutil.copytree(tmp_path / "raw", tmp_path / place)
        learning = {"epochs": 5, "learning_rate": 0.1, "learning_rate_schedule": "constant"}
        config = settings(tmp_path / place, model, **{**learning, **changes})
        return run(SessionConfig(model, "tiny", [tmp_path / place / "dataset" / "tiny.yaml"], config))

    return run_in


def weights_of(folder: Path, refit: str) -> dict[str, torch.Tensor]:
    (file,) = folder.glob(f"saved/tiny/*-{refit}*/model.pth")
    return torch.load(file, weights_only=True)["state_dict"]


def record_file(folder: Path) -> Path:
    (file,) = folder.glob("results/tiny/*.json")
    return file


@pytest.mark.parametrize("model", ["TAGNNPP", "GRU4Rec", "STAN"])
def test_a_refit_takes_the_epoch_from_the_plain_run(
    tmp_path: Path, run_in: Callable[..., dict[str, Any]], learnt: list[int], model: str
) -> None:
    alone = run_in("alone", model, refit=True)
    assert alone["selected_in"] is None
    plain = run_in("both", model)
    assert plain["selected_in"] is None
    name = record_file(tmp_path / "both").stem
    learnt.clear()
    record = run_in("both", model, refit=True)
    n_training, n_validation = (record["data"][f"{part}_sequences"] for part in ("training", "validation"))
    assert learnt == [n_training + n_validation]
    assert record["selected_in"] == name
    assert record["epochs"] == plain["epochs"]  # their seconds, too
    assert len(record["refit_epochs"]) == record["best_epoch"] + 1 <= (1 if model == "STAN" else 4)  # not just all
    for key in ("best_epoch", "valid_result", "test_result", "n_parameters", "resumed"):
        assert record[key] == alone[key]
    assert [epoch["train_loss"] for epoch in record["refit_epochs"]] == [e["train_loss"] for e in alone["refit_epochs"]]
    ours, theirs = weights_of(tmp_path / "both", "refit"), weights_of(tmp_path / "alone", "refit")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_refit_all_takes_the_epoch_from_a_refit_and_says_which_run_chose(
    tmp_path: Path, run_in: Callable[..., dict[str, Any]], learnt: list[int]
) -> None:
    run_in("place")
    plain = record_file(tmp_path / "place")
    run_in("place", refit=True)
    plain.unlink()
    learnt.clear()
    record = run_in("place", refit="all")
    training, validation, test = (record["data"][f"{part}_sequences"] for part in ("training", "validation", "test"))
    assert learnt == [training + validation, training + validation + test]
    assert record["selected_in"] == plain.stem


def test_the_plain_run_itself_selects_though_a_refit_has(run_in: Callable[..., dict[str, Any]], learnt: list[int]) -> None:
    run_in("place", refit=True)
    learnt.clear()
    record = run_in("place")  # its tested weights are those of the selection, which no record holds
    assert learnt == [record["data"]["training_sequences"]]
    assert record["selected_in"] is None


@pytest.mark.parametrize(
    "changes", [{"seed": 7}, {"epochs": 2}, {"threads": 2}, {"resume": False}], ids=lambda changes: next(iter(changes))
)
def test_another_training_is_not_taken_for_this_one(
    run_in: Callable[..., dict[str, Any]], learnt: list[int], changes: dict[str, Any]
) -> None:
    run_in("place")
    learnt.clear()
    threads = torch.get_num_threads()
    try:
        record = run_in("place", refit=True, **changes)
    finally:
        torch.set_num_threads(threads)
    assert len(learnt) == 2
    assert record["selected_in"] is None


@pytest.mark.parametrize(("part", "key"), [("versions", "torch"), ("machine", "processor"), ("weights", "")])
def test_a_record_from_elsewhere_chooses_nothing_here(
    tmp_path: Path, run_in: Callable[..., dict[str, Any]], learnt: list[int], part: str, key: str
) -> None:
    run_in("place")
    file = record_file(tmp_path / "place")
    content = json.loads(file.read_text())
    if part == "weights":
        (file_of_weights,) = tmp_path.glob("place/saved/tiny/*/model.pth")
        file_of_weights.unlink()
    else:
        content[part][key] = "another"
    file.write_text(json.dumps(content))
    learnt.clear()
    assert run_in("place", refit=True)["selected_in"] is None
    assert len(learnt) == 2


def test_an_interrupted_refit_keeps_to_the_selection_that_it_began_with(
    tmp_path: Path, run_in: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    def refit_until_the_test() -> None:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(SessionDataset, "test_sequences", interrupted)
            run_in("place", refit=True)

    def plain_run_chooses(epoch: int) -> None:
        file = record_file(tmp_path / "place")
        file.write_text(json.dumps({**json.loads(file.read_text()), "best_epoch": epoch}))

    refit_until_the_test()
    run_in("place")
    plain_run_chooses(0)
    record = run_in("place", refit=True)
    assert record["selected_in"] is None
    assert len(record["refit_epochs"]) == record["best_epoch"] + 1 > 1

    shutil.rmtree(tmp_path / "place")
    run_in("place")
    refit_until_the_test()
    plain_run_chooses(0)
    with pytest.raises(UserError, match=r"refit/last\.pth: was trained for \d epochs, now validation has chosen 1;"):
        run_in("place", refit=True)


def test_a_run_is_no_witness_of_its_own(tmp_path: Path, run_in: Callable[..., dict[str, Any]], learnt: list[int]) -> None:
    run_in("place", refit=True)
    shutil.rmtree(tmp_path / "place" / "saved")
    learnt.clear()
    assert run_in("place", refit=True)["selected_in"] is None
    assert len(learnt) == 2


@pytest.mark.parametrize(
    ("content", "message"), [("{", "not a readable run record"), ('{"record_version": 1}', "metrics_in must be")]
)
def test_a_damaged_record_of_the_plain_run_gives_one_line(
    tmp_path: Path, run_in: Callable[..., dict[str, Any]], content: str, message: str
) -> None:
    run_in("place")
    file = record_file(tmp_path / "place")
    file.write_text(content)
    with pytest.raises(UserError, match=rf"{file.name}: {message}"):
        run_in("place", refit=True)
    assert record_file(tmp_path / "place") == file

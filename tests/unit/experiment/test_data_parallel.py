"""Settings, devices and records of runs by several processes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from recbole_tagnnpp.commands.train import train
from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.data.session_dataset import SessionDataset
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment import data_parallel
from recbole_tagnnpp.experiment.data_parallel import config_of_rank, train_in_processes
from recbole_tagnnpp.experiment.fitting import fit_model
from recbole_tagnnpp.experiment.ray_train import _cause
from recbole_tagnnpp.experiment.record import run_digest
from recbole_tagnnpp.training.distributed.ranks import LostProcessError
from tests.unit.training.small_run import tiny_config


def rank(monkeypatch: pytest.MonkeyPatch, number: int, n: int, n_here: int) -> None:
    for name, value in {"RANK": number, "LOCAL_RANK": number % n_here, "WORLD_SIZE": n, "LOCAL_WORLD_SIZE": n_here}.items():
        monkeypatch.setenv(name, str(value))


def test_only_the_first_process_shows_anything_and_cores_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_parallel, "usable_cores", lambda: 7)
    settings = {"dataset": "demo", "state": "DEBUG", "use_gpu": False}
    rank(monkeypatch, 0, 4, 2)
    first = config_of_rank("TAGNNPP", [], settings)
    rank(monkeypatch, 3, 4, 2)
    last = config_of_rank("TAGNNPP", [], settings)
    keys = ("nproc", "threads", "state", "show_progress")
    assert [first[key] for key in keys] == [4, 3, "DEBUG", True]
    assert [last[key] for key in keys] == [4, 3, "CRITICAL", False]
    assert run_digest(first.to_plain_dict(), "0") == run_digest(last.to_plain_dict(), "0")
    assert config_of_rank("TAGNNPP", [], {**settings, "threads": 5})["threads"] == 5
    rank(monkeypatch, 9, 10, 10)
    assert config_of_rank("TAGNNPP", [], settings)["threads"] == 1


def test_more_processes_than_this_machine_could_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    monkeypatch.setattr(data_parallel, "usable_cores", lambda: 3)
    monkeypatch.setattr(data_parallel, "run_processes", lambda n, *_: started.append(n))
    with pytest.raises(UserError, match="nproc=13: allowed is at most 12 here, 4 for each core"):
        train_in_processes("TAGNNPP", [], {}, 13)
    train_in_processes("TAGNNPP", [], {}, 12)
    assert started == [12]


def test_each_number_of_processes_has_its_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(**changes: Any) -> str:
        return run_digest({"seed": 1, **changes}, "0")

    assert digest() == digest(nproc=1) == digest(threads=2)
    assert len({digest(), digest(nproc=2), digest(nproc=3)}) == 3


def test_every_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def device(**changes: Any) -> torch.device:
        return SessionConfig("TAGNNPP", "demo", config_dict={"nproc": 4, **changes})["device"]

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    rank(monkeypatch, 3, 4, 2)
    assert device() == torch.device("cuda", 1)
    assert device(use_gpu=False) == torch.device("cpu")
    with pytest.raises(UserError, match="gpu_id: is for one process"):
        device(gpu_id=1)
    rank(monkeypatch, 2, 4, 4)
    with pytest.raises(UserError, match=r"nproc=4: a process has no GPU of its own, there are 2 on this machine"):
        device()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device() == torch.device("cpu")


@pytest.mark.parametrize("settings", [{"nproc": 2}, {"address": "127.0.0.1:6379"}])
def test_torchrun_says_how_many(monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> None:
    rank(monkeypatch, 0, 3, 3)
    with pytest.raises(UserError, match="started 3 times, by torchrun it seems: leave --nproc and --address out"):
        train({"dataset": "demo", **settings})


def test_other_commands_do_not_start_processes(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, nproc=2)
    dataset = SessionDataset(config)
    with pytest.raises(UserError, match="nproc=2: only `train` starts several processes"):
        fit_model(config, dataset, tmp_path / "run", None)
    assert not (tmp_path / "run").exists()


def test_the_cause_on_a_cluster() -> None:
    class ActorDiedError(Exception):  # Ray's, by name
        pass

    lost, gone, bug = LostProcessError("lost the others"), ActorDiedError("\nThe node\ndied"), KeyError("x")
    user = UserError("key=3: allowed is 4")
    assert _cause({0: lost, 1: gone, 2: user}, 3, "") is user
    death = _cause({0: lost, 1: gone}, 3, "")
    assert isinstance(death, UserError) and str(death).startswith("rank 1 of 3 processes is gone (The node); give the same")
    problem = _cause({0: lost, 1: bug}, 3, "the whole text")
    assert type(problem) is RuntimeError and str(problem) == "the whole text"
    assert _cause({0: lost}, 3, "") is lost

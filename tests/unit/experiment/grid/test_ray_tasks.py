"""How many tasks of a grid there are at the same time, and with how many cores; Ray itself is played by a stand-in."""

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from recbole_tagnnpp.experiment.grid import ray_tasks
from recbole_tagnnpp.experiment.grid.plan import PlannedRun
from recbole_tagnnpp.experiment.grid.progress import RunProgress, State
from recbole_tagnnpp.experiment.systems import find_system


class StandInForRay:
    """Tasks that wait until they are asked for and end one at a time, the oldest first; the first of them dies."""

    exceptions = SimpleNamespace(RayError=ConnectionError)

    def __init__(self) -> None:
        self.running: list[str] = []
        self.most_at_once = 0
        self.started = 0
        self.cpus = self.cluster_cpus = 0
        self.threads: set[int] = set()

    @contextlib.contextmanager
    def connected(self, address: str | None, at_once: int, cpus: int, gpus: float) -> Iterator[None]:
        self.cluster_cpus = at_once * cpus
        yield

    def remote(self, num_cpus: int, **options: Any) -> Any:
        if not num_cpus:
            board = SimpleNamespace(latest=SimpleNamespace(remote=dict))
            return lambda actor: SimpleNamespace(remote=lambda: board)
        self.cpus = num_cpus
        return lambda task: SimpleNamespace(remote=self.start)

    def start(self, number: int, model: str, config: dict[str, Any], *rest: Any) -> str:
        self.started += 1
        self.threads.add(config["threads"])
        self.running.append(f"task {self.started}")
        self.most_at_once = max(self.most_at_once, len(self.running))
        return self.running[-1]

    def wait(self, tasks: list[str], timeout: float) -> tuple[list[str], list[str]]:
        assert tasks == self.running
        return [self.running.pop(0)], self.running

    def get(self, reference: Any, timeout: float | None = None) -> Any:
        if reference == "task 1":
            raise ConnectionError("killed")
        return {} if isinstance(reference, dict) else None

    def cancel(self, reference: str, force: bool) -> None:
        raise AssertionError(f"{reference} is still running")


def run(monkeypatch: pytest.MonkeyPatch, threads: int | None = None, **options: Any) -> StandInForRay:
    ray = StandInForRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(ray_tasks, "connected", ray.connected)
    monkeypatch.setattr(ray_tasks, "usable_cores", lambda: 12)
    config = {"threads": threads, "epochs": 1}
    runs = [RunProgress(PlannedRun(find_system("SRGNN"), "tiny", seed, config, Path("x.json"))) for seed in range(5)]
    ray_tasks.run_on_ray(runs, **options, attempts=2, gpus_per_run=0.0, console=Console(file=io.StringIO()))
    assert [run.state for run in runs] == [State.FINISHED] * 5
    assert [run.attempts for run in runs] == [2, 1, 1, 1, 1]
    return ray


@pytest.mark.parametrize(("workers", "at_once"), [(1, 1), (3, 3), (0, 5)])
def test_workers_are_runs_at_the_same_time_on_a_cluster(
    monkeypatch: pytest.MonkeyPatch, workers: int, at_once: int
) -> None:
    ray = run(monkeypatch, workers=workers, address="head:6379")
    assert ray.most_at_once == at_once
    assert (ray.cpus, ray.threads) == (1, {1})  # this machine's cores say nothing about the cluster's


@pytest.mark.parametrize("address", [None, "head:6379"])
def test_threads_are_the_cores_of_a_run(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    ray = run(monkeypatch, threads=5, workers=2, address=address)
    assert (ray.cpus, ray.threads) == (5, {5})


def test_runs_on_this_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = run(monkeypatch, workers=3, address=None)
    assert (ray.cpus, ray.threads, ray.cluster_cpus) == (4, {4}, 12)
    assert ray.most_at_once == 3

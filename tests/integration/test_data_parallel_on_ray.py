"""One model trained by processes on two nodes of a Ray cluster."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.integration.ray_nodes import Cluster
from tests.integration.tiny_dataset import settings, write_tiny_log

pytest.importorskip("ray")
pytestmark = pytest.mark.cluster
LIMIT = 400.0
EPOCHS = 4


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    nodes = Cluster()
    try:
        nodes.start((1, 1))
        yield nodes
    finally:
        nodes.kill()


def start(root: Path, cluster: Cluster, **changes: object) -> subprocess.Popen:
    given = settings(root, epochs=EPOCHS, stopping_step=99, state="INFO", **{"nproc": 2, "threads": 1, **changes})
    arguments = [f"--{key}={value}" for key, value in given.items()]
    return subprocess.Popen(
        [sys.executable, "-m", "recbole_tagnnpp", "train", "--dataset=tiny", "--config_files=tiny.yaml", *arguments],
        cwd=root / "dataset", env=cluster.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finished(run: subprocess.Popen) -> str:
    try:
        return run.communicate(timeout=LIMIT)[0]
    finally:
        run.kill()


def kill_a_worker(run: subprocess.Popen, root: Path) -> None:
    """After the first epoch; workers are in the folder of the driver."""
    deadline = time.monotonic() + LIMIT
    while not any((root / "saved").glob("tiny/*/selection/last.pth")):
        assert run.poll() is None, run.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_worker = (process / "cmdline").read_bytes().startswith(b"ray::")
            if is_worker and (process / "cwd").resolve() == (root / "dataset").resolve():
                os.kill(int(process.name), signal.SIGKILL)
                return
        except OSError:
            continue
    pytest.fail("no worker found")


def test_a_killed_worker_ends_the_run_and_the_same_command_ends_as_processes_of_one_machine(
    tmp_path: Path, cluster: Cluster
) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    for root in (there, here):
        write_tiny_log(root / "dataset")
    killed = start(there, cluster, address=cluster.address)
    kill_a_worker(killed, there)
    output = finished(killed)
    assert killed.returncode == 2, output
    assert "processes is gone" in output.splitlines()[-1] and "give the same command again" in output.splitlines()[-1]
    assert output.count("error:") == 1

    continued = start(there, cluster, address=cluster.address)
    output = finished(continued)
    assert continued.returncode == 0, output
    assert "continuing an interrupted run after epoch" in output
    assert f"epoch {EPOCHS}: train loss" in output
    assert "validation, epoch" in output  # the result table
    calm = start(here, cluster)
    output = finished(calm)
    assert calm.returncode == 0, output

    records, weights = [], []
    for root in (there, here):
        (record,) = (root / "results").glob("tiny/*.json")
        records.append(json.loads(record.read_text()))
        (file,) = (root / "saved").glob("tiny/*/model.pth")
        weights.append(torch.load(file, weights_only=True)["state_dict"])
    assert [record["processes"] for record in records] == [2, 2]
    assert records[0]["test_result"] == records[1]["test_result"]
    for name, weight in weights[0].items():
        assert torch.equal(weight, weights[1][name]), name
    assert not any((there / "saved").glob("tiny/*/ray"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threads": 2}, "error: each task needs 2 CPUs and 0 GPUs on one node"),
        ({"nproc": 3}, "error: nproc=3: each process needs 1 CPUs, for which the cluster has room 2 times"),
    ],
)
def test_a_cluster_that_is_too_small(tmp_path: Path, cluster: Cluster, changes: dict[str, int], message: str) -> None:
    write_tiny_log(tmp_path / "dataset")
    run = start(tmp_path, cluster, **{"threads": 1, **changes}, address=cluster.address)
    output = finished(run)
    assert run.returncode == 2, output
    assert message in output.splitlines()[-1]

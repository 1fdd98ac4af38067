"""Grids as Ray tasks: the same records, and what dies is started again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.integration.ray_nodes import Cluster
from tests.integration.tiny_dataset import write_tiny_log

pytest.importorskip("ray")
pytestmark = pytest.mark.cluster
COMMAND = [
    sys.executable, "-m", "recbole_tagnnpp", "compare", "--dataset=tiny", "--models=SRGNN,TAGNN", "--threads=1",
    "--use_gpu=False", "--train_batch_size=10",
]  # fmt: skip
LIMIT = 200


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    rules = write_tiny_log(tmp_path / "dataset")
    (tmp_path / "properties" / "dataset").mkdir(parents=True)
    rules.rename(tmp_path / "properties" / "dataset" / "tiny.yaml")
    return tmp_path


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def results(root: Path) -> dict[str, dict]:
    return {file.name: json.loads(file.read_text())["test_result"] for file in (root / "results/runs/tiny").glob("*.json")}


def test_a_killed_task_continues_and_gives_what_a_quiet_run_gives(tiny: Path) -> None:
    arguments = [*COMMAND, "--epochs=6", "--workers=1"]
    grid = subprocess.Popen(
        arguments, cwd=tiny, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        killed = kill_the_process_that_wrote(tiny, "SRGNN-*/selection/last.pth")
        output, _ = grid.communicate(timeout=LIMIT)
    finally:
        grid.kill()
    assert killed
    assert grid.returncode == 0, output
    assert "SR-GNN on tiny, seed 2020: finished" in output
    on_ray = results(tiny)
    assert len(on_ray) == 2

    for file in (tiny / "results/runs/tiny").glob("*.*"):
        file.unlink()
    done = subprocess.run(
        [*COMMAND, "--epochs=6"], cwd=tiny, env=environment(), text=True, capture_output=True, timeout=LIMIT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert results(tiny) == on_ray


def kill_the_process_that_wrote(root: Path, pattern: str) -> bool:
    """Wait for a checkpoint, then kill the Ray worker that works in ``root``."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if any((root / "saved" / "tiny").glob(pattern)):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    is_worker = (process / "cmdline").read_bytes().startswith(b"ray::train_and_test")
                    if is_worker and (process / "cwd").resolve() == root.resolve():
                        os.kill(int(process.name), signal.SIGKILL)
                        return True
                except OSError:
                    continue
        time.sleep(0.05)
    return False


def test_a_killed_driver_continues_on_a_cluster(tiny: Path) -> None:
    """``ablate`` needs no test of its own: it differs from ``compare`` in the systems alone."""
    cluster = Cluster()
    systems = ["--models=STAN,SRGNN", "--use_gpu=False", "--train_batch_size=10", "--epochs=6"]
    arguments = [*COMMAND[:5], *systems]
    try:
        cluster.start((1, 1))
        arguments.append(f"--address={cluster.address}")
        driver = subprocess.Popen(arguments, cwd=tiny, env=cluster.environment, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + LIMIT
            while not (any((tiny / "results").rglob("STAN-*.json")) and any((tiny / "saved").rglob("SRGNN-*/*/last.pth"))):
                assert driver.poll() is None and time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            driver.kill()
            driver.wait()
        (finished,) = results(tiny)
        before = (tiny / "results/runs/tiny" / finished).stat().st_mtime_ns
        done = subprocess.run(arguments, cwd=tiny, env=cluster.environment, text=True, capture_output=True, timeout=LIMIT)
    finally:
        cluster.kill()
        shutil.rmtree(cluster.folder, ignore_errors=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 finished, 1 found" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert (tiny / "results/runs/tiny" / finished).stat().st_mtime_ns == before
    (continued,) = results(tiny).keys() - {finished}
    record = json.loads((tiny / "results/runs/tiny" / continued).read_text())
    assert record["resumed"]
    assert record["config"]["threads"] == 1  # of a node, not this machine's share


def test_no_cluster_at_the_address(tiny: Path) -> None:
    arguments = [*COMMAND, "--epochs=1", "--address=127.0.0.1:1"]
    with_token = {**environment(), "RAY_AUTH_TOKEN": "0" * 64}
    done = subprocess.run(arguments, cwd=tiny, env=with_token, text=True, capture_output=True, timeout=LIMIT)
    assert done.returncode == 2
    assert "error: --address=127.0.0.1:1: nobody answers there" in done.stderr.splitlines()[-1]

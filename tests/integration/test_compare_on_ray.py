"""Grids as Ray tasks: the same records, and what dies is started again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
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


def test_no_cluster_at_the_address(tiny: Path) -> None:
    arguments = [*COMMAND, "--epochs=1", "--address=127.0.0.1:1"]
    with_token = {**environment(), "RAY_AUTH_TOKEN": "0" * 64}
    done = subprocess.run(arguments, cwd=tiny, env=with_token, text=True, capture_output=True, timeout=LIMIT)
    assert done.returncode == 2
    assert "error: --address=127.0.0.1:1: nobody answers there" in done.stderr.splitlines()[-1]

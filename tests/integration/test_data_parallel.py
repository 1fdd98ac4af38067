"""Whole runs by two processes: from the command line and by torchrun, killed and continued."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import REPOSITORY
from tests.integration.tiny_dataset import settings, write_tiny_log

pytestmark = pytest.mark.slow
LIMIT = 240.0
EPOCHS = 6


def command(root: Path, *launcher: str, **changes: Any) -> list[str]:
    given = settings(root, threads=1, epochs=EPOCHS, stopping_step=99, seed=3, **{"refit": True, **changes})
    arguments = [f"--{key}={value}" for key, value in given.items()]
    program = launcher or (sys.executable,)
    return [*program, "-m", "recbole_tagnnpp", "train", "--dataset=tiny", "--config_files=tiny.yaml", *arguments]


def start(root: Path, *launcher: str, **changes: Any) -> subprocess.Popen:
    return subprocess.Popen(
        command(root, *launcher, **changes),
        cwd=root / "dataset",
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def epochs_done(root: Path) -> int:
    """Of the selection, as its checkpoint says; all of them once the refit has begun."""
    if any((root / "saved").glob("tiny/*/refit/last.pth")):
        return EPOCHS
    for file in (root / "saved").glob("tiny/*/selection/last.pth"):
        return torch.load(file, weights_only=True)["training"]["epoch"] + 1
    return 0


def wait_for_epochs(run: subprocess.Popen, root: Path, n: int) -> None:
    deadline = time.monotonic() + LIMIT
    while epochs_done(root) < n:
        assert run.poll() is None, run.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ranks_of(run: subprocess.Popen) -> list[int]:
    """Process ids of the ranks, in the order in which they were started."""
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
            if parent == run.pid and b"spawn_main" in (stat.parent / "cmdline").read_bytes():
                children.append(int(stat.parent.name))
        except OSError:
            continue
    return sorted(children)


def outcome(root: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    (record_file,) = (root / "results").glob("tiny/*.json")
    (weights_file,) = (root / "saved").glob("tiny/*/model.pth")
    assert not any((root / "saved").rglob("*.pth.*"))
    record = json.loads(record_file.read_text())
    keep = ("valid_result", "test_result", "best_epoch", "processes", "seed")
    losses = [epoch["train_loss"] for phase in ("epochs", "refit_epochs") for epoch in record[phase]]
    weights = torch.load(weights_file, weights_only=True)["state_dict"]
    return {**{key: record[key] for key in keep}, "losses": losses}, weights


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("calm", "stormy"):
        write_tiny_log(tmp_path / name / "dataset")
    return tmp_path / "calm", tmp_path / "stormy"


def test_a_killed_run_ends_with_the_bits_of_a_calm_one_by_torchrun(roots: tuple[Path, Path]) -> None:
    calm, stormy = roots
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    by_torchrun = start(calm, *torchrun)
    output, _ = by_torchrun.communicate(timeout=LIMIT)
    assert by_torchrun.returncode == 0, output
    expected, expected_weights = outcome(calm)
    assert expected["processes"] == 2

    killed = start(stormy, nproc=2)
    wait_for_epochs(killed, stormy, 2)
    _, second = ranks_of(killed)
    os.kill(second, signal.SIGKILL)
    moment = time.monotonic()
    output, _ = killed.communicate(timeout=LIMIT)
    assert time.monotonic() - moment < 30
    assert killed.returncode == 2, output
    assert "rank 1 of 2 processes was killed by SIGKILL" in output.splitlines()[-1]
    assert output.count("error:") == 1 and "Traceback" not in output
    assert 2 <= epochs_done(stormy) < EPOCHS

    continued = start(stormy, nproc=2)
    output, _ = continued.communicate(timeout=LIMIT)
    assert continued.returncode == 0, output
    found, weights = outcome(stormy)
    assert found == expected
    assert weights.keys() == expected_weights.keys()
    for name, weight in weights.items():
        assert torch.equal(weight, expected_weights[name]), name


def test_a_refit_by_two_processes_takes_the_epoch_from_their_plain_run(roots: tuple[Path, Path]) -> None:
    root, _ = roots
    for refit in (False, True):
        run = start(root, nproc=2, refit=refit)
        output, _ = run.communicate(timeout=LIMIT)
        assert run.returncode == 0, output
    files = (root / "results").glob("tiny/*.json")
    (plain, plain_name), (refitted, _) = sorted(
        ((json.loads(f.read_text()), f.stem) for f in files), key=lambda r: r[0]["refit"]
    )
    assert refitted["selected_in"] == plain_name
    assert refitted["epochs"] == plain["epochs"]  # their seconds, too
    assert len(refitted["refit_epochs"]) == plain["best_epoch"] + 1


def test_what_the_user_can_mend_is_told_once(roots: tuple[Path, Path]) -> None:
    root, _ = roots
    run = start(root, nproc=2, learning_rate=1e30)
    output, _ = run.communicate(timeout=LIMIT)
    assert run.returncode == 2, output
    assert "error: training loss is " in output.splitlines()[-1]
    assert output.count("error:") == 1 and "Traceback" not in output

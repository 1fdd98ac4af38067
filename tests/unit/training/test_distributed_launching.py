"""Processes that are started together end together."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.distributed.environment import processes_of_torchrun
from recbole_tagnnpp.training.distributed.launching import _cause, run_processes
from recbole_tagnnpp.training.distributed.ranks import LostProcessError
from tests.conftest import REPOSITORY
from tests.unit.training.process_targets import LONG, fail, meet, note_environment

LIMIT = 100.0


def test_processes_know_which_they_are(tmp_path: Path) -> None:
    run_processes(3, note_environment, (tmp_path,))
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {str(n): f"{n} {n} 3 3" for n in range(3)}


def test_processes_meet(tmp_path: Path) -> None:
    run_processes(2, meet, (tmp_path,))
    assert [(tmp_path / name).read_text() for name in "01"] == ["hello from 1", "hello from 0"]


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("user", UserError, r"^key=3: allowed is 4$"),
        ("file", FileNotFoundError, "No such file or directory: '/nowhere/at/all'"),
        ("bug", RuntimeError, r"(?s)^rank 1 of 2 processes:\nTraceback.*process_targets.py.*KeyError: 'a key'"),
        ("exit", RuntimeError, "^rank 1 of 2 processes:\nended with status 7, without a word"),
        (
            "killed",
            UserError,
            "^rank 1 of 2 processes was killed by SIGKILL, as the system does when memory runs out; give",
        ),
    ],
)
def test_one_that_fails_ends_all(tmp_path: Path, kind: str, error: type[Exception], message: str) -> None:
    started = time.monotonic()
    with pytest.raises(error, match=message):
        run_processes(2, fail, (tmp_path, kind))
    assert time.monotonic() - started < LONG / 2
    has_cleaned_up = (tmp_path / "cleaned up").exists()
    assert has_cleaned_up == ((tmp_path / "0").exists() and kind != "user")


def ended(rank: int, exitcode: int, report: Any) -> Any:
    return SimpleNamespace(rank=rank, process=SimpleNamespace(exitcode=exitcode), report=report)


def test_the_cause_is_told_not_what_followed_from_it() -> None:
    lost = ended(0, 2, LostProcessError("lost the others"))
    user = ended(1, 2, UserError("the cause"))
    killed = ended(2, -signal.SIGSEGV, None)
    children = [lost, user, killed]
    assert str(_cause(children, [lost, user])) == "the cause"
    assert str(_cause(children, [lost, user, killed])).startswith("rank 2 of 3 processes was killed by SIGSEGV; give")
    assert str(_cause(children, [lost])) == "lost the others"


@pytest.mark.parametrize("end", ["kill the parent", "interrupt the terminal"])
def test_they_end_with_the_parent(tmp_path: Path, end: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.training.process_targets", str(tmp_path)],
        cwd=REPOSITORY, start_new_session=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_until(lambda: len(list(tmp_path.glob("pid-*"))) == 2)
        if end == "kill the parent":
            parent.kill()
        else:
            os.killpg(parent.pid, signal.SIGINT)
        parent.wait(LIMIT)
        pids = [int(file.name.removeprefix("pid-")) for file in tmp_path.glob("pid-*")]
        wait_until(lambda: not any(is_running(pids)))
        assert parent.stdout is not None
        output = parent.stdout.read()
        assert output.count("Traceback") == (end != "kill the parent")  # the parent's own; those that it started are silent
        assert output.endswith("KeyboardInterrupt\n") == (end != "kill the parent")
    finally:
        if parent.poll() is None:
            os.killpg(parent.pid, signal.SIGKILL)


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pids: Iterable[int]) -> list[bool]:
    """Orphans may stay as zombies where nobody waits for them."""
    found = []
    for pid in pids:
        try:
            found.append(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z")
        except OSError:
            found.append(False)
    return found


def test_variables_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert processes_of_torchrun() == 1
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(UserError, match="environment variable RANK=None"):
        processes_of_torchrun()
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("LOCAL_RANK", "x")
    with pytest.raises(UserError, match="environment variable LOCAL_RANK=x"):
        processes_of_torchrun()
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert processes_of_torchrun() == 4

"""What processes started by the tests do; imports little, so that they start fast."""

import os
import signal
import sys
import time
from pathlib import Path

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.distributed.launching import meeting_point, run_processes

LONG = 300.0
TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")


def note_environment(folder: Path) -> None:
    (folder / os.environ["RANK"]).write_text(" ".join(os.environ[name] for name in TORCHRUN))


def meet(folder: Path) -> None:
    store = meeting_point()
    assert store is not None
    rank = int(os.environ["RANK"])
    store.set(f"from {rank}", f"hello from {rank}")
    (folder / f"{rank}").write_text(store.get(f"from {1 - rank}").decode())


def fail(folder: Path, kind: str) -> None:
    """The second of them fails, the others would go on for minutes."""
    note_environment(folder)
    if os.environ["RANK"] == "1":
        if kind == "user":
            raise UserError("key=3: allowed is 4")
        if kind == "file":
            raise FileNotFoundError(2, "No such file or directory", "/nowhere/at/all")
        if kind == "bug":
            {}["a key"]
        if kind == "exit":
            os._exit(7)
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "user":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # such a process is killed
    try:
        time.sleep(LONG)
    finally:
        (folder / "cleaned up").write_text("")


def wait_long(folder: Path) -> None:
    (folder / f"pid-{os.getpid()}").write_text("")
    time.sleep(LONG)


if __name__ == "__main__":
    run_processes(2, wait_long, (Path(sys.argv[1]),))

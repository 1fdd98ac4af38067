"""Starting processes on this machine and ending all of them together."""

import contextlib
import multiprocessing
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from recbole_tagnnpp.errors import UserError

if TYPE_CHECKING:
    import torch.distributed as dist

LOOPBACK = "127.0.0.1"
SECONDS_FOR_CAUSE = 2.0
"""After the first process has failed: for the others to say what they know."""
SECONDS_TO_END = 5.0
"""Between the request to end and the kill."""
LONGEST_TRACEBACK = 20_000
"""Characters; less than what a pipe takes without a reader."""


@dataclass
class _Child:
    """A process, and what it said before it ended.

    Attributes:
        rank: its number.
        process, pipe: the process, and the parent's end of the pipe to it.
        report: the error that ended it: one for the user, or the traceback of another.
    """

    rank: int
    process: SpawnProcess
    pipe: Connection
    report: UserError | OSError | str | None = field(default=None)

    def read_report(self) -> None:
        """Once it has ended."""
        with contextlib.suppress(EOFError, OSError):
            if self.pipe.poll():
                self.report = self.pipe.recv()


def run_processes(n: int, target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Run a function in ``n`` new processes and wait for all of them; when one fails the others are ended.

    The processes find torchrun's variables in their environment (``RANK``, ``WORLD_SIZE``, ``LOCAL_RANK``,
    ``LOCAL_WORLD_SIZE``), and ``meeting_point()`` is their way to each other; nothing listens beyond the loopback
    interface.  They end when the parent does, however it ends; Ctrl-C is the parent's alone.

    Args:
        n: at least 1.
        target: of a module that can be imported.
        arguments: of the function.

    Raises:
        UserError: a process was killed, or raised one.
        OSError: a process raised one.
        RuntimeError: a process raised something else; the message is its traceback.
        KeyboardInterrupt: here; the processes have ended.
    """
    children = _start(n, target, arguments)
    try:
        with _meeting_point(n) as port:
            for child in children:
                with contextlib.suppress(OSError):  # it is dead already, which is found out below
                    child.pipe.send(port)
            failed = _wait_for_failure(children)
    finally:
        _end(children)
    if failed:
        raise _cause(children, failed)


def _start(n: int, target: Callable[..., None], arguments: tuple[Any, ...]) -> list[_Child]:
    context = multiprocessing.get_context("spawn")  # forked processes cannot use CUDA, nor threads that were
    children = []
    with _interrupts_ignored():  # which children inherit
        for rank in range(n):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_child_main, args=(rank, n, theirs, target, arguments), name=f"rank {rank}", daemon=True
            )
            process.start()
            theirs.close()
            children.append(_Child(rank, process, ours))
    return children


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Nobody hears of Ctrl-C in the body, nor do processes that are started there, ever."""
    with _interrupts_handled_by(signal.SIG_IGN):
        yield


@contextlib.contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Ctrl-C in the body takes effect after it; an exception could get lost in an import."""
    noted: list[int] = []
    with _interrupts_handled_by(lambda number, _: noted.append(number)):
        yield
    if noted:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _interrupts_handled_by(handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # which alone may set handlers, and gets interrupts
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _meeting_point(n: int) -> Iterator[int]:
    """A store on a free port of the loopback interface; it lives as long as the parent looks after its children."""
    with socket.create_server((LOOPBACK, 0), backlog=n + 64) as listener:
        with _interrupts_deferred():
            import torch.distributed as dist  # while the children import it, too

            port, descriptor = listener.getsockname()[1], os.dup(listener.fileno())  # the store closes its own
            store = dist.TCPStore(LOOPBACK, port, is_master=True, wait_for_workers=False, master_listen_fd=descriptor)
        yield store.port


def _wait_for_failure(children: list[_Child]) -> list[_Child]:
    """Wait until all have ended well or one has not; returns those that failed by themselves."""
    running = list(children)
    failed: list[_Child] = []
    deadline: float | None = None
    while running:
        seconds_left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ended = wait([child.process.sentinel for child in running], seconds_left)
        if not ended:
            break
        for child in [child for child in running if child.process.sentinel in ended]:
            child.process.join()
            child.read_report()
            running.remove(child)
            if child.process.exitcode != 0:
                failed.append(child)
                deadline = deadline or time.monotonic() + SECONDS_FOR_CAUSE
    return failed


def _cause(children: list[_Child], failed: list[_Child]) -> Exception:
    """The error to show: of a process that was killed, else the first that is not about the loss of another."""
    from recbole_tagnnpp.training.distributed.ranks import LostProcessError

    n = len(children)
    for child in failed:
        code = child.process.exitcode or 0
        if code < 0:
            name = signal.Signals(-code).name
            hint = ", as the system does when memory runs out" if code == -signal.SIGKILL else ""
            return UserError(
                f"rank {child.rank} of {n} processes was killed by {name}{hint}; give the same command again to continue "
                "from the last finished epoch"
            )
    child = next((child for child in failed if not isinstance(child.report, LostProcessError)), failed[0])
    if isinstance(child.report, Exception):
        return child.report
    said = child.report or f"ended with status {child.process.exitcode}, without a word"
    return RuntimeError(f"rank {child.rank} of {n} processes:\n{said}")


def _end(children: list[_Child]) -> None:
    """Ask those that still run to end, and kill them if they do not."""
    for child in children:
        if child.process.is_alive():
            child.process.terminate()
    deadline = time.monotonic() + SECONDS_TO_END
    for child in children:
        child.process.join(max(0.0, deadline - time.monotonic()))
        if child.process.is_alive():
            child.process.kill()
            child.process.join()
        child.pipe.close()


# --- in the new process -----------------------------------------------------------------------------------------------


def _child_main(rank: int, n: int, pipe: Connection, target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n, "LOCAL_WORLD_SIZE": n}
    os.environ.update({name: str(value) for name, value in ranks.items()})
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ.setdefault(name, loopback_interface())
    _to_parent.append(pipe)
    tqdm.set_lock(threading.RLock())  # a killed process would leave the semaphore behind that it takes by default
    try:
        target(*arguments)
    except (UserError, OSError) as problem:
        pipe.send(problem)
        raise SystemExit(2) from None
    except Exception:
        pipe.send(traceback.format_exc()[-LONGEST_TRACEBACK:])
        raise SystemExit(1) from None


def _leave(*_: Any) -> None:
    raise SystemExit(128 + signal.SIGTERM)  # temporary files are removed on the way out


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SECONDS_TO_END)
        os._exit(1)  # the main thread waits for another process


def loopback_interface() -> str:
    """Name of the interface that only this machine can reach."""
    names = [name for _, name in socket.if_nameindex()]
    return next((name for name in ("lo", "lo0") if name in names), names[0])


_to_parent: list[Connection] = []
"""The pipe of a process of :func:`run_processes`."""


def meeting_point() -> "dist.Store | None":
    """The store where the processes of :func:`run_processes` meet, once in each of them; ``None`` in other processes."""
    if not _to_parent:
        return None
    import torch.distributed as dist

    return dist.TCPStore(LOOPBACK, _to_parent[0].recv(), is_master=False, wait_for_workers=False)

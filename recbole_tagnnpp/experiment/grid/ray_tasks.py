"""Runs of a grid at the same time, as Ray tasks on this machine or on a cluster."""

import contextlib
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from recbole_tagnnpp.errors import UserError, describe_problem
from recbole_tagnnpp.experiment.cores import usable_cores
from recbole_tagnnpp.experiment.grid.progress import RunProgress, State, progress_table
from recbole_tagnnpp.experiment.ray_cluster import connected

SECONDS_BETWEEN_LOOKS = 1.0


class ProgressBoard:
    """An actor to which running tasks say how far they are."""

    def __init__(self) -> None:
        self._latest: dict[int, tuple[int, float | None]] = {}

    def tell(self, number: int, epochs: int, valid_score: float | None) -> None:
        """Note epochs done and latest validation score of a run."""
        self._latest[number] = (epochs, valid_score)

    def latest(self) -> dict[int, tuple[int, float | None]]:
        """Run to epochs done and latest validation score, for the runs that have started."""
        return self._latest


def train_and_test(number: int, model: str, config: dict[str, Any], folder: str, board: Any) -> str | None:
    """The task: one run, in the folder of the driver.

    Returns:
        What the user has to mend, or ``None`` after a finished run.  Other exceptions are the caller's.
    """
    from recbole_tagnnpp.config.session_config import SessionConfig
    from recbole_tagnnpp.experiment.run import run

    if not Path(folder).is_dir():
        return f"{folder}: no such folder on node {os.uname().nodename}; all nodes need the same shared folder"
    os.chdir(folder)
    board.tell.remote(number, 0, None)

    def tell(epoch: int, valid_score: float) -> None:
        board.tell.remote(number, epoch + 1, valid_score)

    try:
        run(SessionConfig(model, config["dataset"], config_dict=config), callback_fn=tell)
    except UserError as problem:
        return str(problem)
    return None


def run_on_ray(
    runs: list[RunProgress], workers: int, address: str | None, attempts: int, gpus_per_run: float, console: Console
) -> None:
    """Train and test what is waiting.

    A task that dies (its worker is killed, runs out of memory or raises) is started again, up to ``attempts`` times in
    all, and continues from its last epoch; one whose input the user has to mend is not.

    Args:
        runs: states, updated as tasks go on.
        workers: runs at the same time, on this machine or on the cluster; 0: as many as the cluster holds.
        address: of a running cluster, ``None`` for one of this process's own.
        attempts: starts of a run, at most.
        gpus_per_run: GPUs reserved for each.
        console: where to.

    Raises:
        UserError: no cluster answers, or no node can hold a run.
    """
    waiting = {number: run for number, run in enumerate(runs) if run.state is State.WAITING}
    cpus = max(run.planned.config["threads"] or _default_cpus(workers, address) for run in waiting.values())
    with connected(address, at_once=workers or 1, cpus=cpus, gpus=gpus_per_run), _shown(runs, console) as show:
        import ray

        board = ray.remote(num_cpus=0)(ProgressBoard).remote()
        task = ray.remote(num_cpus=cpus, num_gpus=gpus_per_run, max_retries=0, max_calls=1)(train_and_test)

        def start(number: int) -> Any:
            planned = waiting[number].planned
            waiting[number].attempts += 1
            config = {**planned.config, "threads": planned.config["threads"] or cpus, "show_progress": False}
            return task.remote(number, planned.system.model, config, str(Path.cwd()), board)

        queue: deque[int] = deque(waiting)
        tasks: dict[Any, int] = {}
        try:
            while queue or tasks:
                while queue and (workers == 0 or len(tasks) < workers):
                    number = queue.popleft()
                    tasks[start(number)] = number
                done, _ = ray.wait(list(tasks), timeout=SECONDS_BETWEEN_LOOKS)
                _note_progress(waiting, board)
                for reference in done:
                    number = tasks.pop(reference)
                    if _note_end(waiting[number], reference) and waiting[number].attempts < attempts:
                        waiting[number].state = State.WAITING
                        queue.appendleft(number)
                show()
        finally:
            for reference in tasks:
                ray.cancel(reference, force=True)


def _default_cpus(workers: int, address: str | None) -> int:
    """Cores of a run without ``threads``: its share of this machine's; one on a cluster, whose nodes have others."""
    return max(1, usable_cores() // workers) if address is None else 1


def _note_progress(waiting: dict[int, RunProgress], board: Any) -> None:
    import ray

    with contextlib.suppress(ray.exceptions.RayError):  # a board that is lost costs the display only
        for number, (epochs, valid_score) in ray.get(board.latest.remote(), timeout=10).items():
            run = waiting[number]
            if run.state is State.WAITING:
                run.state = State.RUNNING
            run.epoch = max(run.epoch, epochs)
            run.valid_score = run.valid_score if valid_score is None else valid_score


def _note_end(run: RunProgress, reference: Any) -> bool:
    """Note how a task ended; returns whether another attempt makes sense."""
    import ray

    try:
        problem = ray.get(reference)
    except ray.exceptions.RayError as death:
        run.state, run.problem = State.FAILED, _cause_of(death)
        return True
    run.state, run.problem = (State.FINISHED, "") if problem is None else (State.FAILED, problem)
    return False


def _cause_of(death: Exception) -> str:
    """Why a task died: the task's own exception where it raised one, else what Ray says."""
    cause = getattr(death, "cause", None)
    return describe_problem(cause if isinstance(cause, BaseException) else death)


@contextlib.contextmanager
def _shown(runs: list[RunProgress], console: Console) -> Iterator[Any]:
    """A table that follows the runs in a terminal; elsewhere a line for every change."""
    if console.is_terminal:
        with Live(progress_table(runs), console=console, transient=True, auto_refresh=False) as live:
            yield lambda: live.update(progress_table(runs), refresh=True)
        return
    told: dict[int, tuple[State, int]] = {}

    def show() -> None:
        for number, run in enumerate(runs):
            now = (run.state, run.epoch)
            if run.state not in (State.WAITING, State.FOUND) and told.get(number) != now:
                told[number] = now
                epoch = f", epoch {run.epoch} of {run.planned.config['epochs']}" if run.state is State.RUNNING else ""
                console.print(f"{run.planned}: {run.state.value}{epoch}{': ' + run.problem if run.problem else ''}")

    yield show

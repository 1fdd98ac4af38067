"""A grid from start to end: find what is there, run the rest, show the outcome."""

from collections.abc import Sequence

from rich.console import Console

from recbole_tagnnpp.experiment.grid.in_process import run_in_process
from recbole_tagnnpp.experiment.grid.plan import PlannedRun
from recbole_tagnnpp.experiment.grid.progress import RunProgress, State, progress_table
from recbole_tagnnpp.terminal import PlainConsole


def run_grid(
    planned: Sequence[PlannedRun],
    workers: int = 0,
    address: str | None = None,
    attempts: int = 2,
    gpus_per_run: float = 0.0,
    console: Console | None = None,
) -> list[RunProgress]:
    """Run what has no record yet; an interrupted grid continues when it is called again.

    Args:
        planned: the runs.
        workers: runs at the same time, as Ray tasks; 0 runs them one after the other in this process, or with an
            ``address`` as many at the same time as the cluster holds.
        address: of a running Ray cluster; a run takes ``threads`` cores there, one if that is not set.
        attempts: how often a run is started that dies (a Ray worker is killed, say); it continues from its last epoch.
        gpus_per_run: GPUs that Ray reserves for a run; a fraction lets runs share one.
        console: where to.

    Returns:
        The state of every run.

    Raises:
        UserError: a record that is there is damaged; nothing has been run then.
    """
    console = console or PlainConsole()
    runs = [RunProgress(run, State.FOUND if run.is_recorded else State.WAITING) for run in planned]
    for run in runs:
        if run.state is State.FOUND:
            _ = run.record
    if any(run.state is State.WAITING for run in runs):
        if workers == 0 and address is None:
            run_in_process(runs, console)
        else:
            from recbole_tagnnpp.experiment.grid.ray_tasks import run_on_ray

            run_on_ray(runs, workers, address, attempts, gpus_per_run, console)
    console.print(progress_table(runs))
    return runs

"""Runs of a grid one after the other, in this process and without Ray."""

from logging import getLogger

from rich.console import Console

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.errors import UserError, describe_problem
from recbole_tagnnpp.experiment.grid.progress import RunProgress, State, progress_table
from recbole_tagnnpp.experiment.run import run as train_and_test


def run_in_process(runs: list[RunProgress], console: Console) -> None:
    """Train and test what is waiting; a run that fails is noted, and the next one starts.

    Between two runs the table says where the grid stands; while one trains, its own progress is on the screen.
    """
    waiting = [run for run in runs if run.state is State.WAITING]
    for number, run in enumerate(waiting, start=1):
        console.rule(f"run {number} of {len(waiting)}: {run.planned}")
        run.state, run.attempts = State.RUNNING, 1
        planned = run.planned
        try:
            config = SessionConfig(planned.system.model, planned.dataset, config_dict=planned.config)
            train_and_test(config, callback_fn=run.note_epoch)
        except Exception as problem:
            if not isinstance(problem, UserError):
                getLogger().exception(f"{planned} failed")
            run.state, run.problem = State.FAILED, describe_problem(problem)
        else:
            run.state = State.FINISHED
        if run.state is State.FAILED:
            console.print(f"failed: {run.problem}", style="bold red")
        if number < len(waiting):
            console.print(progress_table(runs))

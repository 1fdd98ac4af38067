"""Where every run of a grid stands, and the table that shows it."""

import enum
from dataclasses import dataclass
from functools import cached_property

from rich.table import Table

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.grid.plan import PlannedRun
from recbole_tagnnpp.experiment.report.records import RunRecord, read_record


class State(enum.Enum):
    """Of a run; the value is what the table prints."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FOUND = "found"  # finished in an earlier grid
    FAILED = "failed"


@dataclass
class RunProgress:
    """State of one run.

    Attributes:
        planned: the run.
        state: of the run.
        epoch: epochs done.
        valid_score: latest ``valid_metric``, a fraction.
        attempts: how often it was started.
        problem: why the last attempt failed, one line.
    """

    planned: PlannedRun
    state: State = State.WAITING
    epoch: int = 0
    valid_score: float | None = None
    attempts: int = 0
    problem: str = ""

    def note_epoch(self, epoch: int, valid_score: float) -> None:
        """Take a validated epoch, counted from 0, and its ``valid_metric``, a fraction."""
        self.epoch, self.valid_score = epoch + 1, valid_score

    @cached_property
    def record(self) -> RunRecord:
        """What it recorded, read once; the run is finished.

        Raises:
            UserError: the record is damaged.
        """
        try:
            return read_record(self.planned.record)
        except UserError as problem:
            raise UserError(f"{problem}; without that record this run is trained and tested again") from problem

    @property
    def valid_percent(self) -> float | None:
        """``valid_metric`` of the epoch that was kept once the run is finished, of its latest epoch before."""
        if self.is_finished:
            return self.record.valid_result.get(self.planned.config["valid_metric"].lower())
        return None if self.valid_score is None else 100 * self.valid_score

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended well, in this grid or an earlier one."""
        return self.state in (State.FINISHED, State.FOUND)


def progress_table(runs: list[RunProgress]) -> Table:
    """One line per run: state, epochs, validation score, test hit rate and MRR at the largest K."""
    counts = {state: sum(run.state is state for run in runs) for state in State}
    table = Table(title=", ".join(f"{count} {state.value}" for state, count in counts.items() if count))
    for title in ("dataset", "system", "seed", "state"):
        table.add_column(title, overflow="fold")  # nothing is cut off in a narrow log
    for title in ("epoch", "valid (%)", "test hit / mrr (%)"):
        table.add_column(title, justify="right", no_wrap=True)
    for run in runs:
        planned = run.planned
        result = run.record.test_result if run.is_finished else {}
        k = max(planned.config["topk"])
        metrics = [result[name] for name in (f"hit@{k}", f"mrr@{k}") if name in result]
        state = run.state.value + (f": {run.problem}" if run.problem else "")
        table.add_row(
            planned.dataset,
            planned.system.title,
            str(planned.seed),
            state,
            f"{run.epoch} of {planned.config['epochs']}" if run.epoch else "",
            "" if run.valid_percent is None else f"{planned.config['valid_metric']} {run.valid_percent:.2f}",
            " / ".join(f"{value:.2f}" for value in metrics),
        )
    return table

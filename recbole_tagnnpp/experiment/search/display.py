"""The progress of a search: a table in a terminal, a line for each finished trial in a log."""

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from recbole_tagnnpp.experiment.search.trial_records import DONE, FAILED, RUNNING, TrialRecord, ranked
from recbole_tagnnpp.terminal import PlainConsole

LARGEST_TABLE = 12


class SearchDisplay:
    """Shows trials while they run.

    Args:
        title: of the table.
        total: number of trials.
        metric: their score.
        bigger: whether larger scores are better.
        show: whether anything is shown.
        console: default standard error.
    """

    def __init__(
        self, title: str, total: int, metric: str, bigger: bool, show: bool = True, console: Console | None = None
    ) -> None:
        self.title, self.total, self.metric, self.bigger = title, total, metric, bigger
        self.console = console or PlainConsole(stderr=True)
        self.records: dict[str, TrialRecord] = {}
        self._show = show
        self._live = (
            Live(console=self.console, auto_refresh=False, transient=True) if show and self.console.is_terminal else None
        )

    def __enter__(self) -> "SearchDisplay":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def remember(self, records: Sequence[TrialRecord]) -> None:
        """Count what an earlier process has finished."""
        self.records.update({record.key: record for record in records if record.status in DONE})

    def update(self, record: TrialRecord) -> None:
        """Show the new state of a trial."""
        before = self.records.get(record.key)
        ended = record.status != RUNNING and (before is None or before.status == RUNNING)
        self.records[record.key] = TrialRecord(**vars(record))
        if self._live is not None:
            self._live.update(Group(self.table(), Text(self.summary())), refresh=True)
        elif self._show and ended:
            self.console.print(self.line(record), highlight=False, soft_wrap=True)

    def line(self, record: TrialRecord) -> str:
        """One line about a trial that has ended."""
        best = record.best(self.bigger)
        score = f"{self.metric} {best['score']:.2f} in epoch {best['epoch']}" if best else "no score"
        what = f"failed: {record.problem}" if record.status == FAILED else f"{record.status}, {score}"
        return f"trial {record.key} {what}; {describe_setting(record.setting)} [{self.summary()}]"

    def summary(self) -> str:
        """Counts, and the best score so far."""
        records = list(self.records.values())
        done = sum(record.status in DONE for record in records)
        failed = sum(record.status == FAILED for record in records)
        first = ranked(records, self.bigger)[:1]
        best = first[0].best(self.bigger) if first and first[0].status != FAILED else None
        return (
            f"{done} of {self.total} done"
            + (f", {failed} failed" if failed else "")
            + (f", best {self.metric} {best['score']:.2f}" if best else "")
        )

    def table(self) -> Table:
        """Running trials and the best ones."""
        table = Table(title=self.title)
        for column in ("trial", "status", "epoch", f"best {self.metric}", "setting"):
            table.add_column(column, justify="right" if column.startswith(("epoch", "best")) else "left")
        in_order = ranked(list(self.records.values()), self.bigger)
        in_order.sort(key=lambda record: record.status != RUNNING)
        for record in in_order[:LARGEST_TABLE]:
            best = record.best(self.bigger)
            table.add_row(
                record.key,
                record.status + (f" ({len(record.interruptions)} restarts)" if record.interruptions else ""),
                str(record.history[-1]["epoch"]) if record.history else "-",
                f"{best['score']:.2f}" if best else "-",
                record.problem or describe_setting(record.setting),
            )
        return table


def describe_setting(setting: dict) -> str:
    """``key=value`` of every searched key, numbers shortened."""
    return " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in setting.items()
    )

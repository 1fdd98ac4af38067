"""What a search leaves: the best configuration, all trials as tables and a plot, and a record."""

import csv
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from recbole_tagnnpp.experiment.search.display import describe_setting
from recbole_tagnnpp.experiment.search.space import SearchSpace
from recbole_tagnnpp.experiment.search.trial_records import FAILED, TrialRecord
from recbole_tagnnpp.files import atomic_write
from recbole_tagnnpp.terminal import PlainConsole


def write_best(path: Path, settings: Mapping[str, Any], comment: str) -> None:
    """Write a configuration as ``--config_files`` takes it.

    Args:
        path: where to.
        settings: every key that differs from what model, dataset and preset give.
        comment: first line.
    """
    with atomic_write(path) as handle:
        handle.write(f"# {comment}\n")
        yaml.safe_dump(dict(settings), handle, sort_keys=False, allow_unicode=True)


def trial_rows(records: Sequence[TrialRecord], space: SearchSpace, bigger: bool) -> list[dict[str, Any]]:
    """One row a trial, in the order given: rank, status, scores in percent, seconds, the setting, what went wrong."""
    rows = []
    for rank, record in enumerate(records, start=1):
        best = record.best(bigger)
        rows.append(
            {
                "rank": rank if best and record.status != FAILED else None,
                "trial": record.key,
                "status": record.status,
                "epochs": record.history[-1]["epoch"] if record.history else 0,
                "best_epoch": best["epoch"] if best else None,
                **(best["valid_result"] if best else {}),
                "seconds": round(record.seconds, 1),
                **{name: record.setting[name] for name in space.parameters},
                "restarts": len(record.interruptions),
                "problem": record.problem or "; ".join(record.interruptions),
            }
        )
    return rows


def write_tables(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``trials.csv`` and ``trials.md``."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    columns.sort(key=_place)
    with atomic_write(folder / "trials.csv") as handle:
        writer = csv.DictWriter(handle, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with atomic_write(folder / "trials.md") as handle:
        handle.write("| " + " | ".join(columns) + " |\n")
        handle.write("|" + "---|" * len(columns) + "\n")
        for row in rows:
            handle.write("| " + " | ".join(_cell(row.get(name)) for name in columns) + " |\n")


def _place(name: str) -> int:
    """Metrics stand behind the best epoch also where the first row has none."""
    order = ("rank", "trial", "status", "epochs", "best_epoch")
    return order.index(name) if name in order else len(order) + (0 if "@" in name else 1)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def write_parallel_coordinates(
    path: Path, records: Sequence[TrialRecord], space: SearchSpace, metric: str, bigger: bool
) -> None:
    """Draw every trial as a line over the searched keys to its score, better ones darker and on top (SVG).

    Keys of few values, or of words, have these at even distances; others a scale, logarithmic if so named.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    scored = [(record, record.best(bigger)) for record in records if record.status != FAILED]
    lines = [(record.setting, best["score"]) for record, best in scored if best is not None]
    names = list(space.parameters)
    axes = [_Axis.of_key(name, [setting[name] for setting, _ in lines]) for name in names]
    axes.append(_Axis.of_key(metric, [score for _, score in lines]))
    with mpl.rc_context({"svg.hashsalt": "search", "font.size": 9}):
        figure = Figure(figsize=(1.6 * len(axes) + 1.5, 4.5), layout="tight")
        plot = figure.add_subplot()
        worst_first = sorted(lines, key=lambda line: line[1] if bigger else -line[1])
        for n, (setting, score) in enumerate(worst_first):
            values = [*(setting[name] for name in names), score]
            heights = [axis.height(value) for axis, value in zip(axes, values, strict=True)]
            shade = (n + 1) / len(worst_first)
            plot.plot(
                range(len(axes)), heights, color=mpl.colormaps["viridis_r"](shade), alpha=0.35 + 0.6 * shade, lw=1 + shade
            )
        for place, axis in enumerate(axes):
            plot.axvline(place, color="0.6", lw=0.8, zorder=0)
            for height, label in axis.ticks():
                plot.annotate(
                    label, (place, height), xytext=(4, 0), textcoords="offset points", va="center", fontsize=7, zorder=9,
                    bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
                )  # fmt: skip
        plot.set_title(f"{len(lines)} trials, a line for each: the darker, the better its {metric} (%)", fontsize=9)
        plot.set_xticks(
            range(len(axes)), [axis.name + (" (log)" if axis.is_log else "") for axis in axes], rotation=20, ha="right"
        )
        plot.set_yticks([])
        plot.set_xlim(-0.2, len(axes) - 0.5)
        for side in ("top", "right", "bottom", "left"):
            plot.spines[side].set_visible(False)
        with atomic_write(path, "wb") as handle:
            figure.savefig(handle, format="svg", metadata={"Date": None})


class _Axis:
    """One vertical axis: places values between 0 and 1.

    Attributes:
        name: below it.
        labels: of the values, if they are few or no numbers.
    """

    def __init__(self, name: str, labels: list[str] | None, low: float, high: float, is_log: bool) -> None:
        self.name, self.labels, self.low, self.high, self.is_log = name, labels, low, high, is_log

    @classmethod
    def of_key(cls, name: str, values: Sequence[Any]) -> "_Axis":
        numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
        if not numeric or len(set(map(str, values))) <= 4:
            distinct = sorted(set(values)) if numeric else sorted(values, key=str)
            return cls(name, list(dict.fromkeys(_label(value) for value in distinct)), 0.0, 1.0, False)
        is_log = min(values) > 0 and max(values) / min(values) > 30
        low, high = (math.log(min(values)), math.log(max(values))) if is_log else (min(values), max(values))
        return cls(name, None, low, high, is_log)

    def height(self, value: Any) -> float:
        if self.labels is not None:
            return self.labels.index(_label(value)) / max(len(self.labels) - 1, 1)
        number = math.log(value) if self.is_log else value
        return (number - self.low) / ((self.high - self.low) or 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        if self.labels is not None:
            return [(n / max(len(self.labels) - 1, 1), label) for n, label in enumerate(self.labels)]
        places = [self.low + share * (self.high - self.low) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
        return [(n / 4, _label(math.exp(place) if self.is_log else place)) for n, place in enumerate(places)]


def _label(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def print_outcome(
    records: Sequence[TrialRecord],
    metric: str,
    bigger: bool,
    untuned_key: str | None,
    folder: Path,
    console: Console | None = None,
) -> None:
    """Print the best trials, the untuned setting, and every trial that failed with its reason.

    Args:
        records: from best to worst.
        metric: their score.
        bigger: whether larger scores are better.
        untuned_key: trial of the setting without a search, if it was among them.
        folder: of the results.
        console: default standard output.
    """
    console = console or PlainConsole()
    table = Table(title=f"best of {len(records)} trials, validation")
    for column in ("rank", "trial", "status", "epoch", metric):
        table.add_column(column)
    table.add_column("setting", overflow="fold")
    for rank, record in enumerate(records, start=1):
        best = record.best(bigger)
        if best is None or record.status == FAILED or (rank > 5 and record.key != untuned_key):
            continue
        name = f"{record.key} (untuned)" if record.key == untuned_key else record.key
        table.add_row(
            str(rank), name, record.status, str(best["epoch"]), f"{best['score']:.2f}", describe_setting(record.setting)
        )
    console.print(table)
    say = partial(console.print, highlight=False, soft_wrap=True)
    say(f"best setting: {describe_setting(records[0].setting)}")
    for record in records:
        if record.status == FAILED:
            say(f"failed: trial {record.key}: {record.problem}")
        elif record.interruptions:
            reasons = "; ".join(dict.fromkeys(record.interruptions))
            say(f"restarted {len(record.interruptions)} times: trial {record.key}: {reasons}")
    say(f"results: {folder}")

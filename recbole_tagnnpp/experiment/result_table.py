"""The table that a run ends with."""

from typing import Any

from rich.console import Console
from rich.table import Table

from recbole_tagnnpp.terminal import PlainConsole


def print_result(record: dict[str, Any], console: Console | None = None) -> None:
    """Print validation and test metrics of a record side by side."""
    console = console or PlainConsole()
    refit = " (retrained on training + validation)" if record["refit"] else ""
    model = record["model"] if record["preset"] is None else f"{record['model']} ({record['preset']})"
    table = Table(title=f"{model} on {record['dataset']}, seed {record['seed']}{refit}")
    table.add_column("metric (%)")
    table.add_column(f"validation, epoch {record['best_epoch'] + 1}", justify="right")
    table.add_column("test", justify="right")
    valid = record["valid_result"] or {}
    for name, value in record["test_result"].items():
        table.add_row(name, f"{valid[name]:.2f}" if name in valid else "-", f"{value:.2f}")
    console.print(table)

"""The row of Table III, and the published figures beside it."""

from rich.table import Table

from recbole_tagnnpp.data.manifest import Manifest
from recbole_tagnnpp.data.sessions import Sessions

ROWS = {
    "clicks": "clicks",
    "training_sequences": "train sequences",
    "test_sequences": "test sequences",
    "items": "items",
    "average_length": "average length",
}
COUNTS = {
    "raw_clicks": "clicks of the source",
    "raw_sessions": "sessions of the source",
    "filtered_sessions": "  left by the filters",
    "train_sessions": "  training",
    "valid_sessions": "  validation",
    "test_sessions": "  test",
}
"""Counts of the manifest that no table has, but who prepares their own clicks wants to see."""
PUBLISHED: dict[str, dict[str, dict[str, float]]] = {
    "diginetica": {
        "paper": {
            "clicks": 982_961, "training_sequences": 719_470, "test_sequences": 68_977, "items": 43_074,
            "average_length": 5.13,
        },
        "split that others report": {
            "clicks": 982_961, "training_sequences": 719_470, "test_sequences": 60_858, "items": 43_097,
            "average_length": 5.12,
        },
    },
    "yoochoose1_64": {
        "paper": {
            "clicks": 557_248, "training_sequences": 375_043, "test_sequences": 55_898, "items": 16_339,
            "average_length": 6.11,
        },
        "split that others report": {
            "clicks": 557_248, "training_sequences": 369_859, "test_sequences": 55_898, "items": 16_766,
            "average_length": 6.16,
        },
    },
}  # fmt: skip
"""Dataset to column title to published figures."""


def describe(training: Sessions, test: Sessions, n_items: int) -> dict[str, float]:
    """Clicks of all sessions, sequences, items, and mean clicks of a sequence with its target, before any cutting."""
    parts = (training, test)
    sequences = sum(part.n_sequences for part in parts)
    clicks_of_sequences = sum(
        int((s.lengths * (s.lengths + 1) - s.shortest_prefixes * (s.shortest_prefixes + 1)).sum()) // 2 for s in parts
    )
    return {
        "clicks": sum(len(part.items) for part in parts),
        "training_sequences": training.n_sequences,
        "test_sequences": test.n_sequences,
        "items": n_items,
        "average_length": round(clicks_of_sequences / sequences, 4),
    }


def table_three(manifest: Manifest) -> Table:
    """Table III for one dataset, beside what was published, if anything; below it what the steps of the protocol left."""
    published = PUBLISHED.get(manifest.dataset, {})
    table = Table(title=f"{manifest.dataset}, prepared from {manifest.source}")
    table.add_column("Table III" if published else "")
    table.add_column("prepared", justify="right")
    for title in published:
        table.add_column(title, justify="right")
    for key, name in ROWS.items():
        values = [manifest.statistics[key], *(figures[key] for figures in published.values())]
        table.add_row(name, *(f"{v:,.2f}" if key == "average_length" else f"{v:,.0f}" for v in values))
        if key == "training_sequences":
            table.add_row("  validation among them", f"{manifest.counts['valid_sequences']:,.0f}")
    table.add_section()
    for key, name in COUNTS.items():
        if key in manifest.counts:
            table.add_row(name, f"{manifest.counts[key]:,.0f}")
    return table

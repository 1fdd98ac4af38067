"""Record, table and plot of a benchmark."""

import json
import statistics
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.systems import BFLOAT16
from recbole_tagnnpp.files import atomic_write

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, NullFormatter

LABELS = {"TAGNNPP": "TAGNN++", BFLOAT16: "TAGNN++, bfloat16 products", "naive": "TAGNN++ scored naively"}


def write_report(record: dict[str, Any], output: Path, device: str) -> None:
    """Write ``<device>.json``, ``<device>.md`` and ``<device>.png`` into ``output``."""
    with atomic_write(output / f"{device}.json") as handle:
        json.dump(record, handle, indent=1)
        handle.write("\n")
    with atomic_write(output / f"{device}.md") as handle:
        handle.write(markdown_table(record))
    with atomic_write(output / f"{device}.png", "wb") as handle:
        _plot(record).savefig(handle, format="png", dpi=110)


def markdown_table(record: dict[str, Any]) -> str:
    """The comparison as a Markdown table, times relative to TAGNN++."""
    machine, ours = record["machine"], record["step_seconds"]["TAGNNPP"]
    lines = [
        f"{record['data']}, {record['items']} items, batches of {record['batch_size']}, "
        f"D = {record['embedding_size']}; "
        f"{machine.get('gpu', machine['processor'])}, {machine['torch_threads']} threads.",
        "",
        "## Training step",
        "",
        "| system | training step, ms (median) | times TAGNN++ |",
        "|---|---|---|",
    ]
    for name, values in record["step_seconds"].items():
        ratio = statistics.median(v / o for v, o in zip(values, ours, strict=True))
        lines.append(f"| {LABELS.get(name, name)} | {1e3 * statistics.median(values):.1f} | {ratio:.2f} |")
    if "product_seconds" in record:
        products = record["product_seconds"][record["best_product_layout"]]
        share = statistics.median(p / s for p, s in zip(products, record["product_step_seconds"], strict=True))
        floor = f"bare matrix products ({record['best_product_layout']})"
        lines.append(f"| {floor} | {1e3 * statistics.median(products):.1f} | {share:.2f} |")
    if "peak_megabytes" in record:
        lines += [
            "",
            "## Peak memory",
            "",
            "| step of | peak memory above parameters, gradients and optimizer state, MB |",
            "|---|---|",
            *(f"| {name} | {value:.0f} |" for name, value in record["peak_megabytes"].items()),
        ]
    return "\n".join([*lines, ""])


def _plot(record: dict[str, Any]) -> plt.Figure:
    growth = record.get("growth_seconds", {})
    figure, axes = plt.subplots(1, 1 + len(growth), figsize=(4.2 * (1 + len(growth)), 3.8), constrained_layout=True)
    first, *others = axes if growth else [axes]
    names = list(record["step_seconds"])
    medians = [1e3 * statistics.median(record["step_seconds"][n]) for n in names]
    first.barh(
        [LABELS.get(n, n) for n in names],
        medians,
        color=["#8e44ad" if n in ("TAGNNPP", BFLOAT16) else "#b0b7bf" for n in names],
    )
    title = f"{record['data']}, batch {record['batch_size']}"
    first.set(xscale="log", xlim=(min(medians) / 2.0, None), xlabel="training step, ms", title=title)
    first.invert_yaxis()
    _plain_ticks(first.xaxis, (1.0, 3.0))
    for axis, (name, curve) in zip(others, growth.items(), strict=True):
        sizes = [int(n) for n in curve]
        axis.plot(sizes, [1e3 * s for s in curve.values()], marker="o", color="#8e44ad")
        axis.set(xscale="log", yscale="log", xlabel=name.replace("_", " "), ylabel="training step, ms")
        axis.set_title(f"TAGNN++: growth with {name.replace('_', ' ')}")
        low, high = axis.get_ylim()
        axis.set_ylim(low, max(high, 4.0 * low))  # a curve that is nearly flat looks so
        _plain_ticks(axis.yaxis, (1.0, 2.0, 5.0))
        axis.grid(alpha=0.3, which="both")
    return figure


def _plain_ticks(axis: Axis, multiples: tuple[float, ...]) -> None:
    """Plain numbers at these multiples of each power of ten of a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=multiples))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())

"""Figures as SVG: the same data and the same matplotlib give the same bytes.

Systems differ in colour (Okabe and Ito's, safe for colour-blind readers) and in marker, so that print in grey works.
"""

import io
import textwrap
from collections.abc import Callable, Collection, Sequence
from typing import Any

import matplotlib
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from recbole_tagnnpp.experiment.report.figure_data import MARK, FigureData

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B6508")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d")
GROUP_MARKERS = ("o", "s", "^", "D")
GROUP_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#000000")
WIDTH = 6.2  # inches
STRONG = 0.75
"""Systems below this share of the best value are left out where they would press the rest together."""
SHORTEST_MINUTES = 0.01
"""Shorter trainings are drawn there."""

_STYLE = {
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"],
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.markersize": 6.0,
    "figure.dpi": 100.0,
}


def draw(data: FigureData, file_format: str = "svg") -> bytes:
    """Render a figure.

    Args:
        data: what it shows.
        file_format: ``svg``, or ``png`` to look at it.
    """
    settings = {**_STYLE, "svg.hashsalt": data.name}
    with matplotlib.rc_context(), style.context(["default", settings]):
        figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
        _DRAWINGS[data.kind](figure, data)
        figure.suptitle(data.title, fontsize=11.0)
        buffer = io.BytesIO()
        metadata = {"Date": None, "Creator": None, "Description": MARK + data.digest} if file_format == "svg" else None
        figure.savefig(buffer, format=file_format, metadata=metadata)
    return buffer.getvalue()


def _look(data: FigureData, label: str, size: float = 6.0) -> dict[str, Any]:
    """Colour and marker of a system; no two of a hundred are the same."""
    index = data.order.index(label)
    marker = MARKERS[index % len(MARKERS)]
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": marker,
        "markersize": size * (1.4 if marker == "*" else 1.0),  # a star of the same width looks smaller
    }


def _legend_below(figure: Figure, data: FigureData, further: Sequence[Line2D] = (), hollow: Collection[str] = ()) -> None:
    """Systems in the order of the tables, some of them hollow, then what the kinds of marks mean."""
    shown = dict.fromkeys(str(row[0]) for row in data.rows)
    entries = [Line2D([], [], linestyle="", label=label, **_look(data, label)) for label in shown]
    for entry in entries:
        if entry.get_label() in hollow:
            entry.set_markerfacecolor("white")
    entries += further
    columns = 3
    rows = -(-len(entries) // columns)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.19 * rows)
    figure.legend(handles=entries, loc="outside lower center", ncols=columns, handletextpad=0.4, columnspacing=1.2)


def _floor(values: list[float]) -> float | None:
    """Where an axis begins that would otherwise be filled by weak systems; ``None`` where there are none."""
    highest = max(values)
    strong = [value for value in values if value >= STRONG * highest]
    return min(strong) - 0.1 * (highest - min(strong) or highest) if len(strong) < len(values) else None


def _around(values: list[float]) -> tuple[float, float]:
    """Limits of an axis with some space on both sides."""
    space = 0.08 * (max(values) - min(values)) or 0.5
    return min(values) - space, max(values) + space


def _below_axis(labels: list[str], width: int = 90) -> str:
    """Names the systems that an axis leaves out, in lines that fit."""
    text = "below the axis: " + ", ".join(dict.fromkeys(labels))
    return "\n" + textwrap.fill(text, width, break_on_hyphens=False) if labels else ""


def _scatter(figure: Figure, data: FigureData) -> None:
    measured = [(float(hit), float(mrr)) for _, source, hit, mrr in data.rows if source == "measured"]
    floors = [_floor([point[axis] for point in measured]) for axis in (0, 1)]
    strong = [row[2:] for row in data.rows if row[2] >= (floors[0] or 0) and row[3] >= (floors[1] or 0)]
    if floors == [None, None] or not strong:
        panels = [figure.subplots()]
    else:
        figure.set_size_inches(WIDTH, 6.4)
        panels = list(figure.subplots(2, 1, height_ratios=(2, 3)))
        for axes, title in zip(panels, ("all systems", "the strongest"), strict=True):
            axes.set_title(title)
    for axes in panels:
        _scatter_points(axes, data)
        axes.set_ylabel("MRR@20 (%)")
        axes.margins(0.08)
    if len(panels) == 2:
        panels[1].set_xlim(*_around([hit for hit, _ in strong]))
        panels[1].set_ylim(*_around([mrr for _, mrr in strong]))
    panels[-1].set_xlabel("Hit@20 (%)")
    further = [Line2D([], [], linestyle="", marker="o", color="#555555", label="filled: measured")]
    if any(row[1] == "paper" for row in data.rows):
        hollow = Line2D([], [], linestyle="", marker="o", color="#555555", label="hollow: the paper's")
        hollow.set_markerfacecolor("white")
        further += [hollow, Line2D([], [], color="#555555", linewidth=0.7, label="line: the same system")]
    names = {row[0] for row in data.rows if row[1] == "measured"}
    _legend_below(figure, data, further, {row[0] for row in data.rows} - names)


def _scatter_points(axes: Axes, data: FigureData) -> None:
    """The paper's points hollow, the measured ones filled, a line between the two of a system."""
    published = {label: (hit, mrr) for label, source, hit, mrr in data.rows if source == "paper"}
    for label, source, hit, mrr in data.rows:
        if source == "paper":
            look = _look(data, str(label))
            axes.plot(hit, mrr, linestyle="", markerfacecolor="white", markeredgewidth=1.2, zorder=2, **look)
            continue
        look = _look(data, str(label), 8.0)
        if label in published:
            axes.plot([hit, published[label][0]], [mrr, published[label][1]], color=look["color"], linewidth=0.7, zorder=1)
        axes.plot(hit, mrr, linestyle="", markeredgecolor="white", markeredgewidth=0.5, zorder=3, **look)


def _learning_curves(figure: Figure, data: FigureData) -> None:
    figure.set_size_inches(WIDTH, 5.6)
    panels = figure.subplots(2, 1, sharex=True)
    for panel, column, title in zip(panels, (3, 4), ("Hit@20 (%)", "MRR@20 (%)"), strict=True):
        highest: dict[str, float] = {}
        for row in data.rows:
            highest[row[0]] = max(highest.get(row[0], 0.0), row[column])
        floor = _floor(list(highest.values()))
        left_out = [label for label, value in highest.items() if floor is not None and value < floor]
        for label, seed in dict.fromkeys((row[0], row[1]) for row in data.rows if row[0] not in left_out):
            points = [(row[2], row[column]) for row in data.rows if (row[0], row[1]) == (label, seed)]
            look = _look(data, str(label), 4.5)
            panel.plot(*zip(*points, strict=True), linewidth=1.1, markevery=max(1, len(points) // 8), **look)
        panel.set_ylabel(title)
        panel.set_xlabel(("epoch" if panel is panels[-1] else "") + _below_axis(left_out))
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _legend_below(figure, data)


def _training_time(figure: Figure, data: FigureData) -> None:
    axes = figure.subplots()
    floor = _floor([row[2] for row in data.rows])
    left_out = [row[0] for row in data.rows if floor is not None and row[2] < floor]
    times = [max(float(row[1]), SHORTEST_MINUTES) for row in data.rows]
    machines = [str(row[3]) for row in data.rows]
    usual = max(dict.fromkeys(machines), key=machines.count)
    for (label, _, mrr, machine), minutes in zip(data.rows, times, strict=True):
        if label in left_out:
            continue
        look = _look(data, str(label), 8.0)
        edges = {"markeredgecolor": "white", "markeredgewidth": 0.5} if machine == usual else {"markerfacecolor": "white"}
        axes.plot(minutes, mrr, linestyle="", **{**look, **edges})
    axes.set_xscale("log")
    axes.set_xlim(min(times) / 2.0, max(times) * 2.0)  # a single point must not fill the axis
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    is_wide = max(times) / min(times) > 10.0
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: "" if is_wide else f"{value:,.3g}"))
    axes.margins(y=0.1)
    shortest = f", from {SHORTEST_MINUTES:g}" if SHORTEST_MINUTES in times else ""
    others = ", ".join(dict.fromkeys(machine for machine in machines if machine != usual))
    words = f"training time (minutes, logarithmic{shortest}; {usual}{f'; hollow: {others}' if others else ''})"
    axes.set_xlabel(textwrap.fill(words, 80, break_on_hyphens=False) + _below_axis(left_out))
    axes.set_ylabel("test MRR@20 (%)")
    _legend_below(figure, data)


def _by_group(figure: Figure, data: FigureData) -> None:
    """A row for each system, a marker for each group."""
    best = {label: [max(row[n] for row in data.rows if row[0] == label) for n in (2, 3)] for label, *_ in data.rows}
    floors = [_floor([of_label[n] for of_label in best.values()]) for n in (0, 1)]
    weak = [[label for label, of_label in best.items() if floor and of_label[n] < floor] for n, floor in enumerate(floors)]
    labels = [label for label in best if not all(label in of_panel for of_panel in weak)]
    names = [words.split(":")[0] for words in data.groups]
    height = 1.5 + 0.24 * len(labels) + 0.19 * len(names)
    figure.set_size_inches(WIDTH, height)
    panels = figure.subplots(1, 2, sharey=True)
    for panel, column, title, left_out in zip(panels, (2, 3), ("Hit@20 (%)", "MRR@20 (%)"), weak, strict=True):
        for place, label in enumerate(labels):
            if label in left_out:
                continue
            values = {str(row[1]): row[column] for row in data.rows if row[0] == label}
            panel.plot(
                [min(values.values()), max(values.values())], [place, place], color="#999999", linewidth=1.2, zorder=1
            )
            for index, name in enumerate(names):
                if name in values:
                    height_of_mark = place + 0.16 * (index - (len(names) - 1) / 2)  # or equal ones would hide each other
                    panel.plot(
                        values[name], height_of_mark, linestyle="", marker=GROUP_MARKERS[index], color=GROUP_COLOURS[index],
                        markeredgecolor="black", markeredgewidth=0.6, zorder=2,
                    )  # fmt: skip
        panel.set_xlabel(title + _below_axis(left_out, 30))
        panel.margins(x=0.06)
        panel.set_ylim(len(labels) - 0.5, -0.5)
        panel.grid(axis="y", visible=False)
    panels[0].set_yticks(range(len(labels)), labels)
    panels[0].tick_params(axis="y", length=0.0)
    panels[1].tick_params(axis="y", length=0.0)
    entries = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markeredgecolor="black", label=words)
        for words, marker, colour in zip(data.groups, GROUP_MARKERS, GROUP_COLOURS, strict=False)
    ]
    figure.legend(handles=entries, loc="outside lower center", ncols=1, handletextpad=0.4)


_DRAWINGS: dict[str, Callable[[Figure, FigureData], None]] = {
    "scatter": _scatter,
    "learning_curves": _learning_curves,
    "training_time": _training_time,
    "by_session_length": _by_group,
    "by_popularity": _by_group,
}

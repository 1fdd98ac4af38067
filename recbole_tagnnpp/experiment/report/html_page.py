"""One page with every table and figure: no scripts, no other files."""

import html
import re
from collections.abc import Mapping, Sequence

from recbole_tagnnpp.experiment.report.figure_data import FigureData
from recbole_tagnnpp.experiment.report.formats import Table, to_html

STYLE = """\
:root { color-scheme: light; color: #1a1a1a; background: #fff; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; }
h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.3rem 1rem; padding: 0; list-style: none; }
a { color: #005a9c; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.9rem; white-space: nowrap; }
caption { text-align: left; font-weight: bold; padding: 0.3rem 0; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
tbody th { font-weight: normal; }
thead th { border-bottom: 2px solid #666; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.note { font-size: 0.85rem; color: #444; margin: 0.3rem 0; }
figure { margin: 1.5rem 0; }
figure svg { width: 100%; max-width: 38rem; min-width: 26rem; height: auto; }
figcaption { font-size: 0.85rem; color: #444; }"""

_DRAWING = re.compile(r"<svg\b.*?</svg>", flags=re.DOTALL)


def html_page(tables: Sequence[Table], figures: Sequence[FigureData], drawings: Mapping[str, str], n_records: int) -> str:
    """The page.

    Args:
        tables: in their order.
        figures: in theirs.
        drawings: name of a figure to its SVG; a figure without one keeps its place (see :func:`without_drawings`).
        n_records: how many records were read.
    """
    parts = [(table.label, table.title, to_html(table)) for table in tables]
    if figures:
        parts.append(("figures", "Figures", "\n".join(_figure(figure, drawings.get(figure.name)) for figure in figures)))
    links = "\n".join(f'<li><a href="#{label}">{html.escape(title)}</a></li>' for label, title, _ in parts)
    sections = "\n".join(
        f'<section id="{label}">\n<h2>{html.escape(title)}</h2>\n{content}\n</section>' for label, title, content in parts
    )
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TAGNN++ and its rivals, as measured</title>
<style>
{STYLE}
</style>
</head>
<body>
<h1>TAGNN++ and its rivals, as measured</h1>
<p>Made from {n_records} run records by <code>python -m recbole_tagnnpp report</code>. Every measured
number comes from a record; published ones stand under (paper), or in notes that say so.</p>
<nav aria-label="Contents"><ul>
{links}
</ul></nav>
{sections}
</body>
</html>
"""


def without_drawings(page: str) -> str:
    """A page with nothing where its drawings are, for comparing pages of different matplotlibs."""
    return _DRAWING.sub("", page)


def _figure(data: FigureData, drawing: str | None) -> str:
    inline = "" if drawing is None else _inline(drawing, data)
    caption = html.escape(f"{data.title}. {data.description}")
    return (
        f'<figure id="{data.name}" data-digest="{data.digest}">\n<div class="wide">{inline}</div>\n'
        f"<figcaption>{caption}</figcaption>\n</figure>"
    )


def _inline(drawing: str, data: FigureData) -> str:
    """The ``<svg>`` element, its ids made different from those of other figures on the page."""
    element = _DRAWING.search(drawing)
    if element is None:
        raise ValueError(f"{data.name}: not an SVG")
    prefix = re.sub(r"[^A-Za-z0-9]", "_", data.name) + "_"
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', element.group(0))
    text = re.sub(r'(href="|url\()#([^")]+)', rf"\1#{prefix}\2", text)
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    label = html.escape(f"{data.title}. {data.description}", quote=True)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)

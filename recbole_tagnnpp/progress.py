"""Progress bars that suit a terminal and a log file."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

SECONDS_BETWEEN_LOG_LINES = 30.0


def progress_bar(work: Iterable[Any] | None, title: str, show: bool, **options: Any) -> tqdm:
    """A tqdm bar on standard error: redrawn in a terminal, now and then elsewhere; what comes next begins a line.

    Args:
        work: what is iterated over, or ``None`` for a bar that is moved by hand (``total`` among ``options``).
        title: in front of the bar.
        show: whether there is one.
        options: further arguments of tqdm.
    """
    in_terminal = sys.stderr.isatty()
    return tqdm(
        work,
        desc=title,
        disable=not show,
        ncols=100,
        mininterval=0.1 if in_terminal else SECONDS_BETWEEN_LOG_LINES,
        maxinterval=10.0 if in_terminal else SECONDS_BETWEEN_LOG_LINES,
        **options,
    )

"""Log lines of a run: plain, to standard error, beside the progress bars."""

import logging

from rich.console import Console
from rich.logging import RichHandler


def set_up_logging(level: str) -> None:
    """Show log lines of ``level`` and above; RecBole's and ours use the root logger.

    Args:
        level: ``DEBUG``, ``INFO``, ``WARNING``, ``ERROR`` or ``CRITICAL``, in any case (RecBole's key ``state``).
    """
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, RichHandler)]:
        root.removeHandler(handler)
    root.addHandler(
        RichHandler(console=Console(stderr=True), show_path=False, show_level=False, omit_repeated_times=False)
    )
    root.setLevel(level.upper())
    for noisy in ("numba", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

"""Log lines of a run, to standard error, beside the progress bars."""

import logging
import sys

from tqdm import tqdm


class BesideBars(logging.StreamHandler):
    """Writes above progress bars instead of into them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        tqdm.write(self.format(record), file=sys.stderr)


def set_up_logging(level: str) -> None:
    """Show log lines of ``level`` and above; RecBole's and ours use the root logger.

    Args:
        level: ``DEBUG``, ``INFO``, ``WARNING``, ``ERROR`` or ``CRITICAL``, in any case (RecBole's key ``state``).
    """
    root = logging.getLogger()
    if not any(isinstance(handler, BesideBars) for handler in root.handlers):
        handler = BesideBars()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
        root.addHandler(handler)
    root.setLevel(level.upper())
    for noisy in ("numba", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

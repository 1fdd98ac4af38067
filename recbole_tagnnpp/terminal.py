"""Tables and lines that commands print: text as it is, for a terminal, a log or another program."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from rich.console import Console

from recbole_tagnnpp.errors import UserError

LOG_WIDTH = 120


class PlainConsole(Console):
    """A console that shows names of items, files and keys letter by letter.

    Rich takes ``[bold]`` for markup and ``:bomb:`` for an emoji, breaks lines for 80 columns where there is no terminal,
    and ends the program when the reader of its output has seen enough (``| head``).

    Args:
        stderr: write to standard error, not to standard output.
        options: further arguments of rich's ``Console``.
    """

    def __init__(self, stderr: bool = False, **options: Any) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, **options)
        if not self.is_terminal and "width" not in options and "COLUMNS" not in os.environ:
            self.width = LOG_WIDTH

    def on_broken_pipe(self) -> None:
        """Nobody reads any more: say nothing, and let the work go on."""
        self.quiet = True
        _send_nowhere(sys.stderr if self.stderr else sys.stdout)


def escape_what_cannot_be_shown() -> None:
    """A terminal or log whose encoding lacks a letter gets its number instead, not an end of the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print a text on standard output, to a reader that may have seen enough.

    Raises:
        UserError: standard output cannot be written, say because its disk is full.
    """
    with _standard_output():
        print(text, flush=True)


@contextlib.contextmanager
def data_output() -> Iterator[TextIO]:
    """Standard output for another program: UTF-8 and ``\\n`` line ends whatever the terminal has.

    It ends quietly when that program has seen enough.

    Raises:
        UserError: standard output cannot be written, say because its disk is full, or is closed.
    """
    if sys.stdout is None:
        raise UserError("standard output: closed")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    with _standard_output():
        yield sys.stdout
        sys.stdout.flush()


@contextlib.contextmanager
def _standard_output() -> Iterator[None]:
    """A reader who has seen enough ends the body quietly; a disk that is full is a user's matter, not a bug."""
    try:
        yield
    except BrokenPipeError:
        _send_nowhere(sys.stdout)
    except OSError as problem:
        if problem.filename is not None:  # another file's, which the body works on
            raise
        _send_nowhere(sys.stdout)
        raise UserError(f"standard output: {problem.strerror or problem}") from problem


def _send_nowhere(stream: TextIO) -> None:
    """Or Python complains when it flushes the stream at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

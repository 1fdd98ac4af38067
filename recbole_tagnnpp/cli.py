"""The command line: finds the command (``commands/``), runs it, and turns what the user can mend into a line."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from recbole_tagnnpp import __version__
from recbole_tagnnpp.commands import ablate, compare, prepare, recommend, train, tune
from recbole_tagnnpp.commands import report as report_command
from recbole_tagnnpp.config.command_line import parse_arguments
from recbole_tagnnpp.errors import UserError, lacks_memory, suggestion
from recbole_tagnnpp.terminal import escape_what_cannot_be_shown, say

OVERVIEW = """\
usage: python -m recbole_tagnnpp COMMAND --key=value ...

  train     train and test a model:  train --dataset=diginetica [--model=TAGNNPP] [--epochs=5] ...
  prepare   make atomic files of a raw click log:  prepare --dataset=diginetica --source=PATH
  recommend items for new sessions:  recommend --model_file=saved/.../model.pth --items=A,B,C
  compare   systems beside each other:  compare --dataset=diginetica [--models=TAGNNPP,SRGNN,STAN] [--seeds=1,2,3] ...
  ablate    TAGNN++ without each of its parts:  ablate --dataset=diginetica [--seeds=1,2,3] ...
  tune      search hyper-parameters:  tune --dataset=diginetica --params_file=hyper.test [--trials=20] [--workers=2] ...
  report    tables, figures and a page from run records:  report [--results=FOLDER] [--output=FOLDER] [--check]

COMMAND --help says more; --version prints the version."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of ``python -m recbole_tagnnpp``.

    Args:
        arguments: default those of the process.

    Returns:
        Exit status: 0, 1 where runs failed or a report differs, 2 for input that the user can mend, 130 when interrupted,
        143 when terminated.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments == ["--version"]:
        return show(__version__)
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        return show(OVERVIEW)
    command, *rest = arguments
    if command not in COMMANDS:
        return report(UserError(f"{command!r}: no such command; {suggestion(command, list(COMMANDS))}"))
    return run_command(command, rest)


def run_command(command: str, arguments: Sequence[str]) -> int:
    """Run one command and turn what the user can mend into a line and a status."""
    escape_what_cannot_be_shown()
    function, help_text = COMMANDS[command]
    if "--help" in arguments or "-h" in arguments:
        return show(help_text)
    if "--version" in arguments:
        return show(__version__)
    flag = FLAGS.get(command)
    arguments = [f"{flag}=True" if argument == flag else argument for argument in arguments]
    continues = command in CONTINUE and "--resume=false" not in [argument.lower() for argument in arguments]
    again = "; give the same command again to continue" if continues else ""
    try:
        with _ended_by_sigterm():
            return function(parse_arguments(arguments, TEXTS))
    except UserError as problem:
        return report(problem)
    except KeyboardInterrupt:
        print(f"interrupted{again}", file=sys.stderr)
        return 130
    except _Terminated as leaving:
        print(f"terminated{again}", file=sys.stderr)
        return leaving.code
    except OSError as problem:
        if problem.filename is None and problem.strerror is None:
            raise
        place = f"{problem.filename}: " if problem.filename else ""
        return report(UserError(f"{place}{problem.strerror or problem}"))
    except (MemoryError, RuntimeError) as problem:
        if not lacks_memory(problem):
            raise
        reason = str(problem).partition("DefaultCPUAllocator: ")[2] or str(problem) or type(problem).__name__
        return report(UserError(f"more memory is needed than there is; smaller sizes or batches need less ({reason})"))


class _Terminated(SystemExit):
    """SIGTERM has come."""

    code = 128 + signal.SIGTERM


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM (docker stop, Slurm) ends the body by an exception, so that temporary files go on the way out."""

    def leave(*_: object) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():  # which alone may set handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def show(text: str) -> int:
    """Print a text; the status of success, or of an output that cannot be written."""
    try:
        say(text)
    except UserError as problem:
        return report(problem)
    return 0


def report(problem: UserError) -> int:
    """Print the one line of an error; the status of such errors."""
    print(f"error: {problem}", file=sys.stderr)
    return 2


Command = Callable[[dict[str, Any]], int]
COMMANDS: dict[str, tuple[Command, str]] = {
    "train": (train.train, train.HELP),
    "prepare": (prepare.prepare, prepare.HELP),
    "recommend": (recommend.recommend, recommend.HELP),
    "compare": (compare.compare, compare.HELP),
    "ablate": (ablate.ablate, ablate.HELP),
    "tune": (tune.tune, tune.HELP),
    "report": (report_command.report, report_command.HELP),
}
"""Name of a command: function, which returns the exit status, and help."""
FLAGS = {"tune": "--resume", "report": "--check"}
"""Name of a command: its argument that may stand without a value, for True."""
CONTINUE = ("train", "compare", "ablate", "tune")
"""Commands that go on where they were interrupted."""
TEXTS = (
    "address", "checkpoint_dir", "data_path", "dataset", "items", "model_file", "name", "output", "params_file", "results",
    "results_path", "sessions", "source",
)  # fmt: skip
"""Arguments that are text whatever they look like: an item can be called 007, a dataset 2024_06, a file a#1.inter."""

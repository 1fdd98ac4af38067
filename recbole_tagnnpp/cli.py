"""The commands: each parses its arguments and calls one function."""

import difflib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from recbole_tagnnpp import __version__
from recbole_tagnnpp.errors import UserError

OVERVIEW = """\
usage: python -m recbole_tagnnpp COMMAND --key=value ...

  train     train and test a model:  train --dataset=diginetica [--model=TAGNNPP] [--epochs=5] ...
  prepare   make atomic files of a raw click log:  prepare --dataset=diginetica --source=PATH

COMMAND --help says more; --version prints the version."""

TRAIN_HELP = """\
usage: python run_recbole_tagnnpp.py --dataset=NAME [--key=value ...]
       python -m recbole_tagnnpp train --dataset=NAME [--key=value ...]

Trains a model, selects the best epoch on validation data, tests once, prints a table and writes a record.
An interrupted run continues when the same command is given again.

  --dataset=NAME          demo, diginetica, yoochoose1_64, yoochoose1_4, or your own in dataset/NAME/
  --model=NAME            TAGNNPP (default) or a sequential model of RecBole: SRGNN, GCSAN, NARM, GRU4Rec, RepeatNet, ...
  --preset=NAME           recommended (default), paper or released_code
  --refit=True            retrain on training + validation before the test
  --config_files=A,B      YAML files of settings, later ones win
  --KEY=VALUE             any key of properties/overall.yaml or properties/model/MODEL.yaml"""

PREPARE_HELP = """\
usage: python -m recbole_tagnnpp prepare --dataset=NAME --source=PATH [--output=dataset] [--config_files=A,B]

Filters and splits a raw click log as properties/dataset/NAME.yaml says, writes RecBole's atomic benchmark files and a
manifest to OUTPUT/NAME, and prints the counts beside published ones.

  --source=PATH           a file, or the folder that holds it: Diginetica's train-item-views.csv, yoochoose-clicks.dat,
                          SR-GNN's all_train_seq.txt and test.txt, or an atomic .inter file
  --output=FOLDER         default dataset"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of ``python -m recbole_tagnnpp``.

    Args:
        arguments: default those of the process.

    Returns:
        Exit status: 0, 2 for input that the user can mend, 130 when interrupted.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments == ["--version"]:
        return show(__version__)
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        return show(OVERVIEW)
    command, *rest = arguments
    if command not in COMMANDS:
        near = difflib.get_close_matches(command, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
        return report(UserError(f"{command!r}: no such command; {hint}"))
    return run_command(command, rest)


def run_command(command: str, arguments: Sequence[str]) -> int:
    """Run one command and turn what the user can mend into a line and a status."""
    function, help_text = COMMANDS[command]
    if "--help" in arguments or "-h" in arguments:
        return show(help_text)
    try:
        # imported late: parsing needs PyYAML, the commands need torch
        from recbole_tagnnpp.config.command_line import parse_arguments

        function(parse_arguments(arguments))
    except UserError as problem:
        return report(problem)
    except KeyboardInterrupt:
        print("interrupted; give the same command again to continue", file=sys.stderr)
        return 130
    except OSError as problem:
        if problem.filename is None and problem.strerror is None:
            raise
        place = f"{problem.filename}: " if problem.filename else ""
        return report(UserError(f"{place}{problem.strerror or problem}"))
    return 0


def show(text: str) -> int:
    """Print a text, to a reader that may have seen enough (``--help | head``); the status of success."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
    return 0


def report(problem: UserError) -> int:
    """Print the one line of an error; the status of such errors."""
    print(f"error: {problem}", file=sys.stderr)
    return 2


def train(settings: dict[str, Any]) -> None:
    """Train and test a model."""
    files = _config_files(settings)
    if "dataset" not in settings and not files:
        raise UserError("no dataset given: --dataset=NAME, for example --dataset=demo")
    from recbole_tagnnpp.config.layers import merge_layers

    model = settings.pop("model", None) or _model_of(files)
    merge_layers(model, None, files, command_line=settings)  # mistakes show before torch loads
    from recbole_tagnnpp.config.session_config import SessionConfig
    from recbole_tagnnpp.experiment.run import run

    run(SessionConfig(model, None, files, command_line=settings))


def prepare(settings: dict[str, Any]) -> None:
    """Prepare a dataset."""
    allowed = ("dataset", "source", "output", "config_files")
    for key in settings:
        if key not in allowed:
            raise UserError(f"--{key}: unknown argument of prepare; there are {', '.join('--' + name for name in allowed)}")
    for key in ("dataset", "source"):
        if not isinstance(settings.get(key), (str, int)) or isinstance(settings.get(key), bool):
            raise UserError(f"prepare needs --{key}=..., see prepare --help")
    from recbole_tagnnpp.config.layers import merge_layers
    from recbole_tagnnpp.data.prepare import prepare as prepare_dataset
    from recbole_tagnnpp.data.rules import PreparationRules
    from recbole_tagnnpp.data.statistics import table_three

    name, files = str(settings["dataset"]), _config_files(settings)
    preparation = merge_layers(_model_of(files), name, files).final.get("preparation")
    if preparation is None:
        raise UserError(
            f"dataset={name}: no rules to prepare it by; copy properties/dataset/example.yaml to "
            f"properties/dataset/{name}.yaml, or name a file with a 'preparation' mapping in --config_files"
        )
    rules = PreparationRules.from_mapping(preparation, where=f"preparation of dataset {name}")
    source, output = Path(str(settings["source"])).expanduser(), Path(str(settings.get("output", "dataset")))
    manifest = prepare_dataset(name, source, output.expanduser(), rules)
    from rich.console import Console

    Console().print(table_three(manifest))


def _config_files(settings: dict[str, Any]) -> list[str]:
    """``--config_files=a.yaml,b.yaml``; RecBole separates with spaces, which is allowed too."""
    value = settings.pop("config_files", None)
    if value is None:
        return []
    if isinstance(value, list):
        return [str(file) for file in value]
    return str(value).replace(",", " ").split()


def _model_of(files: list[str]) -> str:
    """The model that config files name, else TAGNN++."""
    from recbole_tagnnpp.config.yaml_files import read_yaml

    named = [content["model"] for content in (read_yaml(Path(file)) for file in files) if content.get("model")]
    return str(named[-1]) if named else "TAGNNPP"


COMMANDS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "train": (train, TRAIN_HELP),
    "prepare": (prepare, PREPARE_HELP),
}
"""Name of a command: function, help."""

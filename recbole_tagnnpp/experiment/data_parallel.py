"""One run by several processes: started here, by torchrun, or as workers of Ray (``ray_train.py``).

torch is imported where it is used: the process that starts others needs little of it.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from recbole_tagnnpp.config.layers import merge_layers
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.cores import usable_cores
from recbole_tagnnpp.training.distributed.launching import meeting_point, run_processes

if TYPE_CHECKING:
    from recbole_tagnnpp.config.session_config import SessionConfig

MOST_PROCESSES_PER_CORE = 4


def train_in_processes(model: str, files: Sequence[str], settings: dict[str, Any], n: int) -> None:
    """Train and test a model in ``n`` processes on this machine.

    Args:
        model: name.
        files: configuration files.
        settings: of the command line.
        n: at least 2.

    Raises:
        UserError: anything the user can mend, in any process, or a process was killed.
        RuntimeError: another error in a process.
    """
    most = MOST_PROCESSES_PER_CORE * usable_cores()
    if n > most:  # each needs memory of its own: a slip of the finger would take all there is
        raise UserError(f"nproc={n}: allowed is at most {most} here, {MOST_PROCESSES_PER_CORE} for each core")
    run_processes(n, train_as_rank, (model, list(files), settings))


def train_as_rank(model: str, files: Sequence[str], settings: dict[str, Any]) -> None:
    """What each of the processes does; ``RANK``, ``WORLD_SIZE`` and so on say which one this is."""
    from recbole_tagnnpp.experiment.run import run
    from recbole_tagnnpp.training.distributed.joining import joined

    config = config_of_rank(model, files, settings)
    with joined(config["device"], meeting_point()) as ranks:
        run(config, ranks=ranks)


def config_of_rank(model: str, files: Sequence[str], settings: dict[str, Any]) -> "SessionConfig":
    """The configuration of this process: only the first shows anything, and all share the cores of their machine."""
    from recbole_tagnnpp.config.session_config import SessionConfig

    own = {**settings, "nproc": int(os.environ["WORLD_SIZE"])}
    if int(os.environ["RANK"]) > 0:
        own.update(show_progress=False, state="CRITICAL")
    if merge_layers(model, None, files, command_line=own).final["threads"] is None:
        own["threads"] = max(1, usable_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    return SessionConfig(model, None, files, command_line=own)

"""How many processes train a model: what torchrun has put into the environment, and a check; without torch."""

import os

from recbole_tagnnpp.errors import UserError


def processes_of_torchrun() -> int:
    """Number of processes that torchrun (or another launcher with its variables) has started, 1 without one.

    Raises:
        UserError: some of its variables are missing, or no numbers.
    """
    found = {name: os.environ.get(name) for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK")}
    if found["WORLD_SIZE"] is None:
        return 1
    for name, value in found.items():
        if value is None or not value.isdecimal():
            raise UserError(f"environment variable {name}={value}: a launcher that sets WORLD_SIZE must set it to a number")
    return int(found["WORLD_SIZE"])


def check_processes(asked: int, started: int = 1) -> None:
    """Check that as many processes train a model as the configuration asks for.

    Raises:
        UserError: they do not; commands other than ``train`` start none.
    """
    if asked != started:
        raise UserError(f"nproc={asked}: only `train` starts several processes; leave it out here")

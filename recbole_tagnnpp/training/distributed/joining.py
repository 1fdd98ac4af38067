"""How processes find each other."""

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta

import torch
import torch.distributed as dist

from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.training.distributed.ranks import ProcessGroup

TIMEOUT = timedelta(minutes=10)
"""Of one exchange: longer than any process lets the others wait, apart from preparing data."""
PATIENCE = timedelta(hours=12)
"""While the first process prepares data."""


def backend_of(device: torch.device) -> str:
    """NCCL for what is on a GPU; Gloo for the rest."""
    return "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"


@contextlib.contextmanager
def joined(device: torch.device, store: dist.Store | None = None, timeout: timedelta = TIMEOUT) -> Iterator[ProcessGroup]:
    """Meet the other processes and be part of their group while the body runs.

    Args:
        device: of this process.
        store: where they meet; without one, where the environment says (``MASTER_ADDR``, ``MASTER_PORT``).  ``RANK`` and
            ``WORLD_SIZE`` are read there in any case.
        timeout: of one exchange.

    Raises:
        UserError: the others cannot be reached.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    try:
        dist.init_process_group(backend_of(device), store=store, rank=rank, world_size=size, timeout=timeout)
    except (RuntimeError, ValueError) as problem:
        raise UserError(f"the processes do not find each other: {str(problem).splitlines()[0][:300]}") from problem
    yield current_group()
    dist.destroy_process_group()  # after an error it could wait for those that are gone; the end of the process does it


def current_group() -> ProcessGroup:
    """The group that somebody has set up already."""
    return ProcessGroup(dist.new_group(backend="gloo", timeout=PATIENCE))

"""Functions run by several processes that have met, each with its rank; and what the tests run in them."""

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from recbole_tagnnpp.training.distributed.joining import joined
from recbole_tagnnpp.training.distributed.launching import loopback_interface
from recbole_tagnnpp.training.distributed.ranks import ProcessGroup

LIMIT = 120.0
PRELOADED = [
    "torch._dynamo",  # which optimizers import
    "tests.unit.training.parallel_training",
    "recbole_tagnnpp.model.tagnnpp",
    "recbole_tagnnpp.model.target_attention.cpu",
    "recbole_tagnnpp.model.target_attention.products",
    "recbole_tagnnpp.training.distributed.joining",
]


def in_processes(n: int, folder: Path, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Results of ``function(ranks, *arguments)`` in ``n`` processes, in the order of ranks; plain values and tensors."""
    context = multiprocessing.get_context("forkserver")  # which imports once
    context.set_forkserver_preload(PRELOADED)
    folder.mkdir()
    processes = [
        context.Process(target=_member, args=(rank, n, folder, function, arguments), daemon=True) for rank in range(n)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(LIMIT)
        if process.exitcode != 0:
            for other in processes:
                other.kill()
    assert [process.exitcode for process in processes] == [0] * n
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(n)]


def _member(rank: int, n: int, folder: Path, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(n), GLOO_SOCKET_IFNAME=loopback_interface())
    try:
        with joined(torch.device("cpu"), dist.FileStore(str(folder / "store"), n), timedelta(seconds=LIMIT)) as ranks:
            torch.save(function(ranks, *arguments), folder / f"{rank}.pt")
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def exchange(ranks: ProcessGroup) -> dict[str, Any]:
    """One use of everything that processes tell each other."""
    own = {"rank": ranks.rank, "values": torch.arange(ranks.rank, dtype=torch.float64)}
    copied = torch.full((3,), float(ranks.rank))
    ranks.copy_from_first_([copied, torch.empty(0)])
    torch.manual_seed(5)
    ranks.seed(5)
    order: list[str] = []
    ranks.first_before_others(lambda: order.append("worked"))
    return {
        "gathered": [(value["rank"], value["values"].tolist()) for value in ranks.gather(own)],
        "in_order": ranks.in_batch_order([f"batch {batch}" for batch in range(ranks.rank, 7, ranks.size)]),
        "copied": copied.tolist(),
        "drawn": torch.rand(4).tolist(),
        "order": order,
    }


def average(ranks: ProcessGroup, n_sequences: list[int], gradients: list[dict[str, float]]) -> dict[str, Any]:
    """Averaged gradients of three parameters, some of which have none in this process; twice, to use the buffer again."""
    results = []
    for scale in (1.0, 10.0):
        parameters = {
            "a": torch.nn.Parameter(torch.zeros(2, 3)),
            "b": torch.nn.Parameter(torch.zeros(5, dtype=torch.float64)),
            "fixed": torch.nn.Parameter(torch.ones(7), requires_grad=False),
            "c": torch.nn.Parameter(torch.zeros(())),
        }
        for name, value in gradients[ranks.rank].items():
            parameters[name].grad = torch.full_like(parameters[name], scale * value)
        loss = torch.tensor(scale * (1.0 + ranks.rank))
        mean_loss = ranks.average_gradients_(parameters.values(), loss, n_sequences[ranks.rank])
        results.append(
            {
                "loss": mean_loss.item(),
                **{name: None if p.grad is None else p.grad.tolist() for name, p in parameters.items()},
                "dtypes": [str(p.grad.dtype) for p in parameters.values() if p.grad is not None],
            }
        )
    return {"results": results}

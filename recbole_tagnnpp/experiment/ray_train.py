"""One run by processes all over a Ray cluster, by Ray Train; the driver waits, shows their log lines and the result."""

import contextlib
import logging
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recbole_tagnnpp.config.session_config import SessionConfig
from recbole_tagnnpp.errors import UserError
from recbole_tagnnpp.experiment.data_parallel import config_of_rank
from recbole_tagnnpp.experiment.logs import set_up_logging
from recbole_tagnnpp.experiment.ray_cluster import available_gpus, connected
from recbole_tagnnpp.experiment.record import read_json_record
from recbole_tagnnpp.experiment.result_table import print_result
from recbole_tagnnpp.experiment.run import prepare_data, run
from recbole_tagnnpp.experiment.run_place import RunPlace, place_of_run
from recbole_tagnnpp.training.distributed.joining import TIMEOUT, backend_of, current_group
from recbole_tagnnpp.training.distributed.ranks import LostProcessError

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_START = "300"  # of the processes, which import torch; Ray gives them 60
DEATHS = ("RayActorError", "ActorDiedError", "ActorUnavailableError", "WorkerHealthCheckFailedError")
"""Names of what Ray tells of processes and nodes that are gone."""


def train_on_ray(model: str, files: Sequence[str], settings: dict[str, Any], n: int, address: str) -> None:
    """Train and test a model in ``n`` processes of a cluster whose nodes all see this folder.

    Args:
        model: name.
        files: configuration files.
        settings: of the command line.
        n: processes in all, each with a GPU of its own if the cluster has GPUs and ``use_gpu`` is set.
        address: host:port of the cluster, or ``auto``.

    Raises:
        UserError: anything the user can mend, in any process; the cluster does not answer or is too small; a process
            or a node is gone.
        RuntimeError: another error in a process.
    """
    config = SessionConfig(model, None, files, command_line=settings)
    set_up_logging(config["state"])
    place = place_of_run(config, prepare_data(config))
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", SECONDS_TO_START)
    with connected(address, at_once=n, cpus=config["threads"] or 1):
        resources = _resources(n, config["threads"], config["use_gpu"])
        with _log_lines_shown() as lines:
            job = {
                "model": model,
                "files": [str(Path(file).resolve()) for file in files],
                "settings": {**settings, "nproc": n, "threads": int(resources["CPU"])},
                "folder": str(Path.cwd()),
                "lines": lines,
            }
            _fit(job, n, resources, place)
    print_result(read_json_record(place.record))


def _resources(n: int, threads: int | None, use_gpu: bool) -> dict[str, float]:
    """Of each process: a GPU where there are any, and the most CPUs with which all of them find a place."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpu = 1.0 if use_gpu and available_gpus() else 0.0

    def places(cpus: int) -> int:
        of_nodes = ((node.get("CPU", 0.0) // cpus, node.get("GPU", 0.0) if gpu else float("inf")) for node in nodes)
        return int(sum(min(counts) for counts in of_nodes))

    most = int(max(node.get("CPU", 0.0) for node in nodes))
    for cpus in [threads] if threads else range(most, 0, -1):
        if places(cpus) >= n:
            return {"CPU": float(cpus), **({"GPU": gpu} if gpu else {})}
    each = f"{threads or 1} CPUs{' and a GPU' if gpu else ''}"
    raise UserError(f"nproc={n}: each process needs {each}, for which the cluster has room {places(threads or 1)} times")


def _fit(job: dict[str, Any], n: int, resources: dict[str, float], place: RunPlace) -> None:
    """Start the processes and wait for their end."""
    import torch
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    storage = (place.checkpoints / "ray").resolve()  # Ray Train insists; it holds nothing that is needed afterwards
    shutil.rmtree(storage, ignore_errors=True)
    device = torch.device("cuda" if "GPU" in resources else "cpu")
    trainer = TorchTrainer(
        train_as_worker,
        train_loop_config=job,
        torch_config=TorchConfig(backend=backend_of(device), timeout_s=int(TIMEOUT.total_seconds())),
        scaling_config=ScalingConfig(num_workers=n, use_gpu="GPU" in resources, resources_per_worker=resources),
        run_config=RunConfig(name="train", storage_path=str(storage)),
    )
    try:
        trainer.fit()
    except Exception as problem:
        failures = getattr(problem, "worker_failures", None)  # of Ray's WorkerGroupError
        if not failures:
            raise
        raise _cause(failures, n, str(problem)) from None
    finally:
        shutil.rmtree(storage, ignore_errors=True)


def _cause(failures: dict[int, Exception], n: int, whole_text: str) -> Exception:
    """The error to show: one for the user, else of a process that is gone, else a bug."""
    own = {rank: problem for rank, problem in failures.items() if not isinstance(problem, LostProcessError)}
    for problem in own.values():
        if isinstance(problem, (UserError, OSError)):
            return problem
    for rank, problem in own.items():
        if type(problem).__name__ in DEATHS:
            return UserError(
                f"rank {rank} of {n} processes is gone ({str(problem).strip().splitlines()[0][:200]}); give the same "
                "command again to continue from the last finished epoch"
            )
    return RuntimeError(whole_text) if own else next(iter(failures.values()))


def train_as_worker(job: dict[str, Any]) -> None:
    """What each process does; Ray Train has set its environment and the process group up."""
    if not Path(job["folder"]).is_dir():
        raise UserError(
            f"{job['folder']}: no such folder on node {os.uname().nodename}; all nodes need the same shared folder"
        )
    os.chdir(job["folder"])
    from ray.train.torch import get_device

    device = get_device()
    if device.index is not None:
        os.environ["LOCAL_RANK"] = str(device.index)  # among the GPUs that this process sees
    config = config_of_rank(job["model"], job["files"], job["settings"])
    ranks = current_group()
    if ranks.is_first:
        logging.getLogger().addHandler(ForwardedLines(job["lines"]))
    run(config, ranks=ranks)


# --- log lines of the first process, in the driver's terminal -----------------------------------------------------------


class Lines:
    """An actor that keeps lines until they are taken."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, str]] = []

    def add(self, level: int, line: str) -> None:
        """Keep a line."""
        self._waiting.append((level, line))

    def take(self) -> list[tuple[int, str]]:
        """Levels and lines since the last time."""
        taken, self._waiting = self._waiting, []
        return taken


class ForwardedLines(logging.Handler):
    """Sends log lines to the actor."""

    def __init__(self, lines: Any) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        self._lines.add.remote(record.levelno, record.getMessage())


@contextlib.contextmanager
def _log_lines_shown() -> Iterator[Any]:
    """The actor; what it gets appears here while the body runs."""
    import ray

    lines = ray.remote(num_cpus=0)(Lines).remote()
    done = threading.Event()

    def show() -> None:
        with contextlib.suppress(ray.exceptions.RayError):  # a lost actor costs the display only
            for level, line in ray.get(lines.take.remote(), timeout=10):
                logging.getLogger().log(level, line)

    def keep_showing() -> None:
        while not done.wait(SECONDS_BETWEEN_LOOKS):
            show()

    thread = threading.Thread(target=keep_showing, daemon=True)
    thread.start()
    try:
        yield lines
    finally:
        done.set()
        thread.join()
        show()

"""Starting Ray on this machine, or connecting to a cluster, with everything off that need not listen or report.

Ray's processes listen on more than the loopback interface whatever they are told, so tokens keep strangers out:
``RAY_AUTH_MODE=token`` with a token that is generated for an own cluster, and the cluster's own for ``--address``.
This is the only place that sets Ray's environment and the first that imports Ray.
"""

import contextlib
import logging
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from recbole_tagnnpp.errors import UserError

SECONDS_TO_ANSWER = 5.0
SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_WITHOUT_HEAD = 30.0  # Ray ends the process by itself after 60, without a word about what to do
SMALLEST_OBJECT_STORE = 200_000_000
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # TensorBoard, CSV and JSON files of every trial
    "TUNE_GLOBAL_CHECKPOINT_S": "5",  # seconds between two snapshots of the search
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
"""Set unless the user has set them."""
TOKEN_PLACES = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
DEFAULT_TOKEN_FILE = Path(".ray", "auth_token")


@contextlib.contextmanager
def connected(address: str | None, at_once: int, cpus: int, gpus: float = 0.0, data_bytes: int = 0) -> Iterator[None]:
    """Ray while the body runs: a cluster of this process's own, or the one at ``address``.

    If its head node is gone for good, this process ends with a line and the status of errors.

    Args:
        address: host:port of a running cluster, ``auto`` for the one on this machine, ``None`` for an own one.
        at_once: tasks at the same time on an own cluster.
        cpus, gpus: of each task.
        data_bytes: size of what tasks share, for the object store of an own cluster.

    Raises:
        UserError: no cluster answers there, its token is missing or wrong, or no node can hold a task.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _provide_token(address)
    _check_someone_listens(address)
    import ray

    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address is None:
            ray.init(
                address="local",
                num_cpus=at_once * cpus,
                include_dashboard=False,
                object_store_memory=max(SMALLEST_OBJECT_STORE, 2 * data_bytes),
                _node_ip_address="127.0.0.1",
                **quiet,
            )
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as problem:
        first = next((line for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
        where = "a cluster on this machine" if address is None else f"--address={address}"
        raise UserError(f"{where}: Ray does not answer ({first.strip()[:300]})") from problem
    try:
        _check_resources(cpus, gpus)
        with _head_watched(address):
            yield
    finally:
        ray.shutdown()


def _provide_token(address: str | None) -> None:
    if os.environ["RAY_AUTH_MODE"] != "token" or any(os.environ.get(place) for place in TOKEN_PLACES):
        return
    if address is None:
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    elif not (Path.home() / DEFAULT_TOKEN_FILE).is_file():
        raise UserError(
            f"--address={address}: no token to show the cluster; set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to the one it "
            "was started with, or RAY_AUTH_MODE=disabled for a cluster without (see docs/search.md)"
        )


def _check_someone_listens(address: str | None) -> None:
    """Ray itself would try for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon:
        return  # none, or auto
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS_TO_ANSWER).close()
    except (OSError, ValueError, OverflowError) as problem:
        raise UserError(f"--address={address}: nobody answers there ({problem}); allowed is HOST:PORT or auto") from problem


@contextlib.contextmanager
def _head_watched(address: str | None) -> Iterator[None]:
    """Look after the head node from another thread while the body runs."""
    import ray

    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    where = "Ray on this machine" if address is None else f"--address={address}"
    done = threading.Event()
    watch = threading.Thread(target=_watch_head, args=((host, int(port)), where, done), daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()


def _watch_head(place: tuple[str, int], where: str, done: threading.Event) -> None:
    """End this process once nobody has answered for a while.

    The main thread waits in a call of Ray that neither returns nor raises then, so there is no other way out.
    """
    silent_since: float | None = None
    while not done.wait(SECONDS_BETWEEN_LOOKS):
        try:
            socket.create_connection(place, timeout=SECONDS_TO_ANSWER).close()
        except OSError as problem:
            now = time.monotonic()
            silent_since = now if silent_since is None else silent_since
            if now - silent_since >= SECONDS_WITHOUT_HEAD:
                _give_up(f"{where}: the head node is gone ({problem}); give the same command again to continue")
                return
        else:
            silent_since = None


def _give_up(problem: str) -> None:
    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a table that follows the trials has hidden it
    print(f"{show_cursor}error: {UserError(problem)}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(2)


def _check_resources(cpus: int, gpus: float) -> None:
    """Ray would wait for ever for a node that can hold a task."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
        largest = "; ".join(f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs" for node in nodes)
        raise UserError(f"each task needs {cpus} CPUs and {gpus:g} GPUs on one node, and the nodes have: {largest}")


def available_gpus() -> float:
    """GPUs of the connected cluster."""
    import ray

    return float(ray.cluster_resources().get("GPU", 0.0))

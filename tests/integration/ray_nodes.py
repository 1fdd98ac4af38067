"""Ray nodes on this machine for tests of clusters."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import REPOSITORY


class Cluster:
    """Nodes on this machine with as many CPUs as they say, and their own token and folder."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="rt")  # Ray's sockets need a short path
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "PYTHONPATH": str(REPOSITORY),
            "OMP_NUM_THREADS": "1",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self.nodes: list[subprocess.Popen] = []
        self.address = ""

    def start(self, cpus_of_nodes: tuple[int, ...]) -> None:
        for attempt in range(3):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            self.address = f"127.0.0.1:{port}"
            head = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={self.folder}"]
            places = (head, [f"--address={self.address}"])
            log = Path(self.folder, f"start-{port}.txt")
            if all(self._start_node(place, cpus, log) for place, cpus in zip(places, cpus_of_nodes, strict=False)):
                return
            self.kill()
            assert attempt < 2, log.read_text()  # on a very busy machine Ray's own processes wait too briefly

    def _start_node(self, place: list[str], cpus: int, log: Path) -> bool:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *place, "--node-ip-address=127.0.0.1"]
        command += [f"--num-cpus={cpus}", "--object-store-memory=100000000", "--disable-usage-stats", "--block"]
        with log.open("a") as output:
            started = output.tell()
            node = subprocess.Popen(
                command, env=self.environment, start_new_session=True, stdout=output, stderr=subprocess.STDOUT
            )
        self.nodes.append(node)
        while node.poll() is None:
            if "Ray runtime started" in log.read_text()[started:]:
                return True
            time.sleep(0.1)
        return False

    def kill_node(self, number: int) -> None:
        """Kill every process of a node at once, as a power cut would; 0 is the head."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.nodes[number].pid, signal.SIGKILL)
        self.nodes[number].wait()

    def kill(self) -> None:
        """Kill every process of all nodes."""
        for number in range(len(self.nodes)):
            self.kill_node(number)
        self.nodes = []

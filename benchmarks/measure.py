"""Time and memory of training steps."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import torch


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Wall-clock seconds of one call, the device's work included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


class PeakMemory:
    """Largest memory since :meth:`start`, above what was held then, in MB (10^6 bytes).

    On a GPU the allocator's peak; on Linux the resident set's high-water mark, which ``clear_refs`` resets.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def start(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            self.base = torch.cuda.memory_allocated(self.device)
        else:
            Path("/proc/self/clear_refs").write_text("5")
            self.base = _status_bytes("VmRSS")

    def megabytes(self) -> float:
        peak = torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else _status_bytes("VmHWM")
        return (peak - self.base) / 1e6


def _status_bytes(field: str) -> int:
    with open(f"/proc/{os.getpid()}/status") as handle:
        for line in handle:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")

"""Time and memory of training steps."""

import time
from collections.abc import Callable

import torch

from recbole_tagnnpp.experiment.memory import MEGABYTE, peak_memory_megabytes, reset_peak_memory, status_bytes


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
        is_reset = reset_peak_memory(self.device)
        if self.device.type == "cuda":
            self.base = float(torch.cuda.memory_allocated(self.device))
            return
        resident = status_bytes("VmRSS")
        if resident is None or not is_reset:
            raise RuntimeError(
                "the memory of a step can be measured only where /proc/self/clear_refs resets its peak (Linux)"
            )
        self.base = float(resident)

    def megabytes(self) -> float:
        peak = peak_memory_megabytes(self.device)
        return peak["gpu" if self.device.type == "cuda" else "process"] - self.base / MEGABYTE

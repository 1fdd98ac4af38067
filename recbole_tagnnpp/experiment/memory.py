"""The largest memory that a piece of work has taken."""

import sys
from pathlib import Path

import torch

MEGABYTE = 1e6


def reset_peak_memory(device: torch.device) -> bool:
    """Let the peaks begin anew, at what is held now; returns whether that of the process does (Linux alone can)."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_memory_megabytes(device: torch.device) -> dict[str, float]:
    """Largest memory since the last reset, in MB (10^6 bytes): resident, and on a GPU allocated there.

    The process's is that since its start where :func:`reset_peak_memory` cannot reset it (macOS, Windows).
    """
    peak = {"process": _peak_resident_bytes() / MEGABYTE}
    if device.type == "cuda":
        peak["gpu"] = torch.cuda.max_memory_allocated(device) / MEGABYTE
    return peak


def status_bytes(field: str) -> int | None:
    """A size that Linux tells of this process, such as ``VmRSS``; ``None`` elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), None)


def _peak_resident_bytes() -> int:
    peak = status_bytes("VmHWM")
    if peak is not None:
        return peak
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return psutil.Process().memory_info().peak_wset
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, kibibytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

"""What a run record says about the machine and the software."""

import os
import platform
from importlib import metadata
from typing import Any

import torch

from recbole_tagnnpp import __version__

PACKAGES = ("torch", "recbole", "numpy", "scipy", "pandas", "pyarrow", "numba", "ray")


def describe_versions() -> dict[str, str]:
    """Versions of this package, Python and the packages that results depend on."""
    versions = {"recbole_tagnnpp": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Processor, cores, threads and, where one is used, the GPU."""
    machine: dict[str, Any] = {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor_name(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "device": str(device),
    }
    if device.type == "cuda":
        machine["gpu"] = torch.cuda.get_device_name(device)
    return machine


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as handle:
            for line in handle:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"

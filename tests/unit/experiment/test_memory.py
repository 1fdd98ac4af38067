"""Peaks of memory begin anew where a run does."""

import os

import numpy as np
import pytest
import torch

from recbole_tagnnpp.experiment.memory import peak_memory_megabytes, reset_peak_memory, status_bytes

CPU = torch.device("cpu")


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="only Linux can reset a process's peak")
def test_the_peak_of_earlier_work_is_forgotten() -> None:
    large = np.ones(40_000_000)  # 320 MB
    with_it = peak_memory_megabytes(CPU)["process"]
    del large
    reset_peak_memory(CPU)
    without_it = peak_memory_megabytes(CPU)["process"]
    assert with_it - without_it > 250
    held = status_bytes("VmRSS")
    assert held is not None and abs(without_it - held / 1e6) < 50
    assert status_bytes("NoSuchField") is None

"""Peak memory of a training step above parameters, gradients and optimizer state, in a process of its own.

``python -m benchmarks.memory_of_step MODEL BATCH_SIZE SOURCE DATA_PATH DEVICE`` prints megabytes.
"""

import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.batches import load_benchmark_data
from benchmarks.measure import PeakMemory
from benchmarks.systems import build_trainer

STEPS = 3


def measure(model: str, batch_size: int, source: Path, data_path: Path, device: torch.device) -> float:
    """Peak of a few steps, their reused workspaces included."""
    data = load_benchmark_data(source, data_path)
    trainer = build_trainer(model, data.dataset, device)
    padded = not getattr(trainer.model, "pads_to_longest", False)
    tiny = data.batches(2, 1, padded)[0]
    trainer.train_step(tiny)  # allocates gradients and optimizer state, compiles kernels
    batches = data.batches(batch_size, STEPS, padded)
    memory = PeakMemory(device)
    memory.start()
    for batch in batches:
        trainer.train_step(batch)
    return memory.megabytes()


def measure_in_subprocess(model: str, batch_size: int, source: Path, data_path: Path, device: torch.device) -> float:
    """The same in a fresh process, so that nothing that ran before has left memory to reuse."""
    command = [sys.executable, "-m", "benchmarks.memory_of_step", model, str(batch_size)]
    command += [str(source), str(data_path), str(device)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    name, size, source_path, prepared, device_name = sys.argv[1:]
    print(measure(name, int(size), Path(source_path), Path(prepared), torch.device(device_name)))

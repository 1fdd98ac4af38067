"""Everything chance and rounding depend on: seeds, the order of sums, and the states of all random generators."""

import os
import random
from typing import Any

import numpy as np
import torch

import recbole_tagnnpp.recbole_compat  # noqa: F401  isort: skip
from recbole.utils import init_seed


def seed_everything(seed: int, reproducibility: bool) -> None:
    """Seed torch, numpy and Python, and choose whether equal seeds give equal bits.

    RecBole's ``init_seed`` asks cuDNN alone for that.  On a CPU, too, the threads of ``x[index]``'s backward pass add
    to the same rows in whatever order they arrive, which now and then changes a bit, and after an epoch the result.

    Args:
        seed: of all generators.
        reproducibility: sum in a fixed order wherever torch can; a warning names operations where it cannot.
    """
    if reproducibility:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the first matrix product asks for cuBLAS
    init_seed(seed, reproducibility)
    torch.use_deterministic_algorithms(reproducibility, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # all memory is written first


def get_random_states() -> dict[str, Any]:
    """States of torch (CPU and every CUDA device), numpy and Python, in values that ``weights_only`` loading accepts."""
    numpy_state: Any = np.random.get_state(legacy=True)  # noqa: NPY002 - RecBole's models draw from it
    version, internal, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [torch.from_numpy(numpy_state[1].astype(np.int64)), *numpy_state[2:]],
        "python": [version, list(internal), gauss],
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Undo :func:`get_random_states`, on whatever device its tensors have come to lie."""
    torch.set_rng_state(states["torch"].cpu())
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])
    keys, *rest = states["numpy"]
    np.random.set_state(("MT19937", keys.cpu().numpy().astype(np.uint32), *rest))  # noqa: NPY002
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))

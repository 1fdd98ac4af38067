"""The state of every random generator a training step may use, in values that ``weights_only`` loading accepts."""

import random
from typing import Any

import numpy as np
import torch


def get_random_states() -> dict[str, Any]:
    """States of torch (CPU and every CUDA device), numpy and Python."""
    numpy_state: Any = np.random.get_state(legacy=True)  # noqa: NPY002 - RecBole's models draw from it
    version, internal, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [torch.from_numpy(numpy_state[1].astype(np.int64)), *numpy_state[2:]],
        "python": [version, list(internal), gauss],
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Undo :func:`get_random_states`."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])
    keys, *rest = states["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))

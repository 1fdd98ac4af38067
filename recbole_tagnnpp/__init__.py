"""TAGNN++ for RecBole: target attentive session graphs with a Transformer, trained with AGC."""

import os

__version__ = "0.1.0"

if "OMP_WAIT_POLICY" not in os.environ:
    # OpenMP (GNU's, in torch) reads this when it is loaded. A thread that waits for the others spins, by default long:
    # where another process needs the cores, that keeps the slower threads from running, and a step takes many times longer.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

"""Random draws that depend on a seed alone.

They are derived from PCG64's raw output, whose stream numpy keeps for good; the methods of its ``Generator`` may change.
"""

import numpy as np
import numpy.typing as npt


def random_signs(source: np.random.PCG64, rows: int, columns: int) -> npt.NDArray[np.float64]:
    """[rows, columns] of -1 and 1, each with probability one half."""
    words = -(-rows * columns // 64)
    raw = np.asarray(source.random_raw(words), dtype="<u8")
    bits = np.unpackbits(raw.view(np.uint8), count=rows * columns)
    return bits.reshape(rows, columns).astype(np.float64) * 2.0 - 1.0


def random_numbers_below(limit: int, source: np.random.PCG64, size: int) -> npt.NDArray[np.int64]:
    """[size] int64 in [0, limit), equally likely to within ``limit`` * 2**-53."""
    fractions = (np.asarray(source.random_raw(size)) >> np.uint64(11)) * 2.0**-53
    return (fractions * limit).astype(np.int64)


def rows_per_block(columns: int) -> int:
    """How many rows of ``columns`` float64 make a block of at most 32 MB."""
    return max(1, 4_000_000 // max(1, columns))

"""Arrays that the insights reckon with: their types, rounding to millionths, percentile ranks, and blocks of rows.

Next room: `steps`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

# Whole numbers of any width.
Ints = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
MILLION = 1_000_000
_BLOCK_CELLS = 4_000_000


class Ranks:
    """Percentile ranks of scores in whole millionths, cells counted by weight; scores may be added in any order."""

    def __init__(self) -> None:
        self._low = 0
        self._mass: Floats = np.zeros(1)

    def add(self, values: Ints, weights: Ints) -> None:
        """Count some cells."""
        if values.size:
            low, high = min(self._low, int(values.min())), max(self._low + len(self._mass) - 1, int(values.max()))
            mass: Floats = np.asarray(np.bincount(values - low, weights=weights, minlength=high - low + 1), np.float64)
            start = self._low - low
            mass[start : start + len(self._mass)] += self._mass
            self._low, self._mass = low, mass

    def of(self, values: Ints) -> Floats:
        """Share of cells below each value plus half of those equal."""
        total = self._mass.sum()
        ranks: Floats = rounded((np.cumsum(self._mass) - self._mass / 2.0) / (total or 1.0))
        return ranks[values - self._low]


def rounded(values: Floats) -> Floats:
    """Values to the nearest millionth, halves up."""
    result: Floats = np.floor(values * MILLION + 0.5) / MILLION
    return result


def millionths(values: Floats) -> Ints:
    """Values in whole millionths, halves up."""
    return np.floor(values * MILLION + 0.5).astype(np.int64)


def blocks(rows: int, width: int = 64, cells: int = _BLOCK_CELLS) -> Iterator[slice]:
    """Rows in blocks whose tables of that width have about so many cells; of even length, to be reckoned alike."""
    step = max(1, cells // max(width, 1) // 64) * 64
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))

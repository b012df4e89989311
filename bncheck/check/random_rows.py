"""Random matrices of any size, whose rows are drawn when they are asked for."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import numpy as np

from bncheck.arrays import FLOAT64, Array, LazyRows, Rows, is_large
from bncheck.reference.sums import slices_of, sweep

HELD = 2**27
"""Bytes up to which such a matrix is kept once it was drawn."""


class RandomRows(LazyRows):
    """A random matrix, (N, C), each block of which is drawn from a seed of its own.

    Parameters
    ----------
    seed
        Of all of it.
    shape
        (N, C).
    draw
        Draws so many rows and columns.
    dtype
        Of what it draws.
    """

    def __init__(
        self,
        seed: int,
        shape: tuple[int, int],
        draw: Callable[[np.random.Generator, tuple[int, int]], Array],
        dtype: np.dtype[Any] = FLOAT64,
    ) -> None:
        self.shape, self.dtype = shape, dtype
        self._seed, self._draw = seed, draw
        self._blocks = slices_of(shape)
        self._starts = [block.start for block in self._blocks]

    def __getitem__(self, rows: slice) -> Array:
        """Some rows, one after the other."""
        start, stop, _ = rows.indices(self.shape[0])
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, max(stop - 1, start))
        parts = [
            self._draw_block(block)[max(start - block.start, 0) : stop - block.start]
            for block in self._blocks[first:last]
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _draw_block(self, block: slice) -> Array:
        rng = np.random.default_rng([self._seed, block.start])
        return self._draw(rng, (block.stop - block.start, self.shape[1]))


def hold(drawn: RandomRows) -> Rows:
    """Return the same as an array, if it is not too large for that."""
    if drawn.shape[0] * drawn.shape[1] * drawn.dtype.itemsize > HELD:
        return drawn
    array = np.empty(drawn.shape, drawn.dtype)

    def fill(rows: slice) -> None:
        array[rows] = drawn[rows]

    for _ in sweep(fill, drawn.shape):
        pass
    return array


def random_signs(rng: np.random.Generator, shape: tuple[int, int]) -> Rows:
    """Return 1 and -1 at random, (N, C): with one sign alone, what M and V pass on cancels."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Any:
        return 2 * rng.integers(0, 2, shape, dtype=np.int8) - 1

    return RandomRows(int(rng.integers(2**32)), shape, draw, np.dtype(np.int8))


def random_upstream(rng: np.random.Generator, shape: tuple[int, int]) -> Rows:
    """Return an upstream gradient of a standard normal distribution, (N, C)."""
    if not is_large(shape):
        return rng.standard_normal(shape)

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        return rng.standard_normal(shape)

    return hold(RandomRows(int(rng.integers(2**32)), shape, draw))

"""Random matrices of any size, whose rows are drawn when they are asked for."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import numpy as np

from bncheck.arrays import Array, LazyRows, Rows
from bncheck.batchnorm.blocks import Block, blocks_of, for_each

HELD = 2**27
"""Bytes up to which such a matrix is kept once it was drawn."""


class DrawnRows(LazyRows):
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
        dtype: Any = np.float64,
    ) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._seed, self._draw = seed, draw
        self._blocks = blocks_of(*shape)
        self._starts = [block.start for block in self._blocks]

    def __getitem__(self, rows: slice) -> Array:
        """Some rows, one after the other."""
        start, stop, _ = rows.indices(self.shape[0])
        first = bisect_right(self._starts, start) - 1
        parts = []
        for block in self._blocks[first:]:
            if block.start >= stop:
                break
            parts.append(self._of(block)[max(start - block.start, 0) : stop - block.start])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _of(self, block: Block) -> Array:
        rng = np.random.default_rng([self._seed, block.start])
        return self._draw(rng, (block.stop - block.start, self.shape[1]))


def held(drawn: DrawnRows) -> Rows:
    """The same as an array, if it is not too large for that."""
    if drawn.shape[0] * drawn.shape[1] * drawn.dtype.itemsize > HELD:
        return drawn
    array = np.empty(drawn.shape, drawn.dtype)

    def fill(block: Block) -> None:
        array[block.start : block.stop] = drawn[block.start : block.stop]

    for _ in for_each(fill, drawn.shape):
        pass
    return array


def random_signs(rng: np.random.Generator, shape: tuple[int, int]) -> Rows:
    """1 and -1 at random, (N, C): with one sign alone, what M and V pass on cancels."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Any:
        return 2 * rng.integers(0, 2, shape, dtype=np.int8) - 1

    return DrawnRows(int(rng.integers(2**32)), shape, draw, np.int8)

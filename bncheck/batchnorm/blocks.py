"""A matrix in blocks of rows: the order in which the layer adds everything up.

A block is so small that what is computed with it needs little memory, and so large that the calls
into NumPy do not count. Which block a row is in depends on the matrix's shape alone, and so
do the order of all sums and hence their last bit: not on whether the matrix is in memory or in a
file, and not on how many threads there are.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np

from bncheck import progress
from bncheck.arrays import FLOAT64, Array, Rows, is_large
from bncheck.threads import map_in_order

ENTRIES = 2**16
"""Of a block: half a megabyte in float64, so that it stays in a core's cache."""

ENTRIES_OF_LARGE = 2**18
"""Of a block of a large matrix. Threads hand Python's lock to each other at every call into NumPy:
with smaller blocks that costs more than a second core saves."""

WIDTH = 2**10
"""Samples of few features are laid side by side until rows are so long: NumPy works row by row."""

Part = TypeVar("Part")


class Block(NamedTuple):
    """The rows from `start` to `stop`, `side` of them side by side in one row of the wide view."""

    start: int
    stop: int
    side: int

    def take(self, Z: Rows) -> Array:
        """Return the wide view of these rows of Z, ((stop - start) / side, side * C)."""
        rows: Array = Z[self.start : self.stop]
        return rows if self.side == 1 else rows.reshape(-1, rows.shape[1] * self.side)


def is_one_block(shape: tuple[int, int]) -> bool:
    """Tell whether a matrix is so small that laying samples side by side would not pay."""
    return shape[0] * shape[1] <= ENTRIES // 4


@cache
def blocks_of(N: int, C: int) -> tuple[Block, ...]:
    """Return the blocks of an (N, C) matrix, from its first row to its last.

    >>> blocks_of(3, 2)
    (Block(start=0, stop=3, side=1),)
    """
    if is_one_block((N, C)):
        return (Block(0, N, 1),)
    side = max(WIDTH // C, 1)
    entries = ENTRIES_OF_LARGE if is_large((N, C)) else ENTRIES
    rows = max(entries // (side * C), 1) * side
    ends = [*range(rows, N + 1, rows), N // side * side]  # then fewer than go side by side
    starts = [0, *ends]
    blocks = [Block(start, stop, side) for start, stop in zip(starts, ends, strict=False)]
    blocks.append(Block(starts[-1], N, 1))
    return tuple(block for block in blocks if block.start < block.stop)


class TiledRow:
    """One value for each column, (1, C), repeated for the rows that lie side by side in a block."""

    __slots__ = ("_repeated", "row")

    def __init__(self, row: Array) -> None:
        self.row = row.reshape(1, -1)
        self._repeated: dict[int, Array] = {}

    def __getitem__(self, side: int) -> Array:
        """The row `side` times, (1, side * C)."""
        if side == 1:
            return self.row
        if side not in self._repeated:  # another thread may come to it too, and does the same
            self._repeated[side] = np.concatenate([self.row] * side, axis=1)
        return self._repeated[side]


def sum_of(W: Array, side: int) -> Array:
    """Return the sum of each column, (1, C), of the wide view of a block."""
    return _add_sides(np.einsum("ij->j", W), side)


def sum_of_products(W: Array, U: Array, side: int) -> Array:
    """Return the sum of each column of the products of two blocks, (1, C)."""
    return _add_sides(np.einsum("ij,ij->j", W, U), side)


def _add_sides(total: Array, side: int) -> Array:
    row: Array = total if side == 1 else np.einsum("ij->j", total.reshape(side, -1))
    return row[None]


def extreme_of(W: Array, side: int, ufunc: np.ufunc) -> Array:
    """Return the least or largest of each column, (1, C), of a block, by np.minimum or maximum."""
    extreme: Array = ufunc.reduce(W, axis=0)
    row: Array = ufunc.reduce(extreme.reshape(side, -1), axis=0, keepdims=True)
    return row


def fold(parts: Iterable[Part], merge: Callable[[Part, Part], Part]) -> Part:
    """Merge what the blocks gave in pairs, and the pairs in pairs, as they come.

    So the rounding error grows with the logarithm of the number of blocks, and only as many parts
    are held at a time.

    >>> fold("abcde", lambda a, b: f"({a}{b})")
    '(((ab)(cd))e)'
    """
    stack: list[tuple[int, Part]] = []
    for part in parts:
        weight = 1
        while stack and stack[-1][0] == weight:
            part = merge(stack.pop()[1], part)
            weight *= 2
        stack.append((weight, part))
    _, total = stack.pop()
    while stack:
        total = merge(stack.pop()[1], total)
    return total


def for_each(function: Callable[[Block], Part], shape: tuple[int, int]) -> Iterator[Part]:
    """Yield what a function gives for each block of a matrix, in order, on all cores if large.

    The function may not change anything that another call of it reads, nor go through a large
    matrix itself.
    """
    N, C = shape
    blocks = blocks_of(N, C)
    results = map_in_order(function, blocks) if is_large(shape) else map(function, blocks)
    for result, block in zip(results, blocks, strict=True):
        progress.advance((block.stop - block.start) * C * FLOAT64.itemsize)
        yield result

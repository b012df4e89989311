"""Sums over the rows of a matrix, as the judge takes them.

The layer takes its sums in its own way, in `bncheck.batchnorm.blocks`. A mistake in one of the two
shows as a difference; a mistake in something that both used would show nowhere.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from bncheck import progress
from bncheck.arrays import FLOAT64, Array, Rows, is_large
from bncheck.threads import map_in_order

Part = TypeVar("Part")

GROUP = 256
"""Rows that are added up one after the other before their sums are."""

AT_ONCE, AT_ONCE_OF_LARGE = 2**16, 2**18
"""Entries that are looked at in one step, of a matrix and of a large one: few enough to stay in a
core's cache, many enough that the calls into NumPy do not count."""


def reduce_rows(ufunc: np.ufunc, A: Array) -> Array:
    """Reduce each column of A, (N, C), to one value, (1, C).

    Rows that lie far apart are combined first, GROUP of them at a time, and then the results in the
    same way. So the rounding error of a sum grows with GROUP * log(N) at most, and NumPy works on
    long rows, however few the columns are.

    >>> reduce_rows(np.add, np.ones((1000, 2)))
    array([[1000., 1000.]])
    """
    while len(A) > GROUP:
        whole = len(A) // GROUP * GROUP
        parts = ufunc.reduce(A[:whole].reshape(GROUP, -1, A.shape[1]), axis=0)
        A = np.concatenate([parts, A[whole:]])
    result: Array = ufunc.reduce(A, axis=0, keepdims=True)
    return result


def column_sum(A: Array) -> Array:
    """Return the sum over the rows, (1, C)."""
    return reduce_rows(np.add, A)


def column_mean(A: Array) -> Array:
    """Return the mean over the rows, (1, C)."""
    return column_sum(A) / len(A)


def largest(A: Array, at_least: float = 0) -> Array:
    """Return the largest absolute value of each column, (1, C).

    >>> largest(np.array([[1.0, -0.0], [-3.0, 0.0]]))
    array([[3., 0.]])
    """
    # Of the extremes, so that no second matrix is needed; -0 becomes 0.
    extreme = np.maximum(reduce_rows(np.maximum, A), -reduce_rows(np.minimum, A))
    return np.maximum(extreme, at_least) + 0.0


def slices_of(shape: tuple[int, int]) -> list[slice]:
    """Return the slices of rows in which a matrix is gone through.

    >>> slices_of((3, 2)), len(slices_of((10**6, 100)))
    ([slice(0, 3, None)], 382)
    """
    N, C = shape
    at_once = max((AT_ONCE_OF_LARGE if is_large(shape) else AT_ONCE) // C, 1)
    return [slice(start, min(start + at_once, N)) for start in range(0, N, at_once)]


def sweep(function: Callable[[slice], Part], shape: tuple[int, int]) -> Iterator[Part]:
    """Yield what a function gives for some rows after the others, on all cores where it pays."""
    slices = slices_of(shape)
    parts = map_in_order(function, slices) if is_large(shape) else map(function, slices)
    for rows, part in zip(slices, parts, strict=True):
        progress.advance((rows.stop - rows.start) * shape[1] * FLOAT64.itemsize)
        yield part


def sweep_columns(
    function: Callable[[slice], tuple[Array, ...]], shape: tuple[int, int], *ufuncs: np.ufunc
) -> tuple[Array, ...]:
    """Reduce what a function gives for some rows, (1, C) each, by one ufunc each to (1, C)."""
    parts = zip(*sweep(function, shape), strict=True)
    return tuple(
        part[0] if len(part) == 1 else reduce_rows(ufunc, np.concatenate(part))
        for ufunc, part in zip(ufuncs, parts, strict=True)
    )


def sum_of_products(A: Rows, B: Rows) -> Array:
    """Return the sum over the rows of A * B, (1, C)."""
    (total,) = sweep_columns(lambda rows: (column_sum(A[rows] * B[rows]),), A.shape, np.add)
    return total

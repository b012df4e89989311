"""Types of arrays, and matrices that are not in memory: what all rooms speak of.

All matrices are (N, C): one row per sample, one column per feature.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

EPS = float(np.finfo(float).eps)
"""Relative precision of float64."""

FLOAT64 = np.dtype(np.float64)

LARGE = 2**21
"""Entries beyond which a matrix is large: gone through in blocks, on all cores, and its entries
are not kept."""


def is_large(shape: Sequence[int]) -> bool:
    """Tell whether a matrix of this shape is large.

    >>> is_large((178, 13)), is_large((10**6, 100))
    (False, True)
    """
    return shape[0] * shape[1] > LARGE


class Rows(Protocol):
    """A matrix that gives rows when it is sliced: an array, or what is read or computed then."""

    @property
    def shape(self) -> Any:
        """(N, C)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the rows."""

    def __getitem__(self, rows: slice, /) -> Any:
        """Some rows, one after the other, as an array."""


class LazyRows:
    """A matrix whose rows are made when they are asked for: read, drawn or computed."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def __getitem__(self, rows: slice, /) -> Any:
        """Some rows, one after the other, as an array."""
        raise NotImplementedError


class RowsByFunction(LazyRows):
    """A matrix, (N, C), whose rows a function gives.

    >>> RowsByFunction((3, 2), lambda rows: np.ones((3, 2))[rows])[1:].tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    def __init__(
        self,
        shape: tuple[int, int],
        give: Callable[[slice], Array],
        dtype: np.dtype[Any] = FLOAT64,
    ) -> None:
        self.shape, self.dtype = shape, dtype
        self._give = give

    def __getitem__(self, rows: slice) -> Array:
        """Some rows; the function gets a slice with a start and a stop."""
        start, stop, _ = rows.indices(self.shape[0])
        return self._give(slice(start, stop))

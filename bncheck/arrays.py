"""Types of arrays, and matrices that are not in memory: what all rooms speak of.

All matrices are (N, C): one row per sample, one column per feature.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

EPS = float(np.finfo(float).eps)
"""Relative precision of float64."""

FLOAT64 = np.dtype(np.float64)


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

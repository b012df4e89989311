"""Numbers that lie in a file one after the other, read as far as they are asked for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import FLOAT64, LazyRows
from bncheck.files.convert import exact_float64, refuse_not_finite
from bncheck.files.sources import InputFile


@dataclass(frozen=True, eq=False)
class StoredArray:
    """An array in a file, of any shape but an empty one.

    Attributes
    ----------
    file, offset
        Where its numbers begin.
    shape, dtype, fortran_order
        How they are stored.
    """

    file: InputFile
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any] = FLOAT64
    fortran_order: bool = False

    def array(self) -> NDArray[Any]:
        """Return all of it."""
        return self._numbers(0, self.shape, "F" if self.fortran_order else "C")

    def rows(self, start: int, stop: int, columns: Sequence[int] | None = None) -> NDArray[Any]:
        """Return some rows of a matrix, (stop - start, C), of all its columns or of some."""
        N, C = self.shape
        if not self.fortran_order:
            rows = self._numbers(start * C, (stop - start, C), "C")
            return rows if columns is None else rows[:, columns]
        picked = range(C) if columns is None else columns
        return np.stack(
            [self._numbers(c * N + start, (stop - start,), "C") for c in picked], axis=1
        )

    def _numbers(
        self, first: int, shape: tuple[int, ...], order: Literal["C", "F"]
    ) -> NDArray[Any]:
        size = self.dtype.itemsize
        content = self.file.read(self.offset + first * size, math.prod(shape) * size)
        return np.ndarray(shape, self.dtype, buffer=content, order=order)


class StoredRows(LazyRows):
    """Some columns of a matrix in a file, (N, C), as float64; `where` is its name in messages.

    The rows are read and converted whenever they are asked for, and refused with InputError if they
    cannot be read, or hold a value that is not a finite number.
    """

    def __init__(self, A: StoredArray, columns: Sequence[int], where: str) -> None:
        self.shape = (A.shape[0], len(columns))
        self.dtype = FLOAT64
        self._A, self._columns, self._where = A, columns, where

    def __getitem__(self, rows: slice) -> NDArray[np.float64]:
        """Return some rows."""
        start, stop, _ = rows.indices(self.shape[0])
        every = self._columns == range(self._A.shape[1])
        found = self._A.rows(start, stop, None if every else self._columns)
        values = exact_float64(found, self._where, self._columns, start)
        refuse_not_finite(values, self._where, self._columns, start)
        return values

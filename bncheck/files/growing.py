"""Rows that come one after the other, kept in memory while they are few, and else in a file."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import LazyRows
from bncheck.files.sources import IN_MEMORY, InputFile, Spool


class GrowingRows:
    """Rows of C float64 each, to which others are appended.

    Parameters
    ----------
    C
        Numbers in a row.
    source
        Where they come from, for messages.
    """

    def __init__(self, C: int, source: str) -> None:
        self._C = C
        self._spool = Spool(source)

    def append(self, rows: NDArray[np.float64]) -> None:
        """Add some rows, (R, C).

        Raises
        ------
        InputError
            Where the disk has no room for them.
        """
        self._spool.write(np.ascontiguousarray(rows).data)

    def rows(self) -> NDArray[np.float64] | LazyRows:
        """All of them, (N, C): an array, or the rows of a temporary file."""
        spooled = _SpooledRows(self._spool.read_back(), self._C)
        return spooled[:] if spooled.is_small() else spooled


class _SpooledRows(LazyRows):
    def __init__(self, file: InputFile, C: int) -> None:
        self._file = file
        self._row_size = C * np.dtype(np.float64).itemsize
        self.shape = (file.size // self._row_size, C)
        self.dtype = np.dtype(np.float64)

    def is_small(self) -> bool:
        return self._file.size <= IN_MEMORY

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, _ = rows.indices(self.shape[0])
        content = self._file.read(start * self._row_size, (stop - start) * self._row_size)
        return np.frombuffer(content).reshape(stop - start, self.shape[1])

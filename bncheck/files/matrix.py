"""An INPUT of the command line, read into a matrix: one row per sample, one column per feature."""

import os.path
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import LazyRows
from bncheck.errors import InputError
from bncheck.files.convert import exact_float64, refuse_not_finite
from bncheck.files.npy import NPY_MAGIC, NPZ_MAGIC, Archive, NpyArray
from bncheck.files.select_columns import select_columns
from bncheck.files.sources import IN_MEMORY, Incoming, InputFile, open_file, open_stdin
from bncheck.files.text.table import read_text
from bncheck.wording import listed, quoted

FLOAT64 = np.dtype(np.float64).itemsize

_TEXT_ENDINGS = (".csv", ".tsv", ".txt")
_ENDINGS = (".npy", ".npz", *_TEXT_ENDINGS)
_ARCHIVE = re.compile(r"(?<=.)\.npz:", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, eq=False)
class Matrix:
    """What an INPUT holds.

    Attributes
    ----------
    rows
        (N, C), N >= 1 and C >= 1: an array of finite float64, or the rows of a file that is too
        large to be held.
    names
        The C names of a header row, or None.
    source
        What the user typed; `stdin` for ``-``.
    dtype
        Type of the numbers in the file; float64 for text.
    """

    rows: NDArray[np.float64] | LazyRows
    names: tuple[str, ...] | None
    source: str
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """(N, C)."""
        N, C = self.rows.shape
        return N, C

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """All rows as one array, (N, C), float64, C-contiguous, finite.

        Raises
        ------
        InputError
            Where they cannot be read, or held.
        """
        try:
            values: NDArray[np.float64] = self.rows[:]
        except MemoryError as error:
            raise InputError(
                f"{quoted(self.source)} does not fit into memory",
                "use fewer rows, or some of the columns with --columns",
            ) from error
        return values


class FileRows(LazyRows):
    """Rows of a matrix in a file, (N, C), read and looked at whenever they are asked for.

    Parameters
    ----------
    A
        The matrix in the file.
    columns
        Which of its columns to use.
    where
        What it is, for messages.
    """

    def __init__(self, A: NpyArray, columns: Sequence[int], where: str) -> None:
        self.shape = (A.shape[0], len(columns))
        self.dtype = np.dtype(np.float64)
        self._A, self._columns, self._where = A, columns, where
        self._picked = None if list(columns) == list(range(A.shape[1])) else columns

    def __getitem__(self, rows: slice) -> NDArray[np.float64]:
        """Some rows.

        Raises
        ------
        InputError
            Where they cannot be read, or hold what is no finite number.
        """
        start, stop, _ = rows.indices(self.shape[0])
        found = self._A.rows(start, stop, self._picked)
        values = exact_float64(found, self._where, self._columns, start)
        refuse_not_finite(values, self._where, self._columns, start)
        return values


def read_matrix(argument: str, columns: str | None = None) -> Matrix:
    """Read a matrix.

    Parameters
    ----------
    argument
        A .npy, .npz, .csv, .tsv or .txt file; ``file.npz:name`` for one array of several; ``-``
        for standard input, where the first bytes tell the format.
    columns
        Which columns to use, as in `select_columns`; None for all. NaN, text and empty cells in the
        others do no harm.

    Raises
    ------
    InputError
        Where there is no such matrix, or it does not hold finite real numbers.
    """
    if argument == "-":
        return _from_stdin(columns)
    path, name = _split(argument)
    ending = _ending(path)
    file = open_file(path)
    if ending in _TEXT_ENDINGS:
        return _from_text(file, columns, argument)
    if ending == ".npz":
        return _from_archive(Archive(file.at_rest()), name, columns, argument)
    return _from_array(NpyArray(file.at_rest(), quoted(path)), quoted(path), columns, argument)


def read_archive(path: str) -> Archive:
    """Open an .npz file, for its arrays to be read by name.

    Raises
    ------
    InputError
        Where it cannot be read or is not a sound .npz archive.
    """
    return Archive(open_file(path).at_rest())


def _split(argument: str) -> tuple[str, str | None]:
    """The file and the array's name in ``file.npz:name``.

    Either of them can have ``.npz:`` in its own name. It is the longest file that there is.
    """
    if os.path.exists(argument):
        return argument, None
    ends = [match.end() for match in _ARCHIVE.finditer(argument)]
    splits = [(argument[: end - 1], argument[end:]) for end in reversed(ends)]
    there = (split for split in splits if os.path.exists(split[0]))
    return next(there, splits[-1]) if splits else (argument, None)


def _ending(path: str) -> str:
    ending = os.path.splitext(path)[1].lower()
    if ending in _ENDINGS:
        return ending
    if os.path.isdir(path):
        raise InputError(f"{quoted(path)} is a folder", "name a file in it")
    raise InputError(
        f"{quoted(path)} has an ending that is not known",
        f"it can be {', '.join(_ENDINGS)}; - reads stdin",
    )


def _from_stdin(columns: str | None) -> Matrix:
    file = open_stdin()
    if file.starts_with(NPY_MAGIC):
        return _from_array(NpyArray(file.at_rest(), "`stdin`"), "`stdin`", columns, "stdin")
    if file.starts_with(NPZ_MAGIC):
        return _from_archive(Archive(file.at_rest()), None, columns, "stdin")
    return _from_text(file, columns, "stdin")


def _from_text(file: InputFile | Incoming, columns: str | None, source: str) -> Matrix:
    table = read_text(file, columns, source)
    return Matrix(table.values, table.names, source, np.dtype(np.float64))


def _from_archive(archive: Archive, name: str | None, columns: str | None, source: str) -> Matrix:
    if name is None:
        name = _only_matrix(archive)
    return _from_array(archive.open(name), archive.where(name), columns, source)


def _only_matrix(archive: Archive) -> str:
    """The name of the one array with two dimensions, or of the one array."""
    matrices = [name for name in archive.names if len(archive.shape(name)) == 2]
    candidates = matrices or archive.names
    if len(candidates) > 1:
        raise InputError(
            f"{quoted(archive.source)} has {len(candidates)} arrays: {listed(candidates)}",
            _pick_one(archive.source, candidates[0]),
        )
    return candidates[0]


def _pick_one(source: str, name: str) -> str:
    if source == "stdin":
        return f"save it as a file and pick one, as in {quoted(f'file.npz:{name}')}"
    return f"pick one, as in {quoted(f'{source}:{name}')}"


def _from_array(A: NpyArray, where: str, columns: str | None, source: str) -> Matrix:
    _refuse_shape(A.shape, where)
    picked = select_columns(columns, A.shape[1], None, source)
    rows = FileRows(A, picked, where)
    held = rows.shape[0] * rows.shape[1] * FLOAT64 <= IN_MEMORY
    return Matrix(rows[:] if held else rows, None, source, A.dtype)


def _refuse_shape(shape: tuple[int, ...], where: str) -> None:
    if len(shape) == 2:
        return
    if len(shape) < 2:
        remedy = "save it with shape (N, 1) for one feature, as A.reshape(-1, 1) does"
    else:
        remedy = f"save it with the features as columns, as in A.reshape(-1, {shape[-1]})"
    raise InputError(f"{where} has shape {shape}, where (N, C) is meant", remedy)

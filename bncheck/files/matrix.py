"""An INPUT of the command line, read into a matrix: one row per sample, one column per feature."""

import os.path
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import LazyRows
from bncheck.errors import InputError
from bncheck.files import sources
from bncheck.files.npy import NPY_MAGIC, NPZ_MAGIC, Archive, open_npy
from bncheck.files.select_columns import select_columns
from bncheck.files.sources import open_file, open_stdin, split_member
from bncheck.files.stored import StoredRows
from bncheck.files.text.table import read_text
from bncheck.wording import listed, quoted

_ENDINGS = (".npy", ".npz", ".csv", ".tsv", ".txt")


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
    """

    rows: NDArray[np.float64] | LazyRows
    names: tuple[str, ...] | None
    source: str

    @property
    def shape(self) -> tuple[int, int]:
        """(N, C)."""
        N, C = self.rows.shape
        return N, C

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """All rows as one array, (N, C), float64, C-contiguous, finite.

        Raise InputError if they cannot be read, or held in memory.
        """
        try:
            values: NDArray[np.float64] = self.rows[:]
        except MemoryError as error:
            raise InputError(
                f"{quoted(self.source)} does not fit into memory",
                "use fewer rows, or some of the columns with --columns",
            ) from error
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
        If there is no such matrix, or it does not hold finite real numbers.
    """
    if argument == "-":
        file, name, source = open_stdin(), None, "stdin"
        formats = {NPY_MAGIC: ".npy", NPZ_MAGIC: ".npz"}
        format_ = next((formats[magic] for magic in formats if file.starts_with(magic)), ".csv")
    else:
        (path, name), source = split_member(argument), argument
        format_ = _format(path)
        file = open_file(path)

    names = None
    where = quoted(source)
    if format_ == ".npy":
        A = open_npy(file.seekable(), where)
    elif format_ == ".npz":
        archive = Archive(file.seekable())
        name = _only_matrix(archive) if name is None else name
        A, where = archive.open(name), archive.where(name)
    else:
        A, names = read_text(file, columns, source)
        columns = None  # no others were read
    _refuse_shape(A.shape, where)
    rows = StoredRows(A, select_columns(columns, A.shape[1], None, source), where)
    N, C = rows.shape
    held = N * C * rows.dtype.itemsize <= sources.IN_MEMORY
    return Matrix(rows[:] if held else rows, names, source)


def read_archive(path: str) -> Archive:
    """Open an .npz file, for its arrays to be read by name; raise InputError if it is not sound."""
    return Archive(open_file(path).seekable())


def _format(path: str) -> str:
    """Return the ending of a path, which tells its format."""
    ending = os.path.splitext(path)[1].lower()
    if ending in _ENDINGS:
        return ending
    if os.path.isdir(path):
        raise InputError(f"{quoted(path)} is a folder", "name a file in it")
    raise InputError(
        f"{quoted(path)} has an unknown ending",
        f"it can be {', '.join(_ENDINGS)}; - reads stdin",
    )


def _only_matrix(archive: Archive) -> str:
    """Return the name of the one array with two dimensions, or of the one array."""
    matrices = [name for name in archive.names if len(archive.shape(name)) == 2]
    candidates = matrices or archive.names
    if len(candidates) == 1:
        return candidates[0]
    if archive.source == "stdin":
        remedy = f"save it as a file and pick one, as in {quoted(f'file.npz:{candidates[0]}')}"
    else:
        remedy = f"pick one, as in {quoted(f'{archive.source}:{candidates[0]}')}"
    raise InputError(
        f"{quoted(archive.source)} has {len(candidates)} arrays: {listed(candidates)}", remedy
    )


def _refuse_shape(shape: tuple[int, ...], where: str) -> None:
    if len(shape) == 2:
        return
    if len(shape) < 2:
        remedy = "save it with shape (N, 1) for one feature, as A.reshape(-1, 1) does"
    else:
        remedy = f"save it with the features as columns, as in A.reshape(-1, {shape[-1]})"
    raise InputError(f"{where} has shape {shape}, expected (N, C)", remedy)

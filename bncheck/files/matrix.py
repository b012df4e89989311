"""An INPUT of the command line, read into a matrix: one row per sample, one column per feature."""

import os.path
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bncheck.errors import InputError
from bncheck.files.columns import select_columns
from bncheck.files.conversion import exact_float64, refuse_not_finite
from bncheck.files.inputs import read_file, read_stdin
from bncheck.files.npyfile import NPY_MAGIC, NPZ_MAGIC, Archive, read_npy
from bncheck.files.textfile import read_text
from bncheck.wording import listed, quoted

_TEXT_ENDINGS = (".csv", ".tsv", ".txt")
_ENDINGS = (".npy", ".npz", *_TEXT_ENDINGS)
_ARRAY_OF_ARCHIVE = re.compile(r"(?P<path>.+\.npz):(?P<name>.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Matrix:
    """What an INPUT holds.

    Attributes
    ----------
    values
        (N, C), N >= 1 and C >= 1, float64, C-contiguous, finite.
    names
        The C names of a header row, or None.
    source
        What the user typed; `stdin` for ``-``.
    dtype
        Type of the numbers in the file; float64 for text.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...] | None
    source: str
    dtype: np.dtype[Any]


def read_matrix(argument: str, columns: str | None = None) -> Matrix:
    """Read a matrix.

    Parameters
    ----------
    argument
        A .npy, .npz, .csv, .tsv or .txt file; ``file.npz:name`` for one array of several; ``-``
        for standard input, where the first bytes tell the format.
    columns
        Which columns to use, as in `bncheck.files.columns.select_columns`; None for all. NaN, text
        and empty cells in the others do no harm.

    Raises
    ------
    InputError
        Where there is no such matrix, or it does not hold finite real numbers.
    """
    if argument == "-":
        return _from_stdin(columns)
    path, name = _split(argument)
    ending = _ending(path)
    content = read_file(path)
    if ending in _TEXT_ENDINGS:
        return _from_text(content, columns, argument)
    if ending == ".npz":
        return _from_archive(Archive(content, path), name, columns, argument)
    return _from_array(read_npy(content, quoted(path)), quoted(path), columns, argument)


def read_archive(path: str) -> Archive:
    """Open an .npz file, for its arrays to be read by name.

    Raises
    ------
    InputError
        Where it cannot be read or is not a sound .npz archive.
    """
    return Archive(read_file(path), path)


def _split(argument: str) -> tuple[str, str | None]:
    """The file and the array's name in ``file.npz:name``."""
    match = _ARRAY_OF_ARCHIVE.fullmatch(argument)
    return (match["path"], match["name"]) if match else (argument, None)


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
    content = read_stdin()
    if content.startswith(NPY_MAGIC):
        return _from_array(read_npy(content, "`stdin`"), "`stdin`", columns, "stdin")
    if content.startswith(NPZ_MAGIC):
        return _from_archive(Archive(content, "stdin"), None, columns, "stdin")
    return _from_text(content, columns, "stdin")


def _from_text(content: bytes, columns: str | None, source: str) -> Matrix:
    table = read_text(content, columns, source)
    return Matrix(table.values, table.names, source, table.values.dtype)


def _from_archive(archive: Archive, name: str | None, columns: str | None, source: str) -> Matrix:
    if name is None:
        name = _only_matrix(archive)
    return _from_array(archive.read(name), archive.where(name), columns, source)


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


def _from_array(A: NDArray[Any], where: str, columns: str | None, source: str) -> Matrix:
    _refuse_shape(A.shape, where)
    picked = select_columns(columns, A.shape[1], None, source)
    used = A if columns is None else A[:, picked]
    values = exact_float64(used, where, picked)
    refuse_not_finite(values, where, picked)
    return Matrix(values, None, source, A.dtype)


def _refuse_shape(shape: tuple[int, ...], where: str) -> None:
    if len(shape) == 2:
        return
    if len(shape) < 2:
        remedy = "save it with shape (N, 1) for one feature, as A.reshape(-1, 1) does"
    else:
        remedy = f"save it with the features as columns, as in A.reshape(-1, {shape[-1]})"
    raise InputError(f"{where} has shape {shape}, where (N, C) is meant", remedy)

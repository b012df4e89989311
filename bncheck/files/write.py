"""Output files that appear together, each of them whole, or not at all."""

import io
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bncheck import progress
from bncheck.arrays import FLOAT64
from bncheck.batchnorm.blocks import blocks_of
from bncheck.batchnorm.sweeps import ComputedRows
from bncheck.errors import InputError
from bncheck.files.atomic import StagedFile, make_lasting
from bncheck.files.destinations import ending_of
from bncheck.wording import byte_size, quoted, reason

NAMELESS = 100
"""Outputs of one run without a name: each of them is an open file, of which there may be few."""

_PLAIN_NAME = re.compile(r"[\w.]+")


class Outputs:
    """Several output files, written as one: ``with Outputs() as outputs: outputs.matrix(…)``.

    Each is written to a temporary file in its target's folder. These take the targets' places at
    the end of the ``with`` block; if it ends with an exception, they are gone, and what was there
    before stays. An output may thus be an input too.

    Raises
    ------
    InputError
        By each method, if the file cannot be written; at the end, if it cannot be put in its place.
    """

    def __init__(self) -> None:
        self._staged: dict[str, StagedFile] = {}
        """By target."""

    def matrix(
        self, path: str, A: NDArray[Any] | ComputedRows, names: Sequence[str] | None = None
    ) -> None:
        """Write A, (N, C), to a .npy or a .csv file; names become the header row of a .csv.

        Rows that are computed when they are asked for are written as they come.
        """
        ending = ending_of(path, ".npy", ".csv")
        if isinstance(A, ComputedRows):
            progress.plan(A.shape[0] * A.shape[1] * A.dtype.itemsize)
        texts = (text.encode() for text in matrix_texts(A, names))
        self._stage(path, _npy_chunks(A) if ending == ".npy" else texts)

    def archive(self, path: str, arrays: Mapping[str, ArrayLike]) -> None:
        """Write arrays to an .npz file under their names."""
        ending_of(path, ".npz")
        self._stage(path, [_npz(arrays)])

    def content(self, path: str, content: bytes) -> None:
        """Write a file of another kind."""
        self._stage(path, [content])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._put_in_place()
        finally:
            for file in self._staged.values():
                file.discard()

    def _stage(self, path: str, chunks: Iterable[bytes | memoryview]) -> None:
        if "\0" in path:
            raise _unwritable(path, ValueError("embedded null byte"))
        # The file that a symbolic link names is replaced, not the link.
        target = os.path.realpath(path)
        if target in self._staged:
            raise InputError(f"{quoted(path)} is named for two outputs", "give each its own file")
        try:
            mode = _mode_to_keep(target, path)
            file = StagedFile(target, mode, nameless=len(self._staged) < NAMELESS)
            self._staged[target] = file
            file.write(chunks)
        except OSError as error:
            raise _unwritable(path, error) from error

    def _put_in_place(self) -> None:
        for target, file in self._staged.items():
            try:
                file.put_in_place()
            except OSError as error:
                raise _unwritable(target, error) from error
        for folder in {os.path.dirname(target) for target in self._staged}:
            make_lasting(folder)


def matrix_texts(
    A: NDArray[Any] | ComputedRows, names: Sequence[str] | None = None
) -> Iterator[str]:
    r"""Yield A, (N, C), as CSV, some lines at a time: a header row if there are names, then rows.

    The numbers are the shortest decimals that stand for them exactly.

    >>> "".join(matrix_texts(np.array([[0.1, 2]]), ["ash", "hue, deg"]))
    'ash,"hue, deg"\n0.1,2.0\n'
    """
    if names is not None:
        yield ",".join(_csv_name(name) for name in names) + "\n"
    for rows in _blocks(A):
        yield "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist())


def refuse_without_room(output: str, shapes: Sequence[tuple[int, int]]) -> None:
    """Raise InputError if .npy files of these shapes cannot fit on the disk.

    Only what can be known before the work is told here: how long a text will be is not.
    """
    folder = output if os.path.isdir(output) else os.path.dirname(os.path.realpath(output))
    needed = sum(N * C * FLOAT64.itemsize for N, C in shapes)
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return  # told when the files are made
    if needed > free:
        raise InputError(
            f"{quoted(output)} cannot be written: no space left on device: it takes "
            f"{byte_size(needed)}, and {byte_size(free)} are free",
            "choose another folder, or make room",
        )


def _blocks(A: NDArray[Any] | ComputedRows) -> Iterator[NDArray[Any]]:
    if isinstance(A, ComputedRows):
        return A.blocks()
    return (A[block.start : block.stop] for block in blocks_of(*A.shape))


def _npy_chunks(A: NDArray[Any] | ComputedRows) -> Iterator[bytes | memoryview]:
    header = io.BytesIO()
    description = {
        "descr": np.lib.format.dtype_to_descr(A.dtype),
        "fortran_order": False,
        "shape": A.shape,
    }
    np.lib.format.write_array_header_1_0(header, description)
    yield header.getvalue()
    for rows in _blocks(A):
        yield np.ascontiguousarray(rows).data


def _csv_name(name: str) -> str:
    """Return a name in quotes, unless it cannot be taken for a comment or for two cells."""
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _npz(arrays: Mapping[str, ArrayLike]) -> bytes:
    # Unlike np.savez, this takes any name, and cannot pickle under any version of NumPy.
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, A in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(A), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
    return stream.getvalue()


def _mode_to_keep(target: str, path: str) -> int | None:
    """Return the permissions of the file that is replaced, or None if there is none yet."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise InputError(f"{quoted(path)} is a folder", "name a file in it")
    if not stat.S_ISREG(mode):
        raise InputError(f"{quoted(path)} is not a regular file", "choose another name")
    if not os.access(target, os.W_OK):
        # Renaming over a file asks no permission of the file itself, but its owner meant to.
        raise InputError(
            f"{quoted(path)} cannot be written: it is read-only",
            "choose another name, or change its permissions",
        )
    return stat.S_IMODE(mode)


def _unwritable(path: str, error: Exception) -> InputError:
    message, remedy = reason(error), "choose another folder or name, or make room"
    if isinstance(error, FileNotFoundError):
        message = f"there is no folder {quoted(os.path.dirname(path) or '.')}"
        remedy = "make the folder first, or choose another"
    elif isinstance(error, PermissionError):
        remedy = "choose a folder that you may write to"
    return InputError(f"{quoted(path)} cannot be written: {message}", remedy)

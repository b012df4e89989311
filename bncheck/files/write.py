"""Output files that appear together, each of them whole, or not at all."""

import io
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bncheck import progress
from bncheck.arrays import FLOAT64
from bncheck.batchnorm.blocks import blocks_of
from bncheck.batchnorm.sweeps import ComputedRows
from bncheck.errors import InputError
from bncheck.files.atomic import Temporaries, remove_litter
from bncheck.files.endings import ending_of
from bncheck.wording import byte_size, quoted, reason

_PLAIN_NAME = re.compile(r"[\w.]+")


class Outputs:
    """Several output files, written as one: ``with Outputs() as outputs: outputs.matrix(…)``.

    Each is written to a temporary file beside its target. These take the targets' places at the
    end of the ``with`` block; if it ends with an exception, they are removed, and what was there
    before stays. An output may thus be an input too.

    Raises
    ------
    InputError
        By each method, where the file cannot be written; at the end, where it cannot be put in
        its place.
    """

    def __init__(self) -> None:
        self._temporaries: dict[str, str] = {}
        """Target to temporary file."""
        self._files = Temporaries()

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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._put_in_place()
        finally:
            self._files.remove(self._temporaries.values())

    def _stage(self, path: str, chunks: Iterable[bytes | memoryview]) -> None:
        try:
            # The file that a symbolic link names is replaced, not the link.
            target = os.path.realpath(path)
            mode = _mode_to_keep(target, path)
            temporary = self._temporary(target, path)
            with open(temporary, "xb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                os.chmod(temporary, mode)
        except InputError:
            raise
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            raise _unwritable(path, error) from error

    def _temporary(self, target: str, path: str) -> str:
        """Name of a temporary file beside the target, known here before it is made."""
        if target in self._temporaries:
            raise InputError(f"{quoted(path)} is named for two outputs", "give each its own file")
        self._temporaries[target] = self._files.beside(target)
        return self._temporaries[target]

    def _put_in_place(self) -> None:
        for target, temporary in self._temporaries.items():
            try:
                os.replace(temporary, target)
            except OSError as error:
                raise _unwritable(target, error) from error
        self._files.make_lasting()


def matrix_texts(
    A: NDArray[Any] | ComputedRows, names: Sequence[str] | None = None
) -> Iterator[str]:
    """A, (N, C), as CSV, some lines at a time: a header row if there are names, then the rows.

    The numbers are the shortest decimals that stand for them exactly.
    """
    if names is not None:
        yield ",".join(_csv_name(name) for name in names) + "\n"
    for rows in _blocks(A):
        yield "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist())


def _blocks(A: NDArray[Any] | ComputedRows) -> Iterator[NDArray[Any]]:
    if isinstance(A, ComputedRows):
        return A.blocks()
    return (A[block.start : block.stop] for block in blocks_of(*A.shape))


def _npy_chunks(A: NDArray[Any] | ComputedRows) -> Iterator[bytes | memoryview]:
    if not isinstance(A, ComputedRows):
        yield _npy(A)
        return
    header = io.BytesIO()
    description = {
        "descr": np.lib.format.dtype_to_descr(A.dtype),
        "fortran_order": False,
        "shape": A.shape,
    }
    np.lib.format.write_array_header_1_0(header, description)
    yield header.getvalue()
    for rows in A.blocks():
        yield rows.data


def refuse_without_room(output: str, shapes: Sequence[tuple[int, int]]) -> None:
    """Refuse to begin where .npy files of these shapes cannot fit on the disk.

    Only what can be known before the work is told here: how long a text will be is not.

    Raises
    ------
    InputError
        Where the disk has less room than they take.
    """
    folder = output if os.path.isdir(output) else os.path.dirname(os.path.realpath(output))
    needed = sum(N * C * FLOAT64.itemsize for N, C in shapes)
    try:
        free = shutil.disk_usage(folder).free
        if needed > free:
            remove_litter(folder)
            free = shutil.disk_usage(folder).free
    except OSError:
        return  # told when the files are made
    if needed > free:
        raise InputError(
            f"{quoted(output)} cannot be written: no space left on device: it takes "
            f"{byte_size(needed)}, and {byte_size(free)} are free",
            "choose another folder, or make room",
        )


def _csv_name(name: str) -> str:
    """A name in quotes, unless it is too plain to be taken for a comment or for two cells."""
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _npy(A: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, A, allow_pickle=False)
    return stream.getvalue()


def _npz(arrays: Mapping[str, ArrayLike]) -> bytes:
    # Unlike np.savez, this takes any name, and cannot pickle under any version of NumPy.
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, A in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), _npy(np.asarray(A)))
    return stream.getvalue()


def _mode_to_keep(target: str, path: str) -> int | None:
    """Permission bits of the file that is replaced, or None where there is none yet."""
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
    message = f"{quoted(path)} cannot be written: {reason(error)}"
    if isinstance(error, FileNotFoundError):
        folder = os.path.dirname(path) or "."
        return InputError(
            f"{quoted(path)} cannot be written: there is no folder {quoted(folder)}",
            "make the folder first, or choose another",
        )
    if isinstance(error, PermissionError):
        return InputError(message, "choose a folder that you may write to")
    return InputError(message, "choose another folder or name, or make room")

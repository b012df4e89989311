"""NumPy's own files: one array in a .npy, several in an .npz. Nothing is ever unpickled."""

import io
import math
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from bncheck.errors import InputError
from bncheck.files.convert import refuse_dtype
from bncheck.files.sources import CHUNK, InputFile, Spool
from bncheck.wording import listed, quoted

NPY_MAGIC = npy_format.MAGIC_PREFIX
NPZ_MAGIC = b"PK\x03\x04"

# Version 3 differs from 2 in the encoding of field names alone, and arrays with fields are refused.
_HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
    (3, 0): npy_format.read_array_header_2_0,
}
_MOST_DIMENSIONS = 64  # of any NumPy array
# NumPy refuses headers of more than 10 000 characters; the magic and the length come before.
_LONGEST_HEADER = 10_000 + 12


class NpyArray:
    """The array of a .npy file, of any shape but an empty one, read as far as it is asked for.

    Parameters
    ----------
    file
        The file.
    where
        What it is, for messages.

    Attributes
    ----------
    shape, dtype
        Of the array.

    Raises
    ------
    InputError
        Where the file is damaged, or does not hold real numbers.
    """

    def __init__(self, file: InputFile, where: str) -> None:
        header = _read_header(file.read(0, min(_LONGEST_HEADER, file.size)), where)
        _refuse_header(header, file.size, where)
        self.shape, self.dtype = header.shape, header.dtype
        self._file, self._header = file, header

    def array(self) -> NDArray[Any]:
        """All of it."""
        return self._numbers(0, self.shape, "F" if self._header.fortran_order else "C")

    def rows(self, start: int, stop: int, columns: Sequence[int] | None = None) -> NDArray[Any]:
        """Some rows of a matrix, (stop - start, C), of all its columns or of some."""
        N, C = self.shape
        if not self._header.fortran_order:
            rows = self._numbers(start * C, (stop - start, C), "C")
            return rows if columns is None else rows[:, columns]
        picked = range(C) if columns is None else columns
        return np.stack(
            [self._numbers(c * N + start, (stop - start,), "C") for c in picked], axis=1
        )

    def _numbers(
        self, first: int, shape: tuple[int, ...], order: Literal["C", "F"]
    ) -> NDArray[Any]:
        """So many numbers from one of them on."""
        size = self.dtype.itemsize
        content = self._file.read(self._header.length + first * size, math.prod(shape) * size)
        return np.ndarray(shape, self.dtype, buffer=content, order=order)


class Archive:
    """The arrays of an .npz file, read one by one.

    Parameters
    ----------
    file
        The file.

    Attributes
    ----------
    source
        What it is, for messages.
    names
        The names of its arrays, in the order of the file.

    Raises
    ------
    InputError
        Where the file is not a sound .npz archive, or holds no array.
    """

    def __init__(self, file: InputFile) -> None:
        self.source = file.source
        self._file = file  # which would be closed without this
        with self._zip_errors():
            import zipfile  # which takes long, and is for archives alone

            self._zip = zipfile.ZipFile(file.stream())
        members = self._zip.namelist()
        self.names = tuple(name.removesuffix(".npy") for name in members if name.endswith(".npy"))
        if not self.names:
            raise InputError(f"{quoted(file.source)} holds no array", "save some with np.savez")
        self._count = Counter(self.names)
        name, count = self._count.most_common(1)[0]
        if count > 1:  # of which NumPy would read the last one
            raise InputError(
                f"{quoted(file.source)} has {count} arrays with the name {quoted(name)}",
                "save it again with np.savez",
            )

    def where(self, name: str) -> str:
        """What an array is called in messages: `file.npz:name`."""
        return quoted(f"{self.source}:{name}")

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an array, from its header alone.

        Raises
        ------
        InputError
            Where there is no such array, or it is damaged.
        """
        with self._member(name) as member, self._zip_errors():
            content = member.read(_LONGEST_HEADER)
        return _read_header(content, self.where(name)).shape

    def open(self, name: str) -> NpyArray:
        """One array, unpacked into memory, or into a temporary file where it is large.

        Raises
        ------
        InputError
            Where there is no such array, or it is damaged, empty or not of real numbers.
        """
        where, copy = self.where(name), Spool(self.source)
        with self._member(name) as member, self._zip_errors():
            # A few bytes can unpack to any number of them: what is not an array, or not as long as
            # its header says, is refused before that. No more comes than the directory says.
            chunk = member.read(_LONGEST_HEADER)
            _refuse_header(
                _read_header(chunk, where), self._zip.getinfo(f"{name}.npy").file_size, where
            )
            while chunk:
                copy.write(chunk)
                chunk = member.read(CHUNK)
        return NpyArray(copy.read_back(), where)

    def read(self, name: str) -> NDArray[Any]:
        """All of one array; raises what `open` does."""
        return self.open(name).array()

    @contextmanager
    def _member(self, name: str) -> Iterator[IO[bytes]]:
        if name not in self._count:
            raise InputError(
                f"{quoted(self.source)} has no array {quoted(name)}", f"it has {listed(self.names)}"
            )
        with self._zip_errors():
            member = self._zip.open(f"{name}.npy")
        with member:
            yield member

    @contextmanager
    def _zip_errors(self) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except Exception as error:  # a damaged archive makes zipfile raise almost anything
            raise InputError(
                f"{quoted(self.source)} is not an .npz archive, or a damaged one",
                "save it again with np.savez",
            ) from error


@dataclass(frozen=True, eq=False)
class _Header:
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    length: int


def _read_header(content: bytes | bytearray | memoryview, where: str) -> _Header:
    if content[: len(NPY_MAGIC)] != NPY_MAGIC:
        raise InputError(f"{where} is not in NumPy's .npy format", "save it with np.save")
    stream = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a header written by Python 2 takes longer
            read = _HEADER_READERS[npy_format.read_magic(stream)]
            shape, fortran_order, dtype = read(stream)
        possible = all(0 <= length <= sys.maxsize for length in shape)
        if not possible or len(shape) > _MOST_DIMENSIONS:
            raise ValueError("no array has this shape")
    except Exception as error:  # a forged header makes the reader raise almost anything
        raise InputError(
            f"{where} has a header that cannot be read", "save it again with np.save"
        ) from error
    return _Header(shape, fortran_order, dtype, stream.tell())


def _refuse_header(header: _Header, size: int, where: str) -> None:
    """Raise InputError unless a file of this size can be the array that its header tells of."""
    refuse_dtype(header.dtype, where)
    if 0 in header.shape:
        raise InputError(
            f"{where} holds no numbers: its shape is {header.shape}",
            "check the program that should write it",
        )
    # The shape may be forged: it is held against the bytes that are there before it is used.
    promised = math.prod(header.shape) * header.dtype.itemsize
    there = size - header.length
    if promised != there:
        raise InputError(
            f"{where} has {there} bytes of numbers where its header promises {promised}",
            "the file is damaged or not whole; save or copy it again",
        )

"""NumPy's own files: one array in a .npy, several in an .npz. Nothing is ever unpickled."""

import io
import math
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from bncheck.errors import InputError
from bncheck.files.conversion import refuse_dtype
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


def read_npy(content: bytes, where: str) -> NDArray[Any]:
    """The array of a .npy file: a read-only view of its bytes, of any shape but an empty one.

    Parameters
    ----------
    content
        The whole file.
    where
        What it is, for messages.

    Raises
    ------
    InputError
        Where the file is damaged, or does not hold real numbers.
    """
    header = _read_header(content, where)
    refuse_dtype(header.dtype, where)
    if 0 in header.shape:
        raise InputError(
            f"{where} holds no numbers: its shape is {header.shape}",
            "check the program that should write it",
        )
    # The shape may be forged: it is held against the bytes that are there before it is used.
    promised = math.prod(header.shape) * header.dtype.itemsize
    there = len(content) - header.length
    if promised != there:
        raise InputError(
            f"{where} has {there} bytes of numbers where its header promises {promised}",
            "the file is damaged or not whole; save or copy it again",
        )
    return np.ndarray(
        header.shape,
        header.dtype,
        buffer=content,
        offset=header.length,
        order="F" if header.fortran_order else "C",
    )


class Archive:
    """The arrays of an .npz file, read one by one.

    Parameters
    ----------
    content
        The whole file.
    source
        What it is, for messages.

    Attributes
    ----------
    names
        The names of its arrays, in the order of the file.

    Raises
    ------
    InputError
        Where the file is not a sound .npz archive, or holds no array.
    """

    def __init__(self, content: bytes, source: str) -> None:
        self.source = source
        with self._zip_errors():
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        members = self._zip.namelist()
        self.names = tuple(name.removesuffix(".npy") for name in members if name.endswith(".npy"))
        if not self.names:
            raise InputError(f"{quoted(source)} holds no array", "save some with np.savez")

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
        return _read_header(self._content(name, _LONGEST_HEADER), self.where(name)).shape

    def read(self, name: str) -> NDArray[Any]:
        """One array, as `read_npy` gives it.

        Raises
        ------
        InputError
            Where there is no such array, or it is damaged, empty or not of real numbers.
        """
        return read_npy(self._content(name), self.where(name))

    def _content(self, name: str, size: int = -1) -> bytes:
        if name not in self.names:
            raise InputError(
                f"{quoted(self.source)} has no array {quoted(name)}", f"it has {listed(self.names)}"
            )
        with self._zip_errors(), self._zip.open(f"{name}.npy") as member:
            return member.read(size)

    @contextmanager
    def _zip_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # a damaged archive makes zipfile raise almost anything
            raise InputError(
                f"{quoted(self.source)} is not an .npz archive, or a damaged one",
                "save it again with np.savez",
            ) from error


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    length: int


def _read_header(content: bytes, where: str) -> _Header:
    if not content.startswith(NPY_MAGIC):
        raise InputError(f"{where} is not in NumPy's .npy format", "save it with np.save")
    stream = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a header written by Python 2 takes longer
            read = _HEADER_READERS[npy_format.read_magic(stream)]
            shape, fortran_order, dtype = read(stream)
        if min(shape, default=0) < 0 or len(shape) > _MOST_DIMENSIONS:
            raise ValueError(f"no array has shape {shape}")
    except Exception as error:  # a forged header makes the reader raise almost anything
        raise InputError(
            f"{where} has a header that cannot be read", "save it again with np.save"
        ) from error
    return _Header(shape, fortran_order, dtype, stream.tell())

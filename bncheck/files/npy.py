"""NumPy's own files: one array in a .npy, several in an .npz. Nothing is ever unpickled.

`where` is what an array is called in messages.
"""

import io
import math
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from bncheck.errors import InputError
from bncheck.files.convert import refuse_dtype
from bncheck.files.sources import CHUNK, InputFile, Spool
from bncheck.files.stored import StoredArray
from bncheck.wording import listed, quoted

NPY_MAGIC = npy_format.MAGIC_PREFIX
NPZ_MAGIC = b"PK\x03\x04"

# Version 3 differs from 2 in the encoding of field names alone, and arrays with fields are refused.
_HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
    (3, 0): npy_format.read_array_header_2_0,
}
# NumPy refuses headers of more than 10 000 characters; the magic and the length come before.
_LONGEST_HEADER = 10_000 + 12


def open_npy(file: InputFile, where: str) -> StoredArray:
    """Return the array of a .npy file, of which only the header is read.

    Raise InputError if the file is damaged, or does not hold real numbers.
    """
    header = _read_header(file.read(0, min(_LONGEST_HEADER, file.size)), where)
    _refuse_header(header, file.size, where)
    return StoredArray(file, header.length, header.shape, header.dtype, header.fortran_order)


class Archive:
    """The arrays of an .npz file, read one by one.

    Attributes
    ----------
    source
        What the file is called in messages.
    names
        The names of its arrays, in the order of the file.

    Raises
    ------
    InputError
        If the file is not a sound .npz archive, or holds no array.
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
            raise InputError(f"{quoted(self.source)} holds no array", "save some with np.savez")
        self._count = Counter(self.names)
        name, count = self._count.most_common(1)[0]
        if count > 1:  # NumPy would read the last one
            raise InputError(
                f"{quoted(self.source)} has {count} arrays with the name {quoted(name)}",
                "save it again with np.savez",
            )

    def where(self, name: str) -> str:
        """Return what an array is called in messages: `file.npz:name`."""
        return quoted(f"{self.source}:{name}")

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array, from its header alone; raise what `open` does."""
        with self._member(name) as member:
            return _read_header(member.read(_LONGEST_HEADER), self.where(name)).shape

    def open(self, name: str) -> StoredArray:
        """Unpack one array into memory, or into a temporary file if it is large.

        Raise InputError if there is no such array, or it is damaged, empty or not of real numbers.
        """
        where, copy = self.where(name), Spool(self.source)
        with self._member(name) as member:
            # A few bytes can unpack to any number of them: what is not an array, or not as long as
            # its header says, is refused before that. No more comes than the directory says.
            chunk = member.read(_LONGEST_HEADER)
            size = self._zip.getinfo(f"{name}.npy").file_size
            _refuse_header(_read_header(chunk, where), size, where)
            while chunk:
                copy.write(chunk)
                chunk = member.read(CHUNK)
        return open_npy(copy.read_back(), where)

    def read(self, name: str) -> NDArray[Any]:
        """Return all of one array; raise what `open` does."""
        return self.open(name).array()

    @contextmanager
    def _member(self, name: str) -> Iterator[IO[bytes]]:
        if name not in self._count:
            raise InputError(
                f"{quoted(self.source)} has no array {quoted(name)}", f"it has {listed(self.names)}"
            )
        with self._zip_errors(), self._zip.open(f"{name}.npy") as member:
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


class _Header(NamedTuple):
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
        # No NumPy array has more dimensions, or longer ones.
        if len(shape) > 64 or not all(0 <= length <= sys.maxsize for length in shape):
            raise ValueError(shape)
    except Exception as error:  # a forged header makes the reader raise almost anything
        raise InputError(
            f"{where} has a header that cannot be read", "save it again with np.save"
        ) from error
    return _Header(shape, fortran_order, dtype, stream.tell())


def _refuse_header(header: _Header, size: int, where: str) -> None:
    """Raise InputError unless a file of this size can be the array that its header describes."""
    refuse_dtype(header.dtype, where)
    if 0 in header.shape:
        raise InputError(
            f"{where} holds no numbers: its shape is {header.shape}",
            "check the program that should write it",
        )
    # The shape may be forged: it is compared with the bytes that exist before it is used.
    promised = math.prod(header.shape) * header.dtype.itemsize
    found = size - header.length
    if promised != found:
        raise InputError(
            f"{where} has {found} bytes of numbers where its header promises {promised}",
            "the file is damaged or incomplete; save or copy it again",
        )

"""The bytes of an input as a file that can be read from any place, whether it is one or not."""

import io
import os
import stat
import sys
import tempfile
from typing import IO, BinaryIO

from bncheck.errors import InputError
from bncheck.wording import quoted, reason

IN_MEMORY = 2**24
"""Bytes of numbers beyond which they stay in their file, or are put into a temporary one."""

CHUNK = 2**20
"""Bytes that are copied at once."""


class InputFile:
    """An open input: its name for messages, its size, and its bytes from any place.

    A file is read where it lies. Pipes and standard input, which can be read once only, are copied
    first: into memory, or into a temporary file without a name where they are long. It is closed
    when nothing refers to it any more.

    Parameters
    ----------
    file
        An open file, which is closed here, or bytes in memory.
    source
        What it is, for messages.
    lasting
        Whether others can write to it meanwhile.

    Raises
    ------
    InputError
        By each method, where the file cannot be read, or was changed since it was opened.
    """

    def __init__(self, file: IO[bytes], source: str, *, lasting: bool = False) -> None:
        self.source = source
        self.size = file.seek(0, os.SEEK_END)
        self._memory = file if isinstance(file, io.BytesIO) else None
        # A number, since an open file would complain where a chain of errors keeps it from closing.
        self._descriptor = None if self._memory else os.dup(file.fileno())
        if not self._memory:
            file.close()
        self._stamp = self._now() if lasting else None

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def read(self, start: int = 0, size: int | None = None) -> bytes | bytearray:
        """So many bytes from a place on; all that follow where no size is given."""
        size = max(self.size - start if size is None else size, 0)
        if self._memory is not None:
            return self._memory.getbuffer()[start : start + size].tobytes()
        content, there = bytearray(size), 0
        assert self._descriptor is not None
        try:
            while there < size and (
                count := os.preadv(self._descriptor, [memoryview(content)[there:]], start + there)
            ):
                there += count
        except OSError as error:
            raise _unreadable(self.source, error) from error
        if there < size or (self._stamp is not None and self._now() != self._stamp):
            raise InputError(
                f"{quoted(self.source)} was changed while it was read",
                "run this again once nothing writes to it",
            )
        return content

    def starts_with(self, magic: bytes) -> bool:
        """Whether the first bytes are these."""
        return self.read(0, min(len(magic), self.size)) == magic

    def stream(self) -> BinaryIO:
        """The bytes as a file of their own, to be read from the beginning."""
        if self._memory is not None:
            return io.BytesIO(self._memory.getbuffer())
        assert self._descriptor is not None
        file = open(self._descriptor, "rb", closefd=False)  # noqa: SIM115
        file.seek(0)
        return file

    def _now(self) -> tuple[int, int]:
        """What tells that a file was changed."""
        assert self._descriptor is not None
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns


class Spool:
    """Bytes that come one after the other: in memory while they are few, and else in a file.

    The file has no name, so that nothing is left of it whatever happens.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = io.BytesIO()
        self._size = 0

    def write(self, chunk: bytes | memoryview) -> None:
        """Append some bytes."""
        before, self._size = self._size, self._size + memoryview(chunk).nbytes
        if before <= IN_MEMORY < self._size:
            memory, self._file = self._file, tempfile.TemporaryFile()  # noqa: SIM115
            assert isinstance(memory, io.BytesIO)
            self._file.write(memory.getbuffer())
        self._file.write(chunk)

    def read_back(self, source: str) -> InputFile:
        """All that was written, to be read from any place."""
        self._file.flush()
        return InputFile(self._file, source)


def open_file(path: str) -> InputFile:
    """Open a file.

    Raises
    ------
    InputError
        Where it is missing, a folder, a device, unreadable or empty.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115
        kind = os.fstat(file.fileno()).st_mode
        if stat.S_ISCHR(kind) or stat.S_ISBLK(kind):
            file.close()
            raise InputError(f"{quoted(path)} is a device", "name a file, or - for stdin")
        if stat.S_ISREG(kind):
            return _not_empty(InputFile(file, path, lasting=True))
        with file:
            return _not_empty(_copied(file, path))
    except FileNotFoundError as error:
        message = f"{quoted(path)} does not exist"
        raise InputError(message, "check the name and the folder") from error
    except IsADirectoryError as error:
        raise InputError(f"{quoted(path)} is a folder", "name a file in it") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise _unreadable(path, error) from error


def open_stdin() -> InputFile:
    """Standard input.

    Raises
    ------
    InputError
        Where it is closed, unreadable or empty.
    """
    if sys.stdin is None:
        raise InputError("`stdin` is closed", "pipe a matrix into it, or name a file")
    try:
        return _not_empty(_copied(sys.stdin.buffer, "stdin"))
    except OSError as error:
        message = f"`stdin` cannot be read: {reason(error)}"
        raise InputError(message, "pipe a matrix into it, or name a file") from error


def _copied(stream: IO[bytes], source: str) -> InputFile:
    copy = Spool()
    while chunk := stream.read(CHUNK):
        copy.write(chunk)
    return copy.read_back(source)


def _not_empty(file: InputFile) -> InputFile:
    if not file.size:
        raise InputError(
            f"{quoted(file.source)} is empty", "check the program that should write it"
        )
    return file


def _unreadable(path: str, error: Exception) -> InputError:
    message = f"{quoted(path)} cannot be read: {reason(error)}"
    return InputError(message, "check its name and its permissions")

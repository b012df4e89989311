"""The bytes of an input: of a file, from any place; of a pipe, as they come or copied."""

import errno
import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from bncheck import progress
from bncheck.errors import InputError
from bncheck.wording import quoted, reason

IN_MEMORY = 2**24
"""Bytes of numbers beyond which they stay in their file, or are put into a temporary one."""

CHUNK = 2**18
"""Bytes that are read at once."""

LEFT_FREE = 2**30
"""Bytes of a disk that temporary files leave free, or a tenth of it where that is less."""

_FROM_FILE = "check its name and its permissions"
_FROM_STDIN = "pipe a matrix into it, or name a file"


class _Descriptor:
    """An open file by its number, closed when nothing refers to it any more.

    An open file itself would complain where a chain of errors keeps it from being closed.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.number = os.dup(file.fileno())
        file.close()

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)

    def reader(self) -> IO[bytes]:
        """A file to read it with."""
        file: IO[bytes] = open(self.number, "rb", closefd=False)  # noqa: SIM115
        return file

    def write(self, content: bytes | memoryview) -> None:
        """Write all of it."""
        rest = memoryview(content).cast("B")
        while rest:
            rest = rest[os.write(self.number, rest) :]


class InputFile:
    """An open input: its name for messages, its size, and its bytes from any place.

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
        self._where = file if isinstance(file, io.BytesIO) else _Descriptor(file)
        self._stamp = self._now() if lasting else None

    def read(self, start: int = 0, size: int | None = None) -> bytearray | memoryview:
        """So many bytes from a place on; all that follow where no size is given."""
        size = max(self.size - start if size is None else size, 0)
        if isinstance(self._where, io.BytesIO):
            return self._where.getbuffer()[start : start + size]
        content, there = bytearray(size), 0
        try:
            while there < size and (
                count := os.preadv(self._where.number, [memoryview(content)[there:]], start + there)
            ):
                there += count
        except OSError as error:
            raise _unreadable(self.source, error, _FROM_FILE) from error
        if there < size or (self._stamp is not None and self._now() != self._stamp):
            raise InputError(
                f"{quoted(self.source)} was changed while it was read",
                "run this again once nothing writes to it",
            )
        return content

    def starts_with(self, magic: bytes) -> bool:
        """Whether the first bytes are these."""
        return bytes(self.read(0, min(len(magic), self.size))) == magic

    def chunks(self) -> Iterator[bytes]:
        """All of it, one piece after the other."""
        progress.plan(self.size)
        for start in range(0, self.size, CHUNK):
            chunk = bytes(self.read(start, min(CHUNK, self.size - start)))
            yield chunk
            progress.advance(len(chunk))

    def at_rest(self) -> "InputFile":
        """Itself, as it can be read from any place."""
        return self

    def stream(self) -> IO[bytes]:
        """The bytes as a file of their own, to be read from the beginning."""
        if isinstance(self._where, io.BytesIO):
            return io.BytesIO(self._where.getbuffer())
        file = self._where.reader()
        file.seek(0)
        return file

    def _now(self) -> tuple[int, int]:
        """What tells that a file was changed."""
        assert isinstance(self._where, _Descriptor)
        status = os.fstat(self._where.number)
        return status.st_size, status.st_mtime_ns


class Incoming:
    """An input that can be read once only: a pipe, standard input.

    Text is read as it comes. What is read from several places is copied first.

    Parameters
    ----------
    stream
        Where the bytes come from.
    source
        What it is, for messages.
    remedy
        What to do if it cannot be read.

    Raises
    ------
    InputError
        By each method, where it cannot be read.
    """

    def __init__(self, stream: IO[bytes], source: str, remedy: str) -> None:
        self.source, self._stream, self._remedy = source, stream, remedy
        self._first = self._read()

    @property
    def size(self) -> int:
        """Bytes that are here already: 0 if there are none at all."""
        return len(self._first)

    def starts_with(self, magic: bytes) -> bool:
        """Whether the first bytes are these."""
        return self._first.startswith(magic)

    def chunks(self) -> Iterator[bytes]:
        """All of it, one piece after the other."""
        chunk = self._first
        while chunk:
            yield chunk
            chunk = self._read()

    def at_rest(self) -> InputFile:
        """A copy that can be read from any place."""
        copy = Spool(self.source)
        for chunk in self.chunks():
            copy.write(chunk)
        return copy.read_back()

    def _read(self) -> bytes:
        try:
            return self._stream.read(CHUNK)
        except OSError as error:
            raise _unreadable(self.source, error, self._remedy) from error


class _OpenPipe(Incoming):
    """A pipe that has a name, or another file that cannot tell its size."""

    def __init__(self, file: IO[bytes], source: str) -> None:
        self._descriptor = _Descriptor(file)
        super().__init__(self._descriptor.reader(), source, _FROM_FILE)


class Spool:
    """Bytes that come one after the other: in memory while they are few, and else in a file.

    The file has no name, so that nothing is left of it whatever happens.

    Parameters
    ----------
    source
        Where they come from, for messages.

    Raises
    ------
    InputError
        By each method, where the disk has no room for them.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._where: io.BytesIO | _Descriptor = io.BytesIO()
        self._size = 0

    def write(self, chunk: bytes | memoryview) -> None:
        """Append some bytes."""
        self._size += memoryview(chunk).nbytes
        with self._disk_errors():
            if isinstance(self._where, io.BytesIO) and self._size > IN_MEMORY:
                import tempfile  # which takes long, and is for much alone

                memory = self._where
                self._where = _Descriptor(tempfile.TemporaryFile())  # noqa: SIM115
                self._where.write(memory.getbuffer())
            if isinstance(self._where, _Descriptor):
                _leave_some_free(self._where)
            self._where.write(chunk)

    def read_back(self) -> InputFile:
        """All that was written, to be read from any place."""
        where = self._where
        file = where if isinstance(where, io.BytesIO) else where.reader()
        return InputFile(file, self._source)

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"{quoted(self._source)} does not fit into a temporary file: {reason(error)}",
                "use fewer rows, or set TMPDIR to a folder with more room",
            ) from error


def open_file(path: str) -> InputFile | Incoming:
    """Open a file.

    Raises
    ------
    InputError
        Where it is missing, a folder, a device, unreadable or empty.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115
        status = os.fstat(file.fileno())
        if _is_device(status):
            file.close()
            raise InputError(f"{quoted(path)} is a device", "name a file, or - for stdin")
        # The files in which the system tells of itself have no size until they are read.
        if stat.S_ISREG(status.st_mode) and status.st_size:
            return InputFile(file, path, lasting=True)
        return _not_empty(_OpenPipe(file, path))
    except FileNotFoundError as error:
        message = f"{quoted(path)} does not exist"
        raise InputError(message, "check the name and the folder") from error
    except IsADirectoryError as error:
        raise InputError(f"{quoted(path)} is a folder", "name a file in it") from error
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise _unreadable(path, error, _FROM_FILE) from error


def open_stdin() -> InputFile | Incoming:
    """Standard input: a pipe, or a file that is read where it lies.

    Raises
    ------
    InputError
        Where it is closed, a device, unreadable or empty.
    """
    if sys.stdin is None:
        raise InputError("`stdin` is closed", _FROM_STDIN)
    stream = sys.stdin.buffer
    with suppress(OSError):  # it is no file at all, or one that will not be read either
        status = os.fstat(stream.fileno())
        if _is_device(status) and not stream.isatty():
            raise InputError("`stdin` is a device", _FROM_STDIN)
        if stat.S_ISREG(status.st_mode) and status.st_size and stream.tell() == 0:
            return InputFile(open(stream.fileno(), "rb", closefd=False), "stdin", lasting=True)
    return _not_empty(Incoming(stream, "stdin", _FROM_STDIN))


def _is_device(status: os.stat_result) -> bool:
    """Whether it may never end: any device but the empty one."""
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        return False
    return not os.path.samestat(status, os.stat(os.devnull))


def _leave_some_free(descriptor: _Descriptor) -> None:
    """Refuse to fill a disk to the brim: other programs would come to harm."""
    import shutil  # which takes long too

    disk = shutil.disk_usage(descriptor.number)
    if disk.free < min(LEFT_FREE, disk.total // 10):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _not_empty(file: Incoming) -> Incoming:
    if not file.size:
        raise InputError(
            f"{quoted(file.source)} is empty", "check the program that should write it"
        )
    return file


def _unreadable(path: str, error: Exception, remedy: str) -> InputError:
    return InputError(f"{quoted(path)} cannot be read: {reason(error)}", remedy)

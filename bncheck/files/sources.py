"""The bytes of an input: of a file, from any place; of a pipe, as they come or copied.

The `source` of an input is what it is called in messages.
"""

import errno
import io
import os
import re
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

from bncheck import progress
from bncheck.errors import InputError
from bncheck.wording import quoted, reason

IN_MEMORY = 2**24
"""Bytes of numbers beyond which they stay in their file, or are put into a temporary one."""

CHUNK = 2**18
"""Bytes that are read at once."""

_ARCHIVE = re.compile(r"(?<=.)\.npz:", re.IGNORECASE | re.DOTALL)
_FROM_FILE = "check its name and its permissions"
_FROM_STDIN = "pipe a matrix into it, or name a file"


def split_member(argument: str) -> tuple[str, str | None]:
    """Return the file and the array's name of an input such as ``file.npz:name``.

    Either of them can have ``.npz:`` in its own name: the longest file that exists is taken.

    >>> split_member("digits.npz:Z"), split_member("wine.csv")
    (('digits.npz', 'Z'), ('wine.csv', None))
    """
    if os.path.exists(argument):
        return argument, None
    ends = [match.end() for match in _ARCHIVE.finditer(argument)]
    splits = [(argument[: end - 1], argument[end:]) for end in reversed(ends)]
    existing = (split for split in splits if os.path.exists(split[0]))
    return next(existing, splits[-1]) if splits else (argument, None)


class _Descriptor:
    """The number of an open file, closed when nothing refers to it any more.

    A file object would warn where a chain of errors keeps it from being closed.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.number = os.dup(file.fileno())
        self._lock = threading.Lock()

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)

    def open(self, mode: str) -> IO[bytes]:
        file: IO[bytes] = open(self.number, mode, closefd=False)  # noqa: SIM115
        return file

    def read_into(self, view: memoryview, start: int) -> int:
        """Read from a place on as many bytes as come at once, and return how many."""
        if hasattr(os, "preadv"):
            return os.preadv(self.number, [view], start)
        with self._lock, self.open("rb") as file:  # whose position all threads share
            file.seek(start)
            content = file.read(len(view))
        view[: len(content)] = content
        return len(content)


class InputFile:
    """Bytes in memory or an open file, to be read from any place.

    Each method raises InputError if the file cannot be read. One that is `lasting`, so that other
    programs can write to it, must not have been changed since it was opened.
    """

    def __init__(
        self, content: bytes | bytearray | _Descriptor, source: str, *, lasting: bool = False
    ) -> None:
        self.source = source
        self._content = content
        self.size = len(content) if not isinstance(content, _Descriptor) else self._state()[0]
        self._opened = self._state() if lasting else None

    def read(self, start: int, size: int) -> bytearray | memoryview:
        """Return the bytes from a place on."""
        if not isinstance(self._content, _Descriptor):
            return memoryview(self._content)[start : start + size]
        content, done = bytearray(size), 0
        try:
            while done < size and (
                count := self._content.read_into(memoryview(content)[done:], start + done)
            ):
                done += count
        except OSError as error:
            raise _unreadable(self.source, error, _FROM_FILE) from error
        if done < size or (self._opened is not None and self._state() != self._opened):
            raise InputError(
                f"{quoted(self.source)} was changed while it was read",
                "run this again once nothing writes to it",
            )
        return content

    def starts_with(self, magic: bytes) -> bool:
        """Tell whether the first bytes are these."""
        return bytes(self.read(0, min(len(magic), self.size))) == magic

    def chunks(self) -> Iterator[bytes]:
        """Yield all of it, one piece after the other."""
        progress.plan(self.size)
        for start in range(0, self.size, CHUNK):
            chunk = bytes(self.read(start, min(CHUNK, self.size - start)))
            yield chunk
            progress.advance(len(chunk))

    def seekable(self) -> "InputFile":
        """Return the file itself, as it can be read from any place."""
        return self

    def stream(self) -> IO[bytes]:
        """Return the bytes as a file object at their beginning."""
        if not isinstance(self._content, _Descriptor):
            return io.BytesIO(self._content)
        file = self._content.open("rb")
        file.seek(0)
        return file

    def _state(self) -> tuple[int, int]:
        """Return what changes when a file is written to, its size first."""
        assert isinstance(self._content, _Descriptor)
        status = os.fstat(self._content.number)
        return status.st_size, status.st_mtime_ns


class Incoming:
    """An input that can be read only once: a pipe, standard input. It must not be empty.

    Text is read as it comes. What is read from several places is copied first. Each method raises
    InputError, with a remedy, if the stream cannot be read; `keep` stays open as long as it is.
    """

    def __init__(
        self, stream: IO[bytes], source: str, remedy: str, keep: _Descriptor | None = None
    ) -> None:
        self.source, self._stream, self._remedy, self._keep = source, stream, remedy, keep
        self._first = self._read()
        if not self._first:
            raise InputError(f"{quoted(source)} is empty", "check the program that should write it")

    def starts_with(self, magic: bytes) -> bool:
        """Tell whether the first bytes are these."""
        return self._first.startswith(magic)

    def chunks(self) -> Iterator[bytes]:
        """Yield all of it, one piece after the other."""
        chunk = self._first
        while chunk:
            yield chunk
            chunk = self._read()

    def seekable(self) -> InputFile:
        """Return a copy that can be read from any place."""
        copy = Spool(self.source)
        for chunk in self.chunks():
            copy.write(chunk)
        return copy.read_back()

    def _read(self) -> bytes:
        try:
            return self._stream.read(CHUNK)
        except OSError as error:
            raise _unreadable(self.source, error, self._remedy) from error


class Spool:
    """Bytes that come one after the other: in memory while they are few, and else in a file.

    The file is temporary and has no name, so that nothing is left of it whatever happens. Each
    method raises InputError if the disk has no room for them.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._memory = bytearray()
        self._file: _Descriptor | None = None

    def write(self, chunk: bytes | memoryview) -> None:
        """Append some bytes."""
        self._memory += chunk
        if len(self._memory) > IN_MEMORY:
            self._empty_memory()

    def read_back(self) -> InputFile:
        """Return all that was written, to be read from any place."""
        if self._file is None:
            return InputFile(self._memory, self._source)
        self._empty_memory()
        return InputFile(self._file, self._source)

    def _empty_memory(self) -> None:
        import shutil  # these two take long to import, and are for much alone
        import tempfile

        try:
            if self._file is None:
                with tempfile.TemporaryFile() as file:
                    self._file = _Descriptor(file)
            # Not to fill a disk to the brim: other programs would come to harm.
            disk = shutil.disk_usage(tempfile.gettempdir())
            if disk.free < min(2**30, disk.total // 10):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            with self._file.open("wb") as file:
                file.write(self._memory)
        except OSError as error:
            raise InputError(
                f"{quoted(self._source)} does not fit into a temporary file: {reason(error)}",
                "use fewer rows, or set TMPDIR to a folder with more room",
            ) from error
        self._memory.clear()


def open_file(path: str) -> InputFile | Incoming:
    """Open a file; raise InputError if it is missing, a folder, a device, unreadable or empty."""
    try:
        with open(path, "rb") as file:
            status, descriptor = os.fstat(file.fileno()), _Descriptor(file)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise _unreadable(path, error, _FROM_FILE) from error
    if _is_device(status):
        raise InputError(f"{quoted(path)} is a device", "name a file, or - for stdin")
    # The files in which the system tells of itself have no size until they are read.
    if stat.S_ISREG(status.st_mode) and status.st_size:
        return InputFile(descriptor, path, lasting=True)
    return Incoming(descriptor.open("rb"), path, _FROM_FILE, descriptor)


def open_stdin() -> InputFile | Incoming:
    """Open standard input: a pipe, or a file that is read where it lies.

    Raise InputError if it is closed, a device, unreadable or empty.
    """
    if sys.stdin is None:
        raise InputError("`stdin` is closed", _FROM_STDIN)
    stream = sys.stdin.buffer
    with suppress(OSError):  # it is no file at all, or one that cannot be read either
        status = os.fstat(stream.fileno())
        if _is_device(status) and not stream.isatty():
            raise InputError("`stdin` is a device", _FROM_STDIN)
        if stat.S_ISREG(status.st_mode) and status.st_size and stream.tell() == 0:
            return InputFile(_Descriptor(stream), "stdin", lasting=True)
    return Incoming(stream, "stdin", _FROM_STDIN)


def _is_device(status: os.stat_result) -> bool:
    """Tell whether it may never end: any device but the empty one."""
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        return False
    return not os.path.samestat(status, os.stat(os.devnull))


def _unreadable(path: str, error: Exception, remedy: str) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(f"{quoted(path)} does not exist", "check the name and the folder")
    if isinstance(error, IsADirectoryError):
        return InputError(f"{quoted(path)} is a folder", "name a file in it")
    return InputError(f"{quoted(path)} cannot be read: {reason(error)}", remedy)

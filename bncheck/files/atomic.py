"""Output files out of sight until they are whole, which then take their targets' places at once.

Where the system has files without a name, such a file is gone when its process ends, however it
ends, so that nothing is left to be removed. Where it has none, the file is called
`.bncheck-….tmp` from the beginning, and is left over if the process is killed. No process touches
the files of another.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

_names: list[str] = []
"""The temporary names of this process that may exist."""


class StagedFile:
    """The content of a target, in its folder but out of sight.

    Parameters
    ----------
    target
        The path of the file that it is to become, without symbolic links.
    mode
        The permissions that it has from the beginning; None for those of any new file.
    nameless
        Whether it may be a file without a name, which stays open until it is in its place.

    Raises
    ------
    OSError
        By each method, if the folder or the disk does not allow it.
    """

    def __init__(self, target: str, mode: int | None, *, nameless: bool = True) -> None:
        self._target, self._folder, self._mode = target, os.path.dirname(target), mode
        self._first_mode = 0o666 if mode is None else mode  # of which the umask takes away
        self._name: str | None = None
        self._descriptor = _open_nameless(self._folder, self._first_mode) if nameless else None
        if self._descriptor is None:
            self._name = _new_name(self._folder)
            self._descriptor = self._open_named()

    def write(self, chunks: Iterable[bytes | memoryview]) -> None:
        """Write all of the content, and have it stored on the disk."""
        assert self._descriptor is not None
        if self._mode is not None:
            by_number = os.chmod in os.supports_fd
            os.chmod(self._descriptor if by_number else str(self._name), self._mode)
        with open(self._descriptor, "wb", closefd=False) as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(self._descriptor)
        if self._name is not None:
            self._close()

    def put_in_place(self) -> None:
        """Let the target be this file from now on."""
        if self._name is None:
            with suppress(OSError):
                self._link(self._target)
                return
            # It exists, so that only a rename can replace it.
            self._name = _new_name(self._folder)
            try:
                self._link(self._name)
            except OSError:  # not every file system gives names to files that are open
                self._copy()
        os.replace(self._name, self._target)

    def discard(self) -> None:
        """Remove what has not taken its place, and close what is open."""
        self._close()
        if self._name is not None:
            _unlink(self._name)
            _names.remove(self._name)

    def _open_named(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        return os.open(str(self._name), flags, self._first_mode)

    def _link(self, name: str) -> None:
        # Any folder for the first path, which needs none, makes this follow the symbolic link.
        path = f"/proc/self/fd/{self._descriptor}"
        os.link(path, name, src_dir_fd=self._descriptor)

    def _copy(self) -> None:
        nameless, self._descriptor = self._descriptor, self._open_named()
        with open(nameless, "rb") as file:  # type: ignore[arg-type]
            file.seek(0)
            self.write(iter(partial(file.read, 2**20), b""))

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def remove_all() -> None:
    """Remove every temporary file of this process, since it ends here."""
    for name in _names:
        _unlink(name)


def make_lasting(folder: str) -> None:
    """Have a folder's new entries stored on the disk, if the system can do so."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _open_nameless(folder: str, mode: int) -> int | None:
    """Open a file without a name that can be given one later; None if there is none to be had."""
    if not hasattr(os, "O_TMPFILE") or getattr(os, "link", None) not in os.supports_dir_fd:
        return None
    try:
        return os.open(folder, os.O_RDWR | os.O_TMPFILE, mode)
    except OSError:  # if that is not for want of such files, a file with a name tells
        return None


def _new_name(folder: str) -> str:
    """Return a temporary name, which is noted before there is a file."""
    _names.append(os.path.join(folder, f".bncheck-{os.urandom(8).hex()}.tmp"))
    return _names[-1]


def _unlink(name: str) -> None:
    with suppress(OSError):  # it may be in its place already, or never have been made
        os.unlink(name)

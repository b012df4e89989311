"""Temporary files beside their targets, and what to do about those that a killed run left.

A run makes a lock file, `.bncheck-RUN.tmp`, in each folder that it writes to, and locks it for as
long as it lives. Its temporary files there are `.bncheck-RUN-1.tmp` and so on. When a process dies,
the system opens its locks: where the lock file of another run can be locked, that run is over, and
its files are litter.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import count

try:
    import fcntl
except ImportError:  # not on Windows: there, nothing that was left is removed
    fcntl = None  # type: ignore[assignment]

_NAME = re.compile(r"\.bncheck-(?P<run>[0-9a-f]{16})(-\d+)?\.tmp")

_ours: list[str] = []
"""The temporary files of this process that may exist, its lock files among them."""


class Temporaries:
    """The temporary files of one set of outputs."""

    def __init__(self) -> None:
        self._folders: dict[str, tuple[str, int]] = {}
        """Folder to lock file, and its descriptor."""
        self._numbers = count(1)

    def beside(self, target: str) -> str:
        """Name of a new temporary file in the target's folder; it is noted before it is made.

        Raises
        ------
        OSError
            Where nothing can be written in that folder.
        """
        folder = os.path.dirname(target)
        if folder not in self._folders:
            remove_litter(folder)
            self._folders[folder] = _locked(folder)
        lock, _ = self._folders[folder]
        name = f"{lock.removesuffix('.tmp')}-{next(self._numbers)}.tmp"
        _ours.append(name)
        return name

    def make_lasting(self) -> None:
        """Have the folders' new entries written to the disk, where the system can do so."""
        for folder in self._folders:
            with suppress(OSError):
                descriptor = os.open(folder, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def remove(self, names: Iterable[str]) -> None:
        """Remove what is left of these temporary files, and then the locks."""
        for name in names:
            _remove(name)
        for lock, descriptor in self._folders.values():
            # A system that keeps open files from being removed has no locks either.
            os.close(descriptor)
            _remove(lock)
        self._folders.clear()


def remove_all() -> None:
    """Remove every temporary file of this process, since it ends here."""
    _unlink(reversed(_ours))  # each lock file after what it protects


def _remove(name: str) -> None:
    _unlink([name])
    with suppress(ValueError):
        _ours.remove(name)


def _unlink(names: Iterable[str]) -> None:
    for name in names:
        with suppress(OSError):  # it may be in its place already, or never have been made
            os.unlink(name)


def _locked(folder: str) -> tuple[str, int]:
    """A new lock file, and its descriptor; where the folder knows no locks, it has none."""
    while True:
        name = os.path.join(folder, f".bncheck-{os.urandom(8).hex()}.tmp")
        _ours.append(name)
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        # Between these two lines another run may have taken it for litter.
        if _lock(descriptor) is not False and _is_at(descriptor, name):
            return name, descriptor
        os.close(descriptor)
        _remove(name)


def _is_at(descriptor: int, name: str) -> bool:
    """Whether the open file is still to be found under its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(name))
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> bool | None:
    """Whether the file could be locked; None where that cannot be told, as on some networks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def remove_litter(folder: str) -> None:
    """Remove the temporary files of runs that were killed. What cannot be removed stays."""
    if fcntl is None:
        return
    with suppress(OSError):
        names = [name for name in os.listdir(folder) if _NAME.fullmatch(name)]
        runs = {name[: len(".bncheck-") + 16] for name in names}
        for run in runs:
            lock = os.path.join(folder, f"{run}.tmp")
            files = [os.path.join(folder, name) for name in names if name.startswith(f"{run}-")]
            _remove_if_over(lock, files)


def _remove_if_over(lock: str, files: list[str]) -> None:
    """Remove a run's files, its lock file last, if it can be locked."""
    # Whatever else may have such a name: this neither follows it nor waits for it.
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(lock, flags)
    except FileNotFoundError:  # it is made first and removed last
        _unlink(files)
        return
    except OSError:
        return
    try:
        if _lock(descriptor):
            _unlink([*files, lock])
    finally:
        os.close(descriptor)

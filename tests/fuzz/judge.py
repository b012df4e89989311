"""What is an answer of the readers, and what is a find."""

import os
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bncheck.errors import InputError
from bncheck.files.matrix import read_matrix

MB = 2**20

ARGUMENTS = ("Z.npy", "Z.npz", "Z.csv", "Z.tsv", "Z.txt", "Z.npz:Z", "Z.npz:y")
COLUMNS = (None, "1", "2", "2,1", "1-3", "a", "a,b", "")
SECONDS = 5.0
"""The longest that an answer may take: generous, as other work may go on beside."""
MEMORY = 64 * MB
"""What reading may take beyond fifty times the file's size."""


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder in memory, where there is such a thing: a disk would take most of the time."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def split(data: bytes) -> tuple[str, str | None, bytes]:
    """The argument, the columns and the file that a fuzzer's bytes stand for."""
    if len(data) < 2:
        return ARGUMENTS[0], None, b""
    return ARGUMENTS[data[0] % len(ARGUMENTS)], COLUMNS[data[1] % len(COLUMNS)], data[2:]


def joined(argument: str, content: bytes) -> bytes:
    """The bytes that stand for a file, with all its columns."""
    return bytes([ARGUMENTS.index(argument), 0]) + content


class Judge:
    """Gives files to the reader, by way of a folder.

    Attributes
    ----------
    tried, read
        How many files there were, and how many of them were read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.tried = self.read = 0

    def find_in(self, data: bytes) -> str:
        """What is wrong with the answer, in words that are the same at each time; or nothing."""
        argument, columns, content = split(data)
        path = self._folder / argument
        file = self._folder / argument.partition(":")[0]
        file.write_bytes(content)
        self.tried += 1
        memory, start = peak(), time.monotonic()
        try:
            find = self._answer(str(path), columns)
        except Exception as error:
            find = place_of(error)
        taken, grown = time.monotonic() - start, peak() - memory
        if find:
            return find
        if taken > SECONDS:
            return f"slow: {file.suffix}"
        if grown > MEMORY + 50 * len(content):
            return f"memory: {file.suffix}"
        return ""

    def _answer(self, argument: str, columns: str | None) -> str:
        try:
            values = read_matrix(argument, columns).values
        except InputError as error:
            return wrong_words(error)
        self.read += 1
        if values.ndim != 2 or values.size == 0 or values.dtype != np.float64:
            return f"no matrix: {values.dtype} of shape {values.shape}"
        if not np.isfinite(values).all():
            return "a number that is not finite"
        if columns is None:
            try:
                first = read_matrix(argument, "1-1").values
            except InputError:  # with one column, a header may be in doubt
                return ""
            if first.tobytes() != values[:, :1].tobytes():
                return "a column that is read otherwise alone"
        return ""


def wrong_words(error: InputError) -> str:
    """What is wrong with a message: it is one line of printable characters, and has a remedy."""
    for text in (error.message, error.help):
        if not text or not text.isprintable():
            return "a message that is no line of text"
    return ""


def place_of(error: Exception) -> str:
    """An exception and where it was raised: the last line of ours that had a part in it."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}bncheck{os.sep}" in frame.filename]
    last = (ours or frames)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, {last.name}"


def peak() -> int:
    """The most memory that this process ever held, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024

"""Inputs that are large, or become large, or never end: what they may cost in memory.

Each is refused, most of them by what stands at their very end, so that what is measured is the
reading alone. They have a size for every day, and the full one for `python -m tests.hostile`.
"""

import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.hostile.case import Refused
from tests.hostile.npy_files import NUMBERS, PLAIN, forged, npy, with_header
from tests.hostile.running import MB, run

CHUNK = MB


@dataclass(frozen=True)
class Heavy:
    """An input that may cost memory.

    Attributes
    ----------
    argument
        What is typed as INPUT.
    make
        Makes the file, of about so many bytes when all is unpacked.
    verdict
        What it is refused with, by its size.
    matrix
        Bytes of the numbers in it as float64, for each of its bytes: none of them are needed
        where the input is refused by its first bytes.
    usual, full
        Its size in bytes, in the tests and at full length.
    command, options
        What is typed before it and after it.
    known
        Why it is known not to come out like that yet.
    """

    name: str
    argument: str
    make: Callable[[Path, int], None]
    verdict: Callable[[int], Refused]
    matrix: float = 0
    usual: int = 2 * MB
    full: int = 100 * MB
    command: str = "forward"
    options: tuple[str, ...] = ()
    known: str = ""


def repeated(head: bytes, piece: bytes, tail: bytes) -> Callable[[Path, int], None]:
    """Makes a file: head, pieces up to a size, tail."""

    def make(path: Path, size: int) -> None:
        many = piece * max(1, CHUNK // len(piece))
        with open(path, "wb") as file:
            file.write(head)
            for _ in range(size // len(many)):
                file.write(many)
            file.write(tail)

    return make


def pieces(size: int, piece: bytes) -> int:
    """How many of them `repeated` writes."""
    many = max(1, CHUNK // len(piece))
    return size // (many * len(piece)) * many


def table(*, names: bool) -> Callable[[Path, int], None]:
    """Makes a table of two rows and one with a word at its end, of many columns."""

    def make(path: Path, size: int) -> None:
        C = columns(size)
        with open(path, "w", encoding="utf-8") as file:
            if names:
                file.write(",".join(f"c{column}" for column in range(C)) + "\n")
            for _ in range(2):
                file.write(",".join(["7"] * C) + "\n")
            file.write(",".join(["7"] * (C - 1)) + ",x\n")

    return make


def sparse(head: bytes) -> Callable[[Path, int], None]:
    """Makes a file that takes no room on the disk: head, then zeros."""

    def make(path: Path, size: int) -> None:
        path.write_bytes(head)
        os.truncate(path, len(head) + size)

    return make


def zeros(size: int) -> Iterator[bytes]:
    for _ in range(size // CHUNK):
        yield bytes(CHUNK)


def bomb(
    head: bytes, tail: bytes = b"", *, members: int = 1, beside: bytes = b""
) -> Callable[[Path, int], None]:
    """Makes an archive whose members are mostly zeros, and one member that is not."""

    def make(path: Path, size: int) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
            for number in range(members):
                with target.open(f"Z{number}.npy", "w", force_zip64=True) as member:
                    member.write(head)
                    for chunk in zeros(size // members):
                        member.write(chunk)
                    member.write(tail)
            if beside:
                target.writestr("y.npy", beside)

    return make


def many_members(path: Path, size: int) -> None:
    content = npy(np.ones(1))
    with zipfile.ZipFile(path, "w") as target:
        for number in range(size // 256):
            target.writestr(f"y{number}.npy", content)
        target.writestr("Z.npy", npy(np.array([[np.nan]])))


def device(target: str) -> Callable[[Path, int], None]:
    return lambda path, _: path.symlink_to(target)


def always(message: str, help_: str) -> Callable[[int], Refused]:
    return lambda _: Refused(message, help_)


def too_many(head: int) -> Callable[[int], Refused]:
    return lambda size: Refused(
        f"`Z.npz:Z0` has {size // CHUNK * CHUNK + head} bytes of numbers where its header "
        "promises 48",
        "the file is damaged or incomplete; save or copy it again",
    )


OUTSIDE = "only finite numbers can be used: leave such rows or columns out"
NUMBER = "write numbers as in 1234.5"
DELIMITER = "check for a missing or an extra delimiter"
ROOM = "use fewer rows, or some of the columns with --columns"

NO_NPY = always("`Z.npy` is not in NumPy's .npy format", "save it with np.save")
NO_ROWS = always("`Z.csv` has no rows", "check the program that should write it")
ONE_ROW = always("`Z.csv` has a header and no rows", "add rows of numbers")
HEADER = "has a header that cannot be read"


def long_cell(line: int) -> Callable[[int], Refused]:
    return always(
        f"`Z.csv`, line {line}: a cell of more than 131072 characters",
        "check the delimiters and the quotes",
    )


def bad_last(line: int, column: str) -> Callable[[int], Refused]:
    """The word at the end of the last row is told; {} in `column` stands for its number."""
    return lambda size: Refused(
        f"`Z.csv`, line {line}: `x` in column {column.format(columns(size) - 1)} is not a number",
        f"{NUMBER}, or leave the column out with --columns 1-{columns(size) - 1}",
    )


def columns(size: int) -> int:
    """Columns of a table of this size, of three rows with two bytes for each number."""
    return size // 6


def numbers(size: int) -> bytes:
    """The start of a .npy file of so many zeros."""
    return forged(shape=f"({size // 8}, 1)", numbers=b"")


def honest(tail: bytes) -> Callable[[Path, int], None]:
    """Makes an archive of one matrix that is as large as it says."""

    def make(path: Path, size: int) -> None:
        size = size // CHUNK * CHUNK
        bomb(numbers(size + len(tail)), tail)(path, size)

    return make


def long_line(path: Path, size: int) -> None:
    repeated(b"7", b",7", b"\n7\n")(path, size)


HEAVY: list[Heavy] = [
    # Archives that become large
    Heavy(
        "a bomb behind an array",
        "Z.npz",
        bomb(with_header(PLAIN)),
        too_many(48),
        usual=64 * MB,
        full=4096 * MB,
    ),
    Heavy(
        "a bomb without a header",
        "Z.npz:Z0",
        bomb(b""),
        always("`Z.npz:Z0` is not in NumPy's .npy format", "save it with np.save"),
        usual=64 * MB,
        full=4096 * MB,
    ),
    Heavy(
        "a bomb in a header",
        "Z.npz:Z0",
        bomb(b"\x93NUMPY\2\0\xff\xff\xff\xff"),
        always(f"`Z.npz:Z0` {HEADER}", "save it again with np.save"),
        usual=64 * MB,
        full=4096 * MB,
    ),
    Heavy(
        "eight bombs beside an array",
        "Z.npz:y",
        bomb(with_header(PLAIN), members=8, beside=npy(np.array([[np.nan]]))),
        always("`Z.npz:y`: nan in row 0, column 0 (counting from 0)", OUTSIDE),
        usual=64 * MB,
        full=4096 * MB,
    ),
    Heavy(
        "zeros that are a matrix",
        "Z.npz",
        honest(np.array([np.nan]).tobytes()),
        lambda size: Refused(
            f"`Z.npz:Z0`: nan in row {size // CHUNK * CHUNK // 8}, column 0 (counting from 0)",
            OUTSIDE,
        ),
        matrix=1,
        usual=32 * MB,
        full=512 * MB,
    ),
    Heavy(
        "many members",
        "Z.npz",
        many_members,
        always("`Z.npz:Z`: nan in row 0, column 0 (counting from 0)", OUTSIDE),
        usual=512 * 256,
        matrix=1,  # which stands for what a directory has to say of each
        full=200_000 * 256,
    ),
    # Arrays
    # A layer meets most arrays block by block; an upstream gradient is needed whole.
    Heavy(
        "an array that does not fit into memory",
        "Z.npy",
        lambda path, size: sparse(numbers(size))(path, size),
        always("`Z.npy` does not fit into memory", ROOM),
        usual=64 * 1024 * MB,
        full=64 * 1024 * MB,
        command="backward",
        options=("--upstream", "Z.npy"),
    ),
    Heavy(
        "64 GB behind an array",
        "Z.npy",
        sparse(with_header(PLAIN)),
        lambda size: Refused(
            f"`Z.npy` has {size + len(NUMBERS)} bytes of numbers where its header promises 48",
            "the file is damaged or incomplete; save or copy it again",
        ),
        usual=64 * 1024 * MB,
        full=64 * 1024 * MB,
    ),
    # Lines and cells
    Heavy(
        "one line of numbers",
        "Z.csv",
        long_line,
        lambda size: Refused(
            f"`Z.csv`, line 2: 1 value where the first row has {pieces(size, b',7') + 1}",
            DELIMITER,
        ),
        matrix=8,  # NumPy's reader takes 32 bytes for a cell
    ),
    Heavy(
        "one cell of letters",
        "Z.csv",
        repeated(b"7\n", b"x", b"\n"),
        long_cell(2),
    ),
    Heavy(
        "one cell of digits",
        "Z.csv",
        repeated(b"7\n", b"9", b"\n"),
        long_cell(2),
    ),
    Heavy("a name of letters", "Z.csv", repeated(b"", b"x", b"\n"), long_cell(1)),
    Heavy("quotes alone", "Z.csv", repeated(b"", b'"', b"\n"), long_cell(1)),
    Heavy(
        "a quote that is never closed",
        "Z.csv",
        repeated(b'7,7\n7,"', b"7,7\n", b""),
        long_cell(2),
    ),
    Heavy(
        "64 GB of zeros behind a row",
        "Z.csv",
        sparse(b"7,7\n"),
        long_cell(2),
        usual=64 * 1024 * MB,
        full=64 * 1024 * MB,
    ),
    Heavy("one line of blanks", "Z.csv", repeated(b"", b" ", b"\n"), NO_ROWS),
    Heavy("one comment", "Z.csv", repeated(b"#", b"7,", b"\n"), NO_ROWS),
    Heavy("lines that are empty", "Z.csv", repeated(b"", b"\n", b""), NO_ROWS),
    Heavy("line ends of CR", "Z.csv", repeated(b"", b"\r", b""), NO_ROWS),
    Heavy("comments that are empty", "Z.csv", repeated(b"", b"#\n", b""), NO_ROWS),
    # An empty name for each byte.
    Heavy("delimiters alone", "Z.csv", repeated(b"", b",", b"\n"), ONE_ROW, matrix=8),
    Heavy(
        "columns without names",
        "Z.csv",
        table(names=False),
        bad_last(3, "{} (counting from 0)"),
        matrix=8,
        usual=600_000,
        full=6_000_000,
    ),
    Heavy(
        "columns with names",
        "Z.csv",
        table(names=True),
        bad_last(4, "`c{}`"),
        matrix=12,  # with some bytes for each name
        usual=600_000,
        full=6_000_000,
    ),
    Heavy(
        "rows",
        "Z.csv",
        repeated(b"", b"7,7\n", b"7,x\n"),
        lambda size: Refused(
            f"`Z.csv`, line {pieces(size, b'7,7' + b'!') + 1}: `x` in column 1 "
            "(counting from 0) is not a number",
            f"{NUMBER}, or leave the column out with --columns 1",
        ),
        matrix=4,
    ),
    # What never ends
    *(
        Heavy(
            f"{target} called {name}",
            name,
            device(target),
            always(f"`{name}` is a device", "name a file, or - for stdin"),
            usual=0,
            full=0,
        )
        for target, name in [
            ("/dev/zero", "Z.csv"),
            ("/dev/zero", "Z.npy"),
            ("/dev/zero", "Z.npz"),
            ("/dev/urandom", "Z.csv"),
        ]
    ),
]

LIMIT = 640 * MB
"""Address space for inputs of everyday sizes: enough for each, and not for one without an end."""
LIMIT_AT_FULL_SIZE = 6144 * MB
TIMEOUT_AT_FULL_SIZE = 300


def allowed(heavy: Heavy, file_size: int, size: int) -> int:
    """Bytes that reading may take beyond those of an input of a few bytes."""
    # The file and its numbers, each of them twice for a moment; some blocks of a few MB.
    occupied = 0 if size > LIMIT_AT_FULL_SIZE else file_size
    return int(2 * (occupied + heavy.matrix * size)) + 16 * MB


@dataclass(frozen=True)
class Cost:
    """What a heavy input came to: an empty `find` if all is as it should be."""

    file_size: int
    growth: int
    allowed: int
    find: str


def weigh(heavy: Heavy, folder: Path, *, full: bool = False) -> Cost:
    """Give a heavy input to the program, and hold what comes of it against what should."""
    size = heavy.full if full else heavy.usual
    path = folder / heavy.argument.partition(":")[0]
    heavy.make(path, size)
    file_size = 0 if path.is_symlink() else path.stat().st_size
    limit, timeout = (LIMIT_AT_FULL_SIZE, TIMEOUT_AT_FULL_SIZE) if full else (LIMIT, 60)
    light = run("forward", "missing.csv", "-q", folder=folder)
    try:
        done = run(
            heavy.command,
            heavy.argument,
            "-q",
            *heavy.options,
            folder=folder,
            limit=limit,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return Cost(file_size, 0, 0, f"no answer within {timeout} s")
    growth, most = done.peak - light.peak, allowed(heavy, file_size, size)
    verdict = heavy.verdict(size)
    right = f"bncheck: error: {verdict.message}\n  help: {verdict.help}\n"
    find = ""
    if done.stderr != right or done.status != 2 or done.stdout:
        find = f"status {done.status}, {done.stderr.strip()[-300:]!r}"
    elif growth > most:
        find = f"{growth // MB} MB, where {most // MB} MB are allowed"
    return Cost(file_size, growth, most, find)

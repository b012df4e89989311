"""The bytes of an input, read once, so that a pipe serves as well as a file."""

import sys

from bncheck.errors import InputError
from bncheck.wording import quoted, reason


def read_file(path: str) -> bytes:
    """All of a file.

    Raises
    ------
    InputError
        Where it is missing, a folder, unreadable or empty.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError as error:
        message = f"{quoted(path)} does not exist"
        raise InputError(message, "check the name and the folder") from error
    except IsADirectoryError as error:
        raise InputError(f"{quoted(path)} is a folder", "name a file in it") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        message = f"{quoted(path)} cannot be read: {reason(error)}"
        raise InputError(message, "check its name and its permissions") from error
    return _refuse_empty(content, path)


def read_stdin() -> bytes:
    """All of standard input.

    Raises
    ------
    InputError
        Where it is closed, unreadable or empty.
    """
    if sys.stdin is None:
        raise InputError("`stdin` is closed", "pipe a matrix into it, or name a file")
    try:
        content: bytes = sys.stdin.buffer.read()
    except OSError as error:
        message = f"`stdin` cannot be read: {reason(error)}"
        raise InputError(message, "pipe a matrix into it, or name a file") from error
    return _refuse_empty(content, "stdin")


def _refuse_empty(content: bytes, source: str) -> bytes:
    if not content:
        raise InputError(f"{quoted(source)} is empty", "check the program that should write it")
    return content

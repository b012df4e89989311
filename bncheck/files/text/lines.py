"""The lines of a text, some of them at a time, whatever their ends and however long they are."""

import re
from collections.abc import Iterable, Iterator

from bncheck.errors import InputError
from bncheck.files.sources import CHUNK
from bncheck.wording import quoted

_LONGEST_CELL = 131_072
"""Characters of a cell: what the csv module takes. A number needs far fewer."""

_ERROR_OF_SPREADSHEET = re.compile(r"#(?:N/A|DIV/0!|REF!|VALUE!|NUM!|NAME\?|NULL!)")


class Lines:
    """The lines of a text without their ends, and how many of them were `taken`.

    Each method raises InputError if the bytes are not UTF-8, or a cell has no end.
    """

    def __init__(self, chunks: Iterable[bytes], source: str) -> None:
        self._texts = _whole_lines(chunks, source)
        self._ahead: list[str] = []
        self.taken = 0

    def skip(self) -> bool:
        """Take what comes before the next row, and tell whether there is one."""
        while self._ahead or self._fetch():
            rows = (at for at, line in enumerate(self._ahead) if not is_skipped(line))
            first = next(rows, None)
            self.take(first)
            if first is not None:
                return True
        return False

    def look(self) -> Iterator[str]:
        """Yield the lines that come next, without taking them."""
        at = 0
        while at < len(self._ahead) or self._fetch():
            yield self._ahead[at]
            at += 1

    def take(self, count: int | None = None) -> list[str]:
        """Take so many of the lines at hand, or else all of them; [] at the text's end."""
        if not self._ahead:
            self._fetch()
        taken = self._ahead[:count]
        self._ahead = self._ahead[len(taken) :]
        self.taken += len(taken)
        return taken

    def _fetch(self) -> bool:
        text = next(self._texts, "")
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        self._ahead += lines
        return bool(text)


def is_skipped(line: str) -> bool:
    """Tell whether a line is blank or a comment, where it is not inside of a quoted cell.

    >>> is_skipped("# by hand"), is_skipped("#N/A,1")
    (True, False)
    """
    line = line.lstrip()
    return not line or (line[0] == "#" and not _ERROR_OF_SPREADSHEET.match(line))


def too_long(number: int, source: str) -> InputError:
    """Return what is wrong with a line that has too long a cell."""
    return InputError(
        f"{quoted(source)}, line {number}: a cell of more than {_LONGEST_CELL} characters",
        "check the delimiters and the quotes",
    )


def _whole_lines(chunks: Iterable[bytes], source: str) -> Iterator[str]:
    """Yield the text in pieces of whole lines; all but the very last end with a line feed."""
    number, line = 1, bytearray()
    for chunk in _with_line_feeds(chunks):
        end = chunk.rfind(b"\n") + 1
        line += chunk[:end] if end else chunk
        if end:
            yield _decoded(line, number, source)
            number += line.count(b"\n")
            line = bytearray(chunk[end:])
        elif len(line) >= CHUNK:
            start = line[:CHUNK]
            # If it is part of a quoted cell, that one is too long for any column that is used.
            if b'"' not in start and is_skipped(start.decode(errors="replace")):
                line = bytearray(b"#")
            else:
                _refuse_endless(chunk, number, source)
    if line:
        yield _decoded(line, number, source)


def _with_line_feeds(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same with every end of a line as a line feed."""
    held = b""
    for chunk in chunks:
        chunk = held + chunk
        held = b"\r" if chunk.endswith(b"\r") else b""  # of which the rest may be yet to come
        if b"\r" in chunk:
            chunk = chunk.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield chunk
    if held:
        yield b"\n"


def _decoded(lines: bytearray, number: int, source: str) -> str:
    """Return lines, of which the first has this number, as text."""
    try:
        text = lines.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        number += error.object.count(b"\n", 0, error.start)
        raise InputError(
            f"{quoted(source)}, line {number}: byte 0x{error.object[error.start]:02x} is not UTF-8",
            "save the file as UTF-8 text",
        ) from error
    if number == 1:
        # One name or cell may have a NUL byte, but hardly both the first line and the last one.
        whole = text.rstrip("\n")
        if all("\0" in line for line in (whole.partition("\n")[0], whole.rpartition("\n")[2])):
            raise _has_zeros(source)
    return text


def _has_zeros(source: str) -> InputError:
    return InputError(
        f"{quoted(source)}, line 1: it holds a NUL byte, as UTF-16 does",
        "save the file as UTF-8 text",
    )


def _refuse_endless(chunk: bytes, number: int, source: str) -> None:
    """Raise InputError at a piece from the midst of a line that has no delimiter."""
    # A quote in a cell is two characters of the line.
    if len(chunk) >= 2 * _LONGEST_CELL and not any(delimiter in chunk for delimiter in b"\t;, "):
        raise _has_zeros(source) if number == 1 and b"\0" in chunk else too_long(number, source)

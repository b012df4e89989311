"""The lines of a text, some of them at a time, whatever their ends and however long they are."""

import re
from collections.abc import Iterable, Iterator

from bncheck.errors import InputError
from bncheck.files.sources import CHUNK
from bncheck.wording import quoted

LONGEST_CELL = 131_072
"""Characters of a cell: what the csv module takes. A number needs far fewer."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DELIMITERS = (b"\t", b";", b",", b" ")
_AS_UTF_8 = "save the file as UTF-8 text"
_ERROR_OF_SPREADSHEET = re.compile(r"#(?:N/A|DIV/0!|REF!|VALUE!|NUM!|NAME\?|NULL!)")
_STARTS = frozenset("0123456789+-.")


class Lines:
    """The lines of a text, without their ends.

    Parameters
    ----------
    chunks
        The text's bytes, in UTF-8.
    source
        What it is, for messages.

    Attributes
    ----------
    taken
        How many lines are no longer here.

    Raises
    ------
    InputError
        By each method, where the text is not in UTF-8, or has a cell without an end.
    """

    def __init__(self, chunks: Iterable[bytes], source: str) -> None:
        self._texts = _whole_lines(chunks, source)
        self._ahead: list[str] = []
        self.taken = 0

    def skip(self) -> bool:
        """Leave out what is no row from here on; whether there is a row then."""
        while self._ahead or self._fetch():
            rows = (at for at, line in enumerate(self._ahead) if not is_skipped(line))
            first = next(rows, None)
            self.take(first)
            if first is not None:
                return True
        return False

    def look(self) -> Iterator[str]:
        """The lines from here on, which stay here."""
        at = 0
        while at < len(self._ahead) or self._fetch():
            yield self._ahead[at]
            at += 1

    def first_two(self) -> tuple[str, str]:
        """The line that is first here and the next one that may be a row, or else the first again.

        The next one is not looked for any further than a piece of the text away.
        """
        if len(self._ahead) == 1:
            self._fetch()
        first, *others = self._ahead
        return first, next((line for line in others if not is_skipped(line)), first)

    def take(self, count: int | None = None) -> list[str]:
        """So many of the lines at hand, or else all of them; [] at the text's end."""
        if not self._ahead:
            self._fetch()
        taken = self._ahead[:count]
        self._ahead = [] if count is None else self._ahead[count:]
        self.taken += len(taken)
        return taken

    def drain(self) -> Iterator[str]:
        """The lines from here on, of which none stays here."""
        while lines := self.take():
            yield from lines

    def _fetch(self) -> bool:
        text = next(self._texts, "")
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        self._ahead += lines
        return bool(text)


def rows_among(lines: list[str]) -> list[str]:
    """The lines that are not skipped."""
    # Most lines start with a number: looking at that first halves the time that is taken here.
    return [line for line in lines if line[:1] in _STARTS or not is_skipped(line)]


def is_skipped(line: str) -> bool:
    """Whether a line is blank or a comment, where it is not inside of a quoted cell."""
    line = line.lstrip()
    return not line or (line[0] == "#" and not _ERROR_OF_SPREADSHEET.match(line))


def _whole_lines(chunks: Iterable[bytes], source: str) -> Iterator[str]:
    """The text in pieces of whole lines, all but the very last of which end with a line feed."""
    number, line = 1, bytearray()
    for chunk in _with_line_feeds(chunks):
        end = chunk.rfind(b"\n") + 1
        line += chunk[:end] if end else chunk
        if end:
            yield _decoded(line, number, source)
            number += line.count(b"\n")
            line = bytearray(chunk[end:])
        elif len(line) >= CHUNK:
            if _can_be_left_out(line[:CHUNK]):
                line = bytearray(b"#")
            else:
                _refuse_endless(chunk, number, source)
    if line:
        yield _decoded(line, number, source)


def _with_line_feeds(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same with every end of a line as a line feed."""
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
    """Lines, of which the first has this number, as text."""
    try:
        text = (lines.removeprefix(_BYTE_ORDER_MARK) if number == 1 else lines).decode()
    except UnicodeDecodeError as error:
        number += error.object.count(b"\n", 0, error.start)
        byte = error.object[error.start]
        raise InputError(
            f"{quoted(source)}, line {number}: byte 0x{byte:02x} is not UTF-8", _AS_UTF_8
        ) from error
    if number == 1 and "\0" in text and _has_zeros(text.rstrip("\n")):
        raise _zeros(source)
    return text


def _has_zeros(text: str) -> bool:
    """Whether all lines seem to have NUL bytes: one name or cell alone may have some."""
    return all("\0" in line for line in (text.partition("\n")[0], text.rsplit("\n", 1)[-1]))


def _zeros(source: str) -> InputError:
    return InputError(f"{quoted(source)}, line 1: it holds a NUL byte, as UTF-16 does", _AS_UTF_8)


def _refuse_endless(chunk: bytes, number: int, source: str) -> None:
    """Raise InputError at a piece from the midst of a line that has no delimiter."""
    # A quote in a cell is two characters of the line.
    if len(chunk) < 2 * LONGEST_CELL or any(delimiter in chunk for delimiter in _DELIMITERS):
        return
    if number == 1 and b"\0" in chunk:
        raise _zeros(source)
    raise too_long(number, source)


def too_long(number: int, source: str) -> InputError:
    """What is wrong with a line that has so long a cell."""
    return InputError(
        f"{quoted(source)}, line {number}: a cell of more than {LONGEST_CELL} characters",
        "check the delimiters and the quotes",
    )


def _can_be_left_out(line: bytearray) -> bool:
    """Whether a line that starts like this is blank or a comment.

    If it is part of a quoted cell, that one is too long for anything but to be left out.
    """
    return b'"' not in line and is_skipped(line.decode(errors="replace"))

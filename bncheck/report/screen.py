"""Lines of text for a pipe or a terminal: how wide they are, what is cut, and in which colours."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TextIO

from rich.cells import cell_len, chop_cells, set_cell_size

UNLIMITED = 100_000
"""Columns of what is no terminal: nothing is ever cut or folded there."""

USUAL = 80
"""Columns of a terminal that does not tell."""

NARROWEST = 40
"""Below this a terminal folds the lines itself."""

SHORTEST_NAME = 8
"""To fit a narrow terminal, names are cut down to this and no further."""

CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
CODES |= {"magenta": "35", "cyan": "36"}
"""The words of a style, as in "bold red", and what a terminal calls them."""

Piece = tuple[str, str]
"""A text and its style."""

Line = Sequence[Piece]


class Column(NamedTuple):
    """One column of a table: its header and its cells.

    Those of `right` are aligned to the right. On a narrow screen a `spare` column is left out, and
    `names` are cut. Numbers never are.
    """

    header: str
    cells: Sequence[str | Piece]
    right: bool = False
    names: bool = False
    spare: bool = False

    @property
    def pieces(self) -> list[Piece]:
        """All of its texts with their styles, from top to bottom."""
        cells = [(cell, "") if isinstance(cell, str) else cell for cell in self.cells]
        return [(self.header, "dim"), *cells]

    @property
    def width(self) -> int:
        """In columns of a terminal, with a blank on both sides."""
        return 2 + max(cell_len(text) for text, _ in self.pieces)

    def narrowed(self, excess: int) -> "Column":
        """Return the column with its names cut, as far as they may be."""
        names = [text for text, _ in self.pieces[1:]]
        cells = max(max(map(cell_len, names), default=0) - excess, SHORTEST_NAME)
        return self._replace(cells=[_cut_place(name, cells) for name in names])

    def aligned(self) -> Iterator[Piece]:
        """Yield its texts below each other, all of the same width."""
        width = self.width - 2
        for text, style in self.pieces:
            blanks = " " * (width - cell_len(text))
            yield (f" {blanks}{text} " if self.right else f" {text}{blanks} "), style


@dataclass(frozen=True, eq=False)
class Table:
    """A table without lines."""

    columns: Sequence[Column]

    @property
    def width(self) -> int:
        """In columns of a terminal, as far as there are letters."""
        return sum(column.width for column in self.columns) - 1

    def lines(self, width: int) -> Iterator[Line]:
        """Yield header and rows, as narrow as they are to be, or as they can be."""
        table = self
        if table.width > width:
            table = Table([column for column in self.columns if not column.spare])
        excess = table.width - width
        columns = [
            column.narrowed(excess) if excess > 0 and column.names else column
            for column in table.columns
        ]
        yield from zip(*(column.aligned() for column in columns), strict=True)


Part = str | Line | Table
"""A sentence, which may be folded, or a table."""


@dataclass(frozen=True)
class Screen:
    """What a report is laid out for.

    Attributes
    ----------
    width
        In columns; UNLIMITED in a pipe.
    colour
        Whether to colour the text.
    """

    width: int = UNLIMITED
    colour: bool = False

    def lines(self, parts: Iterable[Part]) -> Iterator[Line]:
        """Yield the lines of parts one below the other."""
        for part in parts:
            if isinstance(part, Table):
                yield from part.lines(self.width)
            else:
                yield from _folded([(part, "")] if isinstance(part, str) else part, self.width)

    def text(self, parts: Iterable[Part]) -> str:
        """Return the parts as text; every line ends with its last letter."""
        lines = ("".join(map(self._shown, line)).rstrip() for line in self.lines(parts))
        return "".join(f"{line}\n" for line in lines)

    def _shown(self, piece: Piece) -> str:
        text, style = piece
        letters = text.rstrip()
        if not (self.colour and style and letters):
            return text
        codes = ";".join(CODES[word] for word in style.split())
        return f"\x1b[{codes}m{letters}\x1b[0m{text[len(letters) :]}"


def _folded(line: Line, width: int) -> Iterator[Line]:
    """Break a sentence into lines between its words, or within a word wider than a line."""
    text = "".join(text for text, _ in line)
    starts, used = [0], 0
    for word in re.finditer(r"\s*\S+\s*", text):
        start, visible = word.start(), word[0].rstrip()
        if used + cell_len(visible) > width:
            for chunk in chop_cells(visible, width):
                starts += [start] if start else []
                start, used = start + len(chunk), cell_len(chunk)
            used += len(word[0]) - len(visible)
        else:
            used += cell_len(word[0])
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=True):
        yield list(_between(line, start, stop))


def _between(line: Line, start: int, stop: int) -> Iterator[Piece]:
    """Yield the letters of a line from one to another."""
    for text, style in line:
        if piece := text[max(start, 0) : max(stop, 0)]:
            yield piece, style
        start, stop = start - len(text), stop - len(text)


def legend(items: Iterable[Line], width: int) -> Iterator[Line]:
    """Yield items one after the other, in as many lines as the width asks for, none torn apart."""
    line: list[Piece] = []
    for item in items:
        if line and sum(cell_len(text) for text, _ in (*line, *item)) + 2 > width:
            yield line
            line = []
        line += [("  " if line else " ", ""), *item]
    yield line


def cut(text: str, cells: int) -> str:
    """Return a text in at most so many columns, with an ellipsis where letters are missing.

    >>> cut("proanthocyanins", 8)
    'proanth…'
    """
    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1) + "…"


def _cut_place(text: str, cells: int) -> str:
    """Cut a name, or that in a place such as `row 12, ash`; a row's number never is."""
    head, comma, name = text.partition(", ") if text.startswith("row ") else ("", "", text)
    return head + comma + cut(name, max(cells - len(head + comma), SHORTEST_NAME // 2))


def screen_of(stream: TextIO | None) -> Screen:
    """Return the screen behind a stream, as the stream and the environment tell.

    NO_COLOR, FORCE_COLOR and TERM=dumb are honoured, in this order.
    """
    terminal = stream is not None and stream.isatty()
    colour = terminal and os.environ.get("TERM") != "dumb"
    colour = not os.environ.get("NO_COLOR") and (bool(os.environ.get("FORCE_COLOR")) or colour)
    return Screen(max(_columns(stream), NARROWEST) if terminal and stream else UNLIMITED, colour)


def _columns(terminal: TextIO) -> int:
    """Return how wide a terminal is: as COLUMNS says, or else as it says itself."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and len(told) < 7 and int(told) > 0:  # no terminal is wider
        return int(told)
    try:
        return os.get_terminal_size(terminal.fileno()).columns or USUAL
    except (AttributeError, OSError, ValueError):  # not every system can be asked
        return USUAL

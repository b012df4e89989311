"""Numbers in delimited text, with or without a header row.

NumPy's reader does the work. Where it fails, the text is gone through row by row, to name the line
and what is wrong in it.
"""

import csv
import io
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from bncheck.blocks import ENTRIES, LazyRows
from bncheck.errors import InputError
from bncheck.files.columns import column_list, select_columns
from bncheck.files.growing import GrowingRows
from bncheck.files.inputs import CHUNK, InputFile
from bncheck.wording import counted, quoted

_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|nan|inf|infinity)", re.ASCII | re.IGNORECASE
)
_DELIMITERS = ("\t", ";", ",", " ")
_CELL_LIMIT = 40


@dataclass(frozen=True)
class Table:
    """A matrix from text: `values`, (N, C), and the `names` of its columns if it has a header."""

    values: NDArray[np.float64] | LazyRows
    names: tuple[str, ...] | None


def read_text(file: InputFile, columns: str | None, source: str) -> Table:
    """Read delimited text, some of its lines at a time.

    The delimiter is a tab, a semicolon, a comma or white space. Blank lines, and those that start
    with ``#``, are skipped. The first row is a header if some cell of it is not a number; it is
    refused if that leaves a doubt, as in ``5.1,3.5,setosa`` with the last column not picked.

    Parameters
    ----------
    file
        The file, in UTF-8.
    columns
        Which columns to use, as in `select_columns`; nothing is asked of the others.
    source
        What the file is, for messages.

    Raises
    ------
    InputError
        Where the rows differ in length, a cell is not a finite number, or there are no numbers.
    """
    text = io.TextIOWrapper(file.stream(), encoding="utf-8-sig", newline=None)
    try:
        return _read(_Lines(text), columns, source)
    except UnicodeDecodeError as error:
        raise _not_utf8(file, source) from error
    finally:
        text.detach()


class _Lines:
    """The lines of a text, those to be skipped as empty ones, so that they can still be counted.

    Attributes
    ----------
    taken
        How many are no longer here.
    """

    def __init__(self, text: TextIO) -> None:
        # Unlike str.splitlines, the text takes for line ends what editors do.
        self._text = text
        self._ahead: list[str] = []
        self._delimiter = ""
        self.taken = 0

    def look(self) -> Iterator[str]:
        """The lines from here on, which stay here."""
        at = 0
        while at < len(self._ahead) or self._fetch():
            yield self._ahead[at]
            at += 1

    def take(self, count: int | None = None) -> list[str]:
        """So many lines, or else all that are at hand, some of the text at least; [] at its end."""
        if count is None and not self._ahead:
            self._fetch()
        while count is not None and len(self._ahead) < count and self._fetch():
            pass
        taken, self._ahead = self._ahead[:count], [] if count is None else self._ahead[count:]
        self.taken += len(taken)
        return taken

    def split_at(self, delimiter: str) -> None:
        """From here on, white space is one space where that is the delimiter."""
        self._delimiter = delimiter
        self._ahead = [self._spaced(line) for line in self._ahead]

    def _fetch(self) -> bool:
        lines = self._text.readlines(CHUNK)
        self._ahead += [self._spaced("" if _is_skipped(line) else line) for line in lines]
        return bool(lines)

    def _spaced(self, line: str) -> str:
        return line.strip().replace("\t", " ") if self._delimiter == " " else line


def _is_skipped(line: str) -> bool:
    return line.isspace() or line.lstrip().startswith("#")


def _read(lines: _Lines, columns: str | None, source: str) -> Table:
    delimiter = _delimiter(lines.look())
    lines.split_at(delimiter)
    rows = _rows(lines.look(), 0, delimiter, source)
    first, second = next(rows, None), next(rows, None)
    if first is None:
        raise InputError(f"{quoted(source)} has no rows", "check the program that should write it")
    names = tuple(first.cells) if _is_header(first) else None
    width = len(first.cells)
    picked = select_columns(columns, width, names, source)
    if names is not None and second is None:
        raise InputError(f"{quoted(source)} has a header and no rows", "add rows of numbers")
    if names is not None and second is not None:
        _refuse_doubtful_header(first, second, picked, source)
        lines.take(first.last_line)
    values = GrowingRows(len(picked))
    for block in _blocks(lines, delimiter, width, picked, names, source):
        values.append(block)
    return Table(values.rows(), None if names is None else tuple(names[c] for c in picked))


def _blocks(
    lines: _Lines,
    delimiter: str,
    width: int,
    picked: Sequence[int],
    names: Sequence[str] | None,
    source: str,
) -> Iterator[NDArray[np.float64]]:
    """The picked columns, some rows at a time, (R, C)."""
    while chunk := lines.take():
        values = _load(chunk, delimiter, width, picked)
        if values is None:
            # From here on row by row, since a cell can go on in lines that are not here yet.
            before = lines.taken - len(chunk)
            rest = itertools.chain(chunk, lines.look())
            yield from _scan(_rows(rest, before, delimiter, source), width, picked, names, source)
            return
        yield values


@dataclass(frozen=True)
class _Row:
    """Cells without the white space around them; lines count from 1, as in editors."""

    line: int
    last_line: int
    cells: list[str]


def _not_utf8(file: InputFile, source: str) -> InputError:
    """Where the text is not in UTF-8."""
    for number, line in enumerate(file.stream(), 1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            return InputError(
                f"{quoted(source)}, line {number}: byte 0x{line[error.start]:02x} is not UTF-8",
                "save the file as UTF-8 text",
            )
    return InputError(f"{quoted(source)} is not UTF-8", "save the file as UTF-8 text")


def _delimiter(lines: Iterable[str]) -> str:
    """The first delimiter that both the first two rows have, or else the first row alone."""
    # A quote that is not closed goes on in the next line.
    unquoted = (re.sub(r'"[^"]*("|$)', '""', line).strip() for line in lines if line)
    first = next(unquoted, "")
    second = next(unquoted, first)
    candidates = [delimiter for delimiter in _DELIMITERS if delimiter in first] or [","]
    return next((delimiter for delimiter in candidates if delimiter in second), candidates[0])


def _rows(lines: Iterable[str], before: int, delimiter: str, source: str) -> Iterator[_Row]:
    """The rows, without the empty ones; so many lines came before them."""
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    last_line = before
    try:
        for cells in reader:
            line, last_line = last_line + 1, before + reader.line_num
            if cells:
                yield _Row(line, last_line, [cell.strip() for cell in cells])
    except csv.Error as error:
        raise InputError(
            f"{quoted(source)}, line {last_line + 1}: {error}",
            "check the quotes: one that is opened is closed before the next delimiter",
        ) from error


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def _is_header(row: _Row) -> bool:
    return not all(_is_number(cell) for cell in row.cells)


def _refuse_doubtful_header(first: _Row, second: _Row, picked: Sequence[int], source: str) -> None:
    """Refuse to guess whether ``5.1,3.5,setosa`` is a header, once its text is left out.

    It is one if some text of it stands above a number, as in ``id,400,410`` above ``1,0.2,0.3``.
    """
    above_number = any(
        _is_number(below) and not _is_number(cell)
        for cell, below in zip(first.cells, second.cells, strict=False)
    )
    if not above_number and all(_is_number(first.cells[column]) for column in picked):
        raise InputError(
            f"{quoted(source)}, line {first.line}: it may be a header or a row of numbers",
            "add a header above it, or turn it into a comment with #",
        )


def _load(
    lines: list[str], delimiter: str, width: int, picked: Sequence[int]
) -> NDArray[np.float64] | None:
    """The picked columns, or None where anything is out of the ordinary."""
    rows = sum(map(bool, lines))
    if not rows:
        return np.empty((0, len(picked)))
    try:
        values = _loaded(lines, delimiter, width, picked)
    except ValueError:
        return None
    # A quoted cell can run over several lines; one that is never closed swallows rows.
    as_expected = values.shape == (rows, len(picked))
    return values if as_expected and np.isfinite(values).all() else None


def _loaded(
    lines: list[str], delimiter: str, width: int, picked: Sequence[int]
) -> NDArray[np.float64]:
    """What NumPy's reader makes of the picked columns."""
    read = partial(
        np.loadtxt,
        lines,
        comments=None,
        delimiter=None if delimiter == " " else delimiter,
        quotechar='"',
    )
    if list(picked) == list(range(width)):
        return read(ndmin=2)
    # Each row must have as many cells as there are fields, which `usecols` does not look at.
    # Columns that are not picked are read as text, of which one character is kept.
    fields = [(f"{column}", "U1") for column in range(width)]
    for column in picked:
        fields[column] = (f"{column}", "f8")
    table: NDArray[Any] = read(dtype=fields, ndmin=1)
    return np.stack([table[f"{column}"] for column in picked], axis=1)


def _scan(
    rows: Iterator[_Row],
    width: int,
    picked: Sequence[int],
    names: Sequence[str] | None,
    source: str,
) -> Iterator[NDArray[np.float64]]:
    """The picked columns, each cell looked at; slow, and precise about what is wrong."""
    while some := list(itertools.islice(rows, max(ENTRIES // width, 1))):
        values = []
        for row in some:
            where = f"{quoted(source)}, line {row.line}"
            if len(row.cells) != width:
                raise InputError(
                    f"{where}: {counted(len(row.cells), 'value')} where the first row has {width}",
                    "check for a missing or an extra delimiter",
                )
            values.append([_number(row, column, picked, names, where) for column in picked])
        yield np.array(values, dtype=np.float64)


def _number(
    row: _Row, column: int, picked: Sequence[int], names: Sequence[str] | None, where: str
) -> float:
    cell = row.cells[column]
    label = _label(column, names)
    if not cell:
        raise InputError(f"{where}: an empty cell in {label}", _leave_out(row, picked))
    if not _is_number(cell):
        raise InputError(
            f"{where}: {quoted(cell, _CELL_LIMIT)} in {label} is not a number",
            _leave_out(row, picked),
        )
    number = float(cell)
    if not math.isfinite(number):
        raise InputError(
            f"{where}: {quoted(cell, _CELL_LIMIT)} in {label} is not finite",
            "only finite numbers can be used: leave such rows or columns out",
        )
    return number


def _label(column: int, names: Sequence[str] | None) -> str:
    if names and names[column]:
        return f"column {quoted(names[column], _CELL_LIMIT)}"
    return f"column {column} (counting from 0)"


def _leave_out(row: _Row, picked: Sequence[int]) -> str:
    """The remedy for a column of text: the columns of this row that do hold numbers."""
    usable = [column for column in picked if _is_number(row.cells[column])]
    if not usable:
        return "write numbers as in 1234.5"
    return (
        f"write numbers as in 1234.5, or leave the column out with --columns {column_list(usable)}"
    )

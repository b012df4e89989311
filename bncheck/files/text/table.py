"""Numbers in delimited text, with or without a header row.

NumPy's reader does the work, some lines at a time. Where it fails, the text is gone through row by
row from there on, to name the line and what is wrong in it.
"""

import csv
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import LazyRows
from bncheck.batchnorm.blocks import ENTRIES
from bncheck.errors import InputError
from bncheck.files.growing import GrowingRows
from bncheck.files.select_columns import column_list, select_columns
from bncheck.files.sources import CHUNK, Incoming, InputFile
from bncheck.files.text.headers import delimiter_of, is_count_above_floats, is_doubtful, is_number
from bncheck.files.text.lines import Lines, is_skipped, rows_among, too_long
from bncheck.wording import counted, one_line, quoted

_CELL_LIMIT = 40
_MOST_FIELDS = 1000
"""Columns beyond which NumPy takes long to read each as a type of its own."""


@dataclass(frozen=True, eq=False)
class Table:
    """A matrix from text: `values`, (N, C), and the `names` of its columns if it has a header."""

    values: NDArray[np.float64] | LazyRows
    names: tuple[str, ...] | None


def read_text(file: InputFile | Incoming, columns: str | None, source: str) -> Table:
    """Read delimited text, some of its lines at a time.

    The delimiter is a tab, a semicolon, a comma or white space. Blank lines, and those that start
    with ``#``, are skipped. The first row is a header if some cell of it is not a number; it is
    refused if that leaves a doubt, as in ``5.1,NA,1.4`` above a row of numbers.

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
    lines = Lines(file.chunks(), source)
    if not lines.skip():
        raise InputError(f"{quoted(source)} has no rows", "check the program that should write it")
    form, first = _first_row(lines, columns, source)
    values = GrowingRows(len(form.picked), source)
    values.append(first)
    for block in _blocks(lines, form):
        values.append(block)
    names = form.names
    return Table(values.rows(), None if names is None else tuple(names[c] for c in form.picked))


@dataclass(frozen=True)
class _Form:
    """What all rows of a text have in common."""

    delimiter: str
    width: int
    picked: Sequence[int]
    names: Sequence[str] | None
    source: str


@dataclass(frozen=True)
class _Row:
    """Cells without the white space around them; lines count from 1, as in editors."""

    line: int
    last_line: int
    cells: list[str]


def _first_row(lines: Lines, columns: str | None, source: str) -> tuple[_Form, NDArray[np.float64]]:
    """The form, and the numbers of the first row if they were taken from the lines for it."""
    first_line, second_line = lines.first_two()
    delimiter = delimiter_of(first_line, second_line)
    # Most rows are numbers, which take far less memory than their cells do.
    numbers = _numbers([first_line], delimiter)
    if numbers is not None:
        width = numbers.shape[1]
        picked = select_columns(columns, width, None, source)
        line = lines.taken + 1
        lines.take(1)
        if "." not in first_line and numbers[0, -1] == width - 1 > 0:
            second = _next_row(lines, delimiter, source)
            if second is not None and is_count_above_floats(numbers[0], second.cells):
                raise _doubt(line, source)
        form = _Form(delimiter, width, picked, None, source)
        return form, numbers if isinstance(picked, range) else numbers[:, picked]

    first = _next_row(lines, delimiter, source)
    assert first is not None
    width, names = len(first.cells), None if all(map(is_number, first.cells)) else first.cells
    picked = select_columns(columns, width, names, source)
    if names is not None:
        lines.take(first.last_line - lines.taken)
        second = _next_row(lines, delimiter, source)
        if second is None:
            raise InputError(f"{quoted(source)} has a header and no rows", "add rows of numbers")
        if is_doubtful(names, second.cells, picked):
            raise _doubt(first.line, source)
    return _Form(delimiter, width, picked, names, source), np.empty((0, len(picked)))


def _next_row(lines: Lines, delimiter: str, source: str) -> _Row | None:
    """The next row, which stays where it is."""
    lines.skip()
    return next(_rows(lines.look(), lines.taken, delimiter, source), None)


def _doubt(line: int, source: str) -> InputError:
    return InputError(
        f"{quoted(source)}, line {line}: it may be a header or a row of numbers",
        "add a header above it, or turn it into a comment with #",
    )


def _blocks(lines: Lines, form: _Form) -> Iterator[NDArray[np.float64]]:
    """The picked columns, some rows at a time, (R, C)."""
    while block := lines.take():
        values = _load(block, form)
        if values is None:
            # From here on row by row, since a cell can go on in lines that are not here yet.
            before = lines.taken - len(block)
            rest = itertools.chain(block, lines.drain())
            yield from _scan(_rows(rest, before, form.delimiter, form.source), form)
            return
        yield values


def _rows(lines: Iterable[str], before: int, delimiter: str, source: str) -> Iterator[_Row]:
    """The rows, without those that are skipped; so many lines came before them."""
    between_rows = True

    def fed() -> Iterator[str]:
        nonlocal between_rows
        for line in lines:
            if between_rows and is_skipped(line):
                line = ""
            between_rows = False
            yield (line.strip().replace("\t", " ") if delimiter == " " else line) + "\n"

    reader = csv.reader(fed(), delimiter=delimiter, skipinitialspace=True, strict=True)
    last_line = before
    try:
        for cells in reader:
            line, last_line = last_line + 1, before + reader.line_num
            if cells:
                for column, cell in enumerate(cells):  # in place, since there may be millions
                    cells[column] = cell.strip()
                yield _Row(line, last_line, cells)
            between_rows = True
    except csv.Error as error:
        if "field larger than field limit" in str(error):
            raise too_long(last_line + 1, source) from error
        raise InputError(
            f"{quoted(source)}, line {last_line + 1}: {one_line(str(error))}",
            "check the quotes: one that is opened is closed before the next delimiter",
        ) from error


def _load(lines: list[str], form: _Form) -> NDArray[np.float64] | None:
    """The picked columns, or None where anything is out of the ordinary."""
    rows = rows_among(lines)
    if not rows:
        return np.empty((0, len(form.picked)))
    if isinstance(form.picked, range):
        values = _numbers(rows, form.delimiter)
    else:
        values = _numbers_of_some(rows, form)
    as_expected = values is not None and values.shape[1] == len(form.picked)
    return values if as_expected else None


def _numbers(rows: list[str], delimiter: str) -> NDArray[np.float64] | None:
    """The numbers of all columns, or None where they are not all finite."""
    values = _wide(rows[0], delimiter) if len(rows[0]) > CHUNK else _loaded(rows, delimiter)
    if len(rows[0]) > CHUNK and len(rows) > 1 and values is not None:
        others = _numbers(rows[1:], delimiter)
        fits = others is not None and others.shape[1] == values.shape[1]
        values = np.concatenate([values, others]) if fits else None
    return values if values is not None and np.isfinite(values).all() else None


def _wide(row: str, delimiter: str) -> NDArray[np.float64] | None:
    """A row of so many numbers that NumPy's reader would take many times its size."""
    if '"' in row or row.endswith(delimiter):
        return None
    numbers, start = bytearray(), 0
    while start < len(row):
        end = row.find(delimiter, start + CHUNK)
        part = row[start : end if end >= 0 else None]
        values = _loaded([part], delimiter) if part.strip() else None
        if values is None:
            return None
        numbers += values.data
        start += len(part) + 1
    return np.frombuffer(numbers)[None]


def _numbers_of_some(rows: list[str], form: _Form) -> NDArray[np.float64] | None:
    """The numbers of the picked columns, or None where they are not all finite."""
    # Each row must have as many cells as the first, which `usecols` does not look at.
    if not any('"' in row for row in rows):
        if any(_count(row, form.delimiter) != form.width for row in rows):
            return None
        values = _loaded(rows, form.delimiter, usecols=form.picked)
    elif form.width <= _MOST_FIELDS:
        # Columns that are not picked are read as text, of which one character is kept.
        fields = [(f"{column}", "U1") for column in range(form.width)]
        for column in form.picked:
            fields[column] = (f"{column}", "f8")
        table = _loaded(rows, form.delimiter, dtype=fields)
        values = None if table is None else _stacked(table[:, 0], form.picked)
    else:
        return None
    return values if values is not None and np.isfinite(values).all() else None


def _count(row: str, delimiter: str) -> int:
    """How many cells a row without quotes has."""
    return len(row.split()) if delimiter == " " else row.count(delimiter) + 1


def _stacked(table: NDArray[Any], picked: Sequence[int]) -> NDArray[np.float64]:
    return np.stack([table[f"{column}"] for column in picked], axis=1)


def _loaded(rows: list[str], delimiter: str, **options: Any) -> NDArray[Any] | None:
    """What NumPy's reader makes of the rows, or None where it cannot."""
    quoted_rows = [row for row in rows if '"' in row]
    if quoted_rows and not all(map(_well_quoted(delimiter).fullmatch, quoted_rows)):
        return None
    try:
        values: NDArray[Any] = np.loadtxt(
            rows,
            comments=None,
            delimiter=None if delimiter == " " else delimiter,
            quotechar='"',
            ndmin=2,
            **options,
        )
    except ValueError:
        return None
    return values if len(values) == len(rows) else None


@cache
def _well_quoted(delimiter: str) -> re.Pattern[str]:
    """Rows whose quotes open and close cells, in one line; NumPy's reader takes all others too."""
    cell = f' *"[^"]*"(?:"[^"]*")*|[^"{delimiter}]*'
    return re.compile(f"(?:(?:{cell}){delimiter})*(?:{cell})")


def _scan(rows: Iterator[_Row], form: _Form) -> Iterator[NDArray[np.float64]]:
    """The picked columns, each cell looked at; slow, and precise about what is wrong."""
    while some := list(itertools.islice(rows, max(ENTRIES // form.width, 1))):
        numbers = (number for row in some for number in _numbers_of_row(row, form))
        yield np.fromiter(numbers, np.float64).reshape(len(some), len(form.picked))


def _numbers_of_row(row: _Row, form: _Form) -> Iterator[float]:
    where = f"{quoted(form.source)}, line {row.line}"
    if len(row.cells) != form.width:
        raise InputError(
            f"{where}: {counted(len(row.cells), 'value')} where the first row has {form.width}",
            "check for a missing or an extra delimiter",
        )
    return (_number(row, column, form, where) for column in form.picked)


def _number(row: _Row, column: int, form: _Form, where: str) -> float:
    cell = row.cells[column]
    if not cell:
        raise InputError(
            f"{where}: an empty cell in {_label(column, form)}", _leave_out(row, form.picked)
        )
    if not is_number(cell):
        raise InputError(
            f"{where}: {quoted(cell, _CELL_LIMIT)} in {_label(column, form)} is not a number",
            _leave_out(row, form.picked),
        )
    number = float(cell)
    if not math.isfinite(number):
        raise InputError(
            f"{where}: {quoted(cell, _CELL_LIMIT)} in {_label(column, form)} is not finite",
            "only finite numbers can be used: leave such rows or columns out",
        )
    return number


def _label(column: int, form: _Form) -> str:
    if form.names and form.names[column]:
        return f"column {quoted(form.names[column], _CELL_LIMIT)}"
    return f"column {column} (counting from 0)"


def _leave_out(row: _Row, picked: Sequence[int]) -> str:
    """The remedy for a column of text: the columns of this row that do hold numbers."""
    usable = column_list(column for column in picked if is_number(row.cells[column]))
    if not usable:
        return "write numbers as in 1234.5"
    return f"write numbers as in 1234.5, or leave the column out with --columns {usable}"

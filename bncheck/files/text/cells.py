"""The rows of a text and the numbers in their cells: by NumPy's reader, or cell by cell."""

import csv
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bncheck.errors import InputError
from bncheck.files.select_columns import column_list
from bncheck.files.text.lines import is_skipped, too_long
from bncheck.wording import counted, one_line, quoted

_STARTS = frozenset("0123456789+-.")
_QUOTED = re.compile('"[^"]*"')


@dataclass(frozen=True)
class Form:
    """What all rows of a text have in common: `width` cells, of which those `picked` are used.

    A blank as `delimiter` stands for any white space. The `names` are those of all columns.
    """

    delimiter: str
    width: int
    picked: Sequence[int]
    names: Sequence[str] | None
    source: str


class Row(NamedTuple):
    """Cells without the white space around them; lines count from 1, as in editors."""

    line: int
    last_line: int
    cells: list[str]


def number_in(cell: str) -> float | None:
    """Return the number in a cell, be it NaN or infinite, or None.

    >>> number_in("1e3"), number_in("1,000"), number_in("1_000")
    (1000.0, None, None)
    """
    # float() also takes underscores, and the digits of other scripts.
    if not cell.isascii() or "_" in cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def rows_in(lines: Iterable[str], before: int, delimiter: str, source: str) -> Iterator[Row]:
    """Yield the rows among some lines, before which there are so many others.

    Raise InputError if the quotes of a cell are wrong, or it is too long.
    """
    lines, number = iter(lines), before
    for line in lines:
        number += 1
        if is_skipped(line):
            continue
        # A quoted cell can go on in the lines that follow.
        parts: Iterator[str] = itertools.chain([line], lines)
        if delimiter == " ":
            parts = (part.strip().replace("\t", " ") for part in parts)
        ended = (part + "\n" for part in parts)
        reader = csv.reader(ended, delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            cells = [cell.strip() for cell in next(reader)]
        except csv.Error as error:
            if "field larger than field limit" in str(error):
                raise too_long(number, source) from error
            raise InputError(
                f"{quoted(source)}, line {number}: {one_line(str(error))}",
                "check the quotes: one that is opened is closed before the next delimiter",
            ) from error
        last_line = number + reader.line_num - 1
        yield Row(number, last_line, cells)
        number = last_line


def plain_numbers(lines: list[str], form: Form) -> NDArray[np.float64] | None:
    """Return the picked columns of some rows, or None if anything is unusual."""
    # Most lines start with a number: looking at that first halves the time that is taken here.
    rows = [line for line in lines if line[:1] in _STARTS or not is_skipped(line)]
    if not rows:
        return np.empty((0, len(form.picked)))
    # NumPy's reader takes quotes anywhere, and does not count the cells if only some are picked.
    every = form.picked == range(form.width)
    if not all(_well_quoted(form.delimiter).fullmatch(row) for row in rows if '"' in row):
        return None
    if not every and any(_cells_in(row, form.delimiter) != form.width for row in rows):
        return None
    try:
        numbers: NDArray[np.float64] = np.loadtxt(
            rows,
            comments=None,
            delimiter=None if form.delimiter == " " else form.delimiter,
            quotechar='"',
            usecols=None if every else form.picked,
            ndmin=2,
        )
    except ValueError:
        return None
    as_expected = numbers.shape == (len(rows), len(form.picked)) and np.isfinite(numbers).all()
    return numbers if as_expected else None


def _cells_in(row: str, delimiter: str) -> int:
    if '"' in row:
        row = _QUOTED.sub("x", row)
    return len(row.split()) if delimiter == " " else row.count(delimiter) + 1


@cache
def _well_quoted(delimiter: str) -> re.Pattern[str]:
    # Blanks before a quote must not be taken for cells as well: there were too many ways to try.
    blanks = "" if delimiter == " " else " *"
    cell = f'{blanks}(?:{_QUOTED.pattern})+|[^"{delimiter}]*'
    return re.compile(f"(?:(?:{cell}){delimiter})*(?:{cell})")


def checked_numbers(rows: Iterable[Row], form: Form) -> Iterator[NDArray[np.float64]]:
    """Yield the picked columns, some rows at a time, each cell looked at.

    Raise InputError if a row has another length than the first, or a cell is not a finite number.
    """
    rows = iter(rows)
    while some := list(itertools.islice(rows, max(2**16 // form.width, 1))):
        numbers = (number for row in some for number in _numbers_of(row, form))
        yield np.fromiter(numbers, np.float64).reshape(len(some), len(form.picked))


def _numbers_of(row: Row, form: Form) -> Iterator[float]:
    if len(row.cells) != form.width:
        raise InputError(
            f"{quoted(form.source)}, line {row.line}: {counted(len(row.cells), 'value')} "
            f"where the first row has {form.width}",
            "check for a missing or an extra delimiter",
        )
    for column in form.picked:
        number = number_in(row.cells[column])
        if number is None or not math.isfinite(number):
            raise _unusable(row, column, form)
        yield number


def _unusable(row: Row, column: int, form: Form) -> InputError:
    """Return what is wrong with a cell that is not a finite number."""
    cell, where = row.cells[column], f"{quoted(form.source)}, line {row.line}"
    name = form.names[column] if form.names else ""
    label = f"column {quoted(name, 40) if name else f'{column} (counting from 0)'}"
    if number_in(cell) is not None:
        return InputError(
            f"{where}: {quoted(cell, 40)} in {label} is not finite",
            "only finite numbers can be used: leave such rows or columns out",
        )
    fact = f"{quoted(cell, 40)} in {label} is not a number" if cell else f"an empty cell in {label}"
    usable = column_list(c for c in form.picked if number_in(row.cells[c]) is not None)
    remedy = f", or leave the column out with --columns {usable}" if usable else ""
    return InputError(f"{where}: {fact}", f"write numbers as in 1234.5{remedy}")

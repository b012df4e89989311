"""Numbers in delimited text, with or without a header row.

NumPy's reader does the work. Where it fails, the text is gone through row by row, to name the line
and what is wrong in it.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bncheck.errors import InputError
from bncheck.files.columns import column_list, select_columns
from bncheck.wording import counted, quoted

_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|nan|inf|infinity)", re.ASCII | re.IGNORECASE
)
_DELIMITERS = ("\t", ";", ",", " ")
_CELL_LIMIT = 40


@dataclass(frozen=True)
class Table:
    """A matrix from text: `values` (N, C), and the `names` of its columns if it has a header."""

    values: NDArray[np.float64]
    names: tuple[str, ...] | None


def read_text(content: bytes, columns: str | None, source: str) -> Table:
    """Read delimited text.

    The delimiter is a tab, a semicolon, a comma or white space. Blank lines, and those that start
    with ``#``, are skipped. The first row is a header if some cell of it is not a number; it is
    refused if that leaves a doubt, as in ``5.1,3.5,setosa`` with the last column not picked.

    Parameters
    ----------
    content
        The whole file, in UTF-8.
    columns
        Which columns to use, as in `select_columns`; nothing is asked of the others.
    source
        What the file is, for messages.

    Raises
    ------
    InputError
        Where the rows differ in length, a cell is not a finite number, or there are no numbers.
    """
    lines = _lines(_decode(content, source))
    delimiter = _delimiter(lines)
    if delimiter == " ":
        lines = [line.strip().replace("\t", " ") for line in lines]
    rows = _rows(lines, delimiter, source)
    first, second = next(rows, None), next(rows, None)
    if first is None:
        raise InputError(f"{quoted(source)} has no rows", "check the program that should write it")
    names = tuple(first.cells) if _is_header(first) else None
    width = len(first.cells)
    picked = select_columns(columns, width, names, source)
    if names is None:
        header_lines = 0
    elif second is None:
        raise InputError(f"{quoted(source)} has a header and no rows", "add rows of numbers")
    else:
        _refuse_doubtful_header(first, second, picked, source)
        header_lines = first.last_line
    values = _load(lines[header_lines:], delimiter, width, picked)
    if values is None:
        rows = _rows(lines, delimiter, source, header_lines)
        values = _scan(rows, width, picked, names, source)
    return Table(values, None if names is None else tuple(names[column] for column in picked))


@dataclass(frozen=True)
class _Row:
    """Cells without the white space around them; lines count from 1, as in editors."""

    line: int
    last_line: int
    cells: list[str]


def _decode(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{quoted(source)}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8",
            "save the file as UTF-8 text",
        ) from error


def _lines(text: str) -> list[str]:
    """All lines, those to be skipped as empty ones, so that they can still be counted."""
    # Unlike str.splitlines, this takes for line ends what editors do.
    lines = io.StringIO(text, newline=None).readlines()
    return ["" if line.isspace() or line.lstrip().startswith("#") else line for line in lines]


def _delimiter(lines: Iterable[str]) -> str:
    """The first delimiter that both the first two rows have, or else the first row alone."""
    # A quote that is not closed goes on in the next line.
    unquoted = (re.sub(r'"[^"]*("|$)', '""', line).strip() for line in lines if line)
    first = next(unquoted, "")
    second = next(unquoted, first)
    candidates = [delimiter for delimiter in _DELIMITERS if delimiter in first] or [","]
    return next((delimiter for delimiter in candidates if delimiter in second), candidates[0])


def _rows(lines: list[str], delimiter: str, source: str, skip: int = 0) -> Iterator[_Row]:
    """The rows, without the empty ones, after so many lines."""
    reader = csv.reader(lines[skip:], delimiter=delimiter, skipinitialspace=True, strict=True)
    last_line = skip
    try:
        for cells in reader:
            line, last_line = last_line + 1, skip + reader.line_num
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
    # Each row must have as many cells as there are fields, which `usecols` does not look at.
    # Columns that are not picked are read as text, of which one character is kept.
    fields = [(f"{column}", "U1") for column in range(width)]
    for column in picked:
        fields[column] = (f"{column}", "f8")
    try:
        table = np.loadtxt(
            lines,
            dtype=fields,
            comments=None,
            delimiter=None if delimiter == " " else delimiter,
            quotechar='"',
            ndmin=1,
        )
    except ValueError:
        return None
    values = np.stack([table[f"{column}"] for column in picked], axis=1)
    # A quoted cell can run over several lines; one that is never closed swallows rows.
    one_line_each = len(values) == sum(map(bool, lines))
    return values if one_line_each and np.isfinite(values).all() else None


def _scan(
    rows: Iterable[_Row],
    width: int,
    picked: Sequence[int],
    names: Sequence[str] | None,
    source: str,
) -> NDArray[np.float64]:
    """The picked columns, each cell looked at; slow, and precise about what is wrong."""
    values = []
    for row in rows:
        where = f"{quoted(source)}, line {row.line}"
        if len(row.cells) != width:
            raise InputError(
                f"{where}: {counted(len(row.cells), 'value')} where the first row has {width}",
                "check for a missing or an extra delimiter",
            )
        values.append([_number(row, column, picked, names, where) for column in picked])
    return np.array(values, dtype=np.float64)


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

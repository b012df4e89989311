"""A matrix from delimited text, with or without a header row.

NumPy's reader does the work, some lines at a time. Where it fails, the text is gone through row by
row from there on, to name the line and what is wrong in it.
"""

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import FLOAT64
from bncheck.errors import InputError
from bncheck.files.select_columns import select_columns
from bncheck.files.sources import Incoming, InputFile, Spool
from bncheck.files.stored import StoredArray
from bncheck.files.text.cells import Form, checked_numbers, number_in, plain_numbers, rows_in
from bncheck.files.text.header import counts_columns, delimiter_of, is_doubtful
from bncheck.files.text.lines import Lines, is_skipped
from bncheck.wording import quoted


def read_text(
    file: InputFile | Incoming, columns: str | None, source: str
) -> tuple[StoredArray, tuple[str, ...] | None]:
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

    Returns
    -------
    matrix, names
        The picked columns, (N, C), and their names if there is a header.

    Raises
    ------
    InputError
        If the rows differ in length, a cell is not a finite number, or there are no numbers.
    """
    lines, numbers = Lines(file.chunks(), source), Spool(source)
    form = _read_form(lines, columns, source)
    N, C = 0, len(form.picked)
    for block in _blocks(lines, form):
        numbers.write(block.data)
        N += len(block)
    names = None if form.names is None else tuple(form.names[column] for column in form.picked)
    return StoredArray(numbers.read_back(), 0, (N, C), FLOAT64), names


def _read_form(lines: Lines, columns: str | None, source: str) -> Form:
    """Return the form of all rows, and take the header if there is one."""
    if not lines.skip():
        raise InputError(f"{quoted(source)} has no rows", "check the program that should write it")
    coming = lines.look()
    line = next(coming)
    # The second row is not searched for any further: a comment may be very long.
    below = (other for other in itertools.islice(coming, 100) if not is_skipped(other))
    delimiter = delimiter_of(line, next(below, line))

    rows = rows_in(lines.look(), lines.taken, delimiter, source)
    first = next(rows)
    names = first.cells if any(number_in(cell) is None for cell in first.cells) else None
    picked = select_columns(columns, len(first.cells), names, source)
    if names is not None:
        lines.take(first.last_line - lines.taken)
        if not lines.skip():
            raise InputError(f"{quoted(source)} has a header and no rows", "add rows of numbers")
        rows = rows_in(lines.look(), lines.taken, delimiter, source)
    if names is not None or counts_columns(first.cells):
        second = next(rows, None)
        if second is not None and is_doubtful(first.cells, second.cells, picked):
            raise InputError(
                f"{quoted(source)}, line {first.line}: it may be a header or a row of numbers",
                "add a header above it, or turn it into a comment with #",
            )
    return Form(delimiter, len(first.cells), picked, names, source)


def _blocks(lines: Lines, form: Form) -> Iterator[NDArray[np.float64]]:
    """Yield the picked columns, some rows at a time, (R, C)."""
    while block := lines.take():
        numbers = plain_numbers(block, form)
        if numbers is None:
            # From here on row by row, since a cell can go on in lines that are not here yet.
            before = lines.taken - len(block)
            rest = itertools.chain(block, itertools.chain.from_iterable(iter(lines.take, [])))
            rows = rows_in(rest, before, form.delimiter, form.source)
            yield from checked_numbers(rows, form)
            return
        yield numbers

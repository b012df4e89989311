"""What the first rows of a text tell: its delimiter, and whether they start with a header."""

import re
from collections.abc import Sequence

from bncheck.files.text.cells import number_in

# Hexadecimal, with a decimal comma, or with something between the thousands.
_NUMBER_ELSEWHERE = re.compile(
    r"[+-]?(?:0x[\da-f]+|\d+,\d+(?:e[+-]?\d+)?"
    r"|\d{1,3}(?:[,.' \u00a0\u2009\u202f]\d{3})+(?:[.,]\d+)?)",
    re.ASCII | re.IGNORECASE,
)
_MISSING = frozenset(
    ("", "?", "-", ".", "na", "n/a", "n.a.", "null", "none", "#n/a", "#div/0!", "#num!", "#value!")
)
_DECIMAL_COMMAS = re.compile(r"[+-]?\d+,\d+(?:[ \t]+[+-]?\d+,\d+)+", re.ASCII)


def delimiter_of(first: str, second: str) -> str:
    r"""Return the first delimiter that both of two lines have, or else the first line alone.

    >>> delimiter_of("weight; kg,height", "70,1.8")
    ','
    """
    # A quote that is not closed goes on in the next line.
    first, second = (re.sub(r'"[^"]*("|$)', '""', line).strip() for line in (first, second))
    if _DECIMAL_COMMAS.fullmatch(first) and _DECIMAL_COMMAS.fullmatch(second):
        return "\t" if "\t" in first and "\t" in second else " "
    candidates = [delimiter for delimiter in "\t;, " if delimiter in first] or [","]
    return next((delimiter for delimiter in candidates if delimiter in second), candidates[0])


def is_doubtful(first: Sequence[str], second: Sequence[str], picked: Sequence[int]) -> bool:
    """Tell whether a first row may be a header as well as a row of numbers.

    One that is not of numbers alone may still be one of numbers if some of its cells are missing,
    or numbers as they are written elsewhere, and all others are numbers: ``5.1,NA`` above
    ``4.9,3.0``. And it may if its text is left out, as in ``5.1,3.5,setosa`` with the last column
    not picked. It is a header if some text of it stands above a number, as in ``id,400,410`` above
    ``1,0.2,0.3``.

    One of numbers may be a header if it counts the columns from 0, as those of tables without names
    do, and all numbers below it have a decimal point or the like. One column alone is not doubted:
    many a row of numbers starts at 0.

    >>> is_doubtful(["5.1", "NA"], ["4.9", "3.0"], [0, 1])
    True
    >>> is_doubtful(["length", "width"], ["4.9", "3.0"], [0, 1])
    False
    """
    if all(_is_number(cell) for cell in first):
        return counts_columns(first) and not any(cell.isdecimal() for cell in second)
    cells = zip(first, second, strict=False)
    if any(_is_number(below) and not _is_number(cell) for cell, below in cells):
        # No name for an index, and the numbers of the columns beside it, are a header too.
        return _lacks_numbers(first) and not (not first[0] and _counts(first[1:]))
    return all(_is_number(first[column]) for column in picked)


def counts_columns(cells: Sequence[str]) -> bool:
    """Tell whether the cells are the numbers of several columns, from 0.

    >>> counts_columns(["0", "1", "2"]), counts_columns(["0"])
    (True, False)
    """
    return len(cells) > 1 and _counts(cells)


def _counts(cells: Sequence[str]) -> bool:
    return all(cell == str(number) for number, cell in enumerate(cells))


def _is_number(cell: str) -> bool:
    return number_in(cell) is not None


def _lacks_numbers(cells: Sequence[str]) -> bool:
    """Tell whether the cells are numbers, some of them missing or written otherwise."""
    missing = [cell.lower() in _MISSING for cell in cells]
    return not all(missing) and all(
        lacks or _is_number(cell) or _NUMBER_ELSEWHERE.fullmatch(cell)
        for lacks, cell in zip(missing, cells, strict=True)
    )

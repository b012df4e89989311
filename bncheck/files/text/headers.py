"""What the first rows of a text tell: its delimiter, and whether they start with a header."""

import re
from collections.abc import Sequence

_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|nan|inf|infinity)", re.ASCII | re.IGNORECASE
)
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
_DELIMITERS = ("\t", ";", ",", " ")


def delimiter_of(first: str, second: str) -> str:
    """The first delimiter that both of two lines have, or else the first line alone."""
    # A quote that is not closed goes on in the next line.
    first, second = (re.sub(r'"[^"]*("|$)', '""', line).strip() for line in (first, second))
    if _DECIMAL_COMMAS.fullmatch(first) and _DECIMAL_COMMAS.fullmatch(second):
        return "\t" if "\t" in first and "\t" in second else " "
    candidates = [delimiter for delimiter in _DELIMITERS if delimiter in first] or [","]
    return next((delimiter for delimiter in candidates if delimiter in second), candidates[0])


def is_number(cell: str) -> bool:
    """Whether a cell is a number, be it NaN or infinite."""
    return _NUMBER.fullmatch(cell) is not None


def is_doubtful(first: Sequence[str], second: Sequence[str], picked: Sequence[int]) -> bool:
    """Whether a first row that is not of numbers alone may be one of numbers all the same.

    It may where some of its cells are missing, or numbers as they are written elsewhere, and all
    others are numbers: ``5.1,NA`` above ``4.9,3.0``. And it may where its text is left out, as in
    ``5.1,3.5,setosa`` with the last column not picked. It is a header if some text of it stands
    above a number, as in ``id,400,410`` above ``1,0.2,0.3``.
    """
    above_number = any(
        is_number(below) and not is_number(cell) for cell, below in zip(first, second, strict=False)
    )
    if above_number:
        return _lacks_numbers(first) and not _counts_columns(first)
    return all(is_number(first[column]) for column in picked)


def is_count_above_floats(first: Sequence[float], second: Sequence[str]) -> bool:
    """Whether a first row of numbers may be a header: it counts the columns from 0.

    So do tables without names where they are saved with a header. Below it, all numbers have a
    decimal point or the like. One column alone is not doubted: many a row of numbers starts at 0.
    """
    counts = len(first) > 1 and all(cell == column for column, cell in enumerate(first))
    return counts and len(first) == len(second) and not any(cell.isdecimal() for cell in second)


def _lacks_numbers(cells: Sequence[str]) -> bool:
    """Whether the cells are numbers, some of them missing or written otherwise."""
    if not all(_is_or_lacks_number(cell) for cell in cells):
        return False
    return not all(cell.lower() in _MISSING for cell in cells)


def _is_or_lacks_number(cell: str) -> bool:
    return is_number(cell) or cell.lower() in _MISSING or bool(_NUMBER_ELSEWHERE.fullmatch(cell))


def _counts_columns(cells: Sequence[str]) -> bool:
    """Whether the cells are no name for an index and the numbers of the columns beside it."""
    return not cells[0] and all(cell == str(number) for number, cell in enumerate(cells[1:]))

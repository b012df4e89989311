"""The worst entries of a check as a table."""

import math
from collections.abc import Sequence

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bncheck.compare.claims import worst_entries
from bncheck.compare.comparison import Comparison, Entry, Verdict
from bncheck.report.screen import Screen
from bncheck.report.text import cut_to, fitted, place_of, plain_table, two_digits

FEWEST_DIGITS, MOST_DIGITS = 5, 17


def worst_table(
    check: Comparison, count: int, names: tuple[str, ...] | None, screen: Screen
) -> Padding:
    """Up to `count` entries that decide the verdict of a check: place, both values, error.

    `numeric` is followed by what it is known to, in the units of the quantity.
    """
    entries = worst_entries(check, count, names)
    numbers = _numbers(entries, check)
    places = [place_of(entry) for entry in entries]

    def build(longest: int) -> Table:
        table = plain_table(
            (f"{check.name}, worst entries", "left"),
            ("analytic", "right"),
            ("numeric", "right"),
            ("error", "right"),
        )
        for place, row in zip(places, numbers, strict=True):
            table.add_row(cut_to(place, longest), *map(Text, row))
        return table

    return fitted(build, places, screen)


def _numbers(entries: Sequence[Entry], check: Comparison) -> list[tuple[str, str, str]]:
    """Both values and the error of each entry; the ± are below each other."""
    assert check.entries is not None
    failed = check.verdict is Verdict.FAIL
    digits = max(map(_digits, entries), default=FEWEST_DIGITS) if failed else FEWEST_DIGITS
    scales = check.entries.scale[0]
    known = [_known_to(entry.uncertainty * float(scales[entry.feature])) for entry in entries]
    longest = max(map(len, known), default=0)
    return [
        (
            _value(entry.analytic, digits),
            f"{_value(entry.numeric, digits)} ± {known_to.ljust(longest)}",
            two_digits(entry.rel_error),
        )
        for entry, known_to in zip(entries, known, strict=True)
    ]


def _digits(entry: Entry) -> int:
    """So many that the two values are seen to differ."""
    difference, size = abs(entry.analytic - entry.numeric), abs(entry.numeric)
    if not (0 < difference < size < math.inf):
        return FEWEST_DIGITS
    needed = math.ceil(math.log10(size / difference)) + 2
    return min(max(needed, FEWEST_DIGITS), MOST_DIGITS)


def _value(x: float, digits: int) -> str:
    return "0" if x == 0 else f"{x:.{digits - 1}e}"


def _known_to(x: float) -> str:
    return "0" if x == 0 else f"{x:.0e}"

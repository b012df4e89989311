"""Which columns of a table ``2-5,proline`` picks."""

import re
from collections.abc import Iterable, Sequence

from bncheck.errors import InputError
from bncheck.wording import counted, listed, quoted

# Eighteen digits are more than any table needs, and fewer than int() refuses to convert.
_POSITIONS = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?", re.ASCII)


def select_columns(
    columns: str | None, count: int, names: Sequence[str] | None, source: str
) -> Sequence[int]:
    """Return the indices, from 0, of the columns that `columns` picks, in its order.

    Parameters
    ----------
    columns
        Names, 1-based positions and ranges of them, with commas between; a name wins over the
        reading as a number. None picks every column.
    count
        How many columns there are.
    names
        Their names, where they have any.
    source
        Where they come from, for messages.

    Raises
    ------
    InputError
        If an entry picks nothing, several columns of one name, or a column for the second time.

    Examples
    --------
    >>> select_columns("2-3,proline", 4, ("alcohol", "ash", "hue", "proline"), "wine.csv")
    [1, 2, 3]
    """
    if columns is None:
        return range(count)
    picked: dict[int, None] = {}
    for entry in columns.split(","):
        if not entry.strip():
            raise InputError(
                f"`--columns` has an empty entry: {quoted(columns)}",
                "put one comma between names, positions and ranges, as in 2-5,proline",
            )
        for column in _columns_of(entry.strip(), count, names or (), source):
            if column in picked:
                raise InputError(
                    f"`--columns` picks column {column + 1} twice", "name each column once"
                )
            picked[column] = None
    return list(picked)


def column_list(columns: Iterable[int]) -> str:
    """Return indices, from 0, in the form that `select_columns` reads.

    >>> column_list([0, 1, 2, 4])
    '1-3,5'
    """
    runs: list[tuple[int, int]] = []
    for column in columns:
        if runs and column == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], column)
        else:
            runs.append((column, column))
    return ",".join(
        f"{first + 1}" if first == last else f"{first + 1}-{last + 1}" for first, last in runs
    )


def _columns_of(entry: str, count: int, names: Sequence[str], source: str) -> Sequence[int]:
    named = [column for column, name in enumerate(names) if name == entry]
    if len(named) > 1:
        raise InputError(
            f"{quoted(source)} has {len(named)} columns with the name {quoted(entry)}",
            f"pick one by its position: {', '.join(str(column + 1) for column in named)}",
        )
    if named:
        return named
    positions = _POSITIONS.fullmatch(entry)
    first = int(positions[1]) if positions else count + 1
    last = int(positions[2] or first) if positions else first
    if first == 0:
        raise InputError(f"`--columns` has position 0 in {quoted(entry)}", "positions start at 1")
    if last < first:
        raise InputError(
            f"`--columns` has a range that runs backwards: {quoted(entry)}", f"write {last}-{first}"
        )
    if last > count:
        known = f": {listed(names)}" if names else ""
        raise InputError(
            f"{quoted(source)} has no column {quoted(entry)}",
            f"it has {counted(count, 'column')}{known}",
        )
    return range(first - 1, last)

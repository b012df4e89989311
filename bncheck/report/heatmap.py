"""The errors of a quantity as a map: one line for each feature, one column for each row of Z."""

from collections.abc import Iterator
from itertools import count, groupby

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import is_per_feature
from bncheck.compare.comparison import Comparison
from bncheck.report.screen import UNLIMITED, Line, Part, Piece, Screen, cut, legend
from bncheck.wording import one_line, short

MOST_LINES = 20
"""More features than this share lines, so that the map with its legend is 24 lines high."""

WIDTH_IN_PIPES = 100
WIDEST_CELL = 4
LONGEST_LABEL = 24

ACCEPTED, INFINITE, UNKNOWN = "·", "!", "?"
SHADES = "░▒▓█"
STYLES = {
    ACCEPTED: "dim",
    "░": "cyan",
    "▒": "magenta",
    "▓": "red",
    "█": "bold red",
    INFINITE: "bold red",
    UNKNOWN: "dim",
}
"""Of the sixteen colours of a terminal, those that can be read on light and on dark."""

LEAST_RANGE = 16.0
"""The darkest shade ends at so many times where the lightest begins, at least."""


def errors_of(check: Comparison) -> Array:
    """Return all errors of a check that could be compared, in units of the column's scale.

    Features are down and rows across; a quantity with one value for each feature is one line.
    Errors are infinite where the layer's value is not finite, and NaN where nothing is known.
    """
    assert check.entries is not None
    errors = np.where(np.isnan(check.entries.numeric), np.nan, check.entries.relative_error)
    return errors if is_per_feature(check.name) else errors.T


def cell_size(errors: Array, most_lines: int, most_columns: int) -> tuple[int, int]:
    """Return how many features and rows one cell stands for, so that the map is not larger."""
    lines, columns = errors.shape
    return -(-lines // most_lines), -(-columns // most_columns)


def downsample(A: Array, down: int, across: int) -> Array:
    """Return A with each block of so many lines and columns replaced by its largest number.

    NaN counts as smaller than any number.

    >>> downsample(np.arange(6.0).reshape(2, 3), 2, 2)
    array([[4., 5.]])
    """
    lines: Array = np.fmax.reduceat(A, np.arange(0, A.shape[0], down), axis=0)
    blocks: Array = np.fmax.reduceat(lines, np.arange(0, A.shape[1], across), axis=1)
    return blocks


def thresholds(errors: Array, tolerance: float) -> list[float]:
    """Return where each of the shades begins.

    The lightest begins at the tolerance, so that what is accepted stays blank; where everything is
    accepted, at the smallest error. They are equally far apart on a logarithmic scale, up to the
    largest error, and rounded to the two digits that the legend shows. There are fewer where the
    errors do not differ enough, and none where all are 0.
    """
    if np.isinf(errors).any():
        errors = np.append(errors[np.isfinite(errors)], tolerance)
    positive = errors[np.isfinite(errors) & (errors > 0)]
    highest = float(positive.max(initial=0))
    if highest == 0:
        return []
    lowest = tolerance if highest >= tolerance else float(positive.min())
    span = max(highest / lowest, LEAST_RANGE)
    levels = [lowest * span ** (k / len(SHADES)) for k in range(len(SHADES))]
    rounded = [lowest, *(float(f"{level:.1e}") for level in levels[1:])]
    return [level for level in rounded if level <= highest]


def glyphs(errors: Array, levels: list[float]) -> NDArray[np.str_]:
    """Return one character for each error."""
    shades = np.array([ACCEPTED, *SHADES])[np.searchsorted(levels, errors, side="right")]
    shades[np.isinf(errors)] = INFINITE
    shades[np.isnan(errors)] = UNKNOWN
    return shades


def heat_map_lines(
    check: Comparison, names: tuple[str, ...] | None, screen: Screen
) -> Iterator[Part]:
    """Yield the map of a check for a screen: heading, map, axis and legend."""
    width = WIDTH_IN_PIPES if screen.width == UNLIMITED else screen.width
    per_feature = is_per_feature(check.name)
    axis = "feature" if per_feature else "row"
    labels = [check.name] if per_feature else _labels(check, names, min(width // 3, LONGEST_LABEL))
    margin = max(map(cell_len, [*labels, axis]))
    room = width - margin - 4
    errors = errors_of(check)
    size = cell_size(errors, MOST_LINES, room)
    largest = downsample(errors, *size)
    levels = thresholds(largest, check.tolerance)
    cells = glyphs(largest, levels)
    wide = min(WIDEST_CELL, max(room // cells.shape[1], 1))

    yield f" {check.name}, error by {_axes(size, axis)}"
    for label, line in zip(labels, cells, strict=True):
        runs = ((cell, len(list(run)) * wide) for cell, run in groupby(line.tolist()))
        yield [(_before(label, margin), ""), *((cell * n, STYLES[cell]) for cell, n in runs)]
    yield _before(axis, margin) + _axis(errors.shape[1], size[1], wide)
    yield from legend(_legend(largest, levels, check.tolerance), width)


def _axes(size: tuple[int, int], axis: str) -> str:
    axes = "feature" if axis == "feature" else f"feature and {axis}"
    sizes = zip(size, ("feature", axis), strict=True)
    shared = [f"{count} {what}s" for count, what in sizes if count > 1]
    return f"{axes}; largest of {' × '.join(shared)} each" if shared else axes


def _labels(check: Comparison, names: tuple[str, ...] | None, longest: int) -> list[str]:
    """Return the label of each line: a feature's name or number, or the numbers of several."""
    assert check.entries is not None
    lines = check.entries.scale.shape[1]
    size = -(-lines // MOST_LINES)
    if size == 1:
        return [cut(one_line(str(name)), longest) for name in names or range(lines)]
    starts = range(0, lines, size)
    return [f"{start}–{min(start + size, lines) - 1}" for start in starts]


def _before(label: str, margin: int) -> str:
    return f" {' ' * (margin - cell_len(label))}{label} "


def _axis(rows: int, size: int, wide: int) -> str:
    """Return numbers of rows below their columns: first, last, and round ones between."""
    last = str(rows - 1)
    start_of_last = max((rows - 1) // size * wide + wide - len(last), 0)
    axis = ""
    for index in range(0, rows - 1, _round_step(10 * size / wide)):
        at, label = index // size * wide, str(index)
        if at + len(label) + 1 < start_of_last:
            axis = axis.ljust(at) + label
    return axis.ljust(start_of_last) + last


def _round_step(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, … that is not below `least`."""
    steps = (digit * 10**power for power in count() for digit in (1, 2, 5))
    return int(next(step for step in steps if step >= least))


def _legend(errors: Array, levels: list[float], tolerance: float) -> Iterator[Line]:
    """Yield what each character means that may occur."""
    yield [("log scale:", "")]
    if levels:
        within = "within" if levels[0] == tolerance else "below"
        yield _meaning(ACCEPTED, f" {within} {short(levels[0], '.1e')}")
        highest = float(errors[np.isfinite(errors)].max(initial=0))
        shown = [level for level in levels if level <= highest]
        for shade, level in zip(SHADES, shown, strict=False):
            to = f" to {short(highest, '.1e')}" if level == shown[-1] else ""
            yield _meaning(shade, f" {short(level, '.1e')}{to}")
    else:
        yield _meaning(ACCEPTED, " 0")
    if np.isinf(errors).any():
        yield _meaning(INFINITE, " infinite")
    if np.isnan(errors).any():
        yield _meaning(UNKNOWN, " unknown")


def _meaning(glyph: str, meaning: str) -> list[Piece]:
    return [(glyph, STYLES[glyph]), (meaning, "")]

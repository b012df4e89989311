"""The errors of a quantity as a map: one line for each feature, one column for each row of Z."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.text import Text

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import is_per_feature
from bncheck.compare.comparison import Comparison
from bncheck.report.flow import flowed
from bncheck.report.screen import UNLIMITED, Screen
from bncheck.wording import one_line

MOST_LINES = 20
"""More features than this are folded, so that the map with its legend is 24 lines high."""

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


@dataclass(frozen=True)
class HeatMap:
    """The errors of a check, folded.

    Attributes
    ----------
    errors
        The largest error in each cell, in units of the column's scale: features down, rows across,
        one line only where the quantity has one value for each feature. Infinite where the layer's
        value is not finite, NaN where nothing is known.
    size
        How many features and rows, or how many lines and columns, one cell stands for.
    shape
        Of the map before it was folded.
    """

    errors: Array
    size: tuple[int, int]
    shape: tuple[int, int]


def heat_map(check: Comparison, most_lines: int, most_columns: int) -> HeatMap:
    """The map of a check that could be compared, folded to fit; folding keeps the largest error."""
    errors = errors_of(check)
    shape = errors.shape[0], errors.shape[1]
    down, across = (
        -(-n // most) for n, most in zip(shape, (most_lines, most_columns), strict=True)
    )
    return HeatMap(fold(errors, down, across), (down, across), shape)


def errors_of(check: Comparison) -> Array:
    """All errors, features down and rows across; those of a quantity per feature in one line."""
    assert check.entries is not None
    errors = np.where(np.isnan(check.entries.numeric), np.nan, check.entries.relative_error)
    return errors if is_per_feature(check.name) else errors.T


def fold(A: Array, down: int, across: int) -> Array:
    """A with each block of so many lines and columns replaced by its largest number.

    NaN counts as smaller than any number.
    """
    lines: Array = np.fmax.reduceat(A, np.arange(0, A.shape[0], down), axis=0)
    folded: Array = np.fmax.reduceat(lines, np.arange(0, A.shape[1], across), axis=1)
    return folded


def thresholds(errors: Array, tolerance: float) -> list[float]:
    """Where each of the shades begins.

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
    """One character for each error."""
    shades = np.array([ACCEPTED, *SHADES])[np.searchsorted(levels, errors, side="right")]
    shades[np.isinf(errors)] = INFINITE
    shades[np.isnan(errors)] = UNKNOWN
    return shades


def heat_map_lines(
    check: Comparison, names: tuple[str, ...] | None, screen: Screen
) -> Iterator[Text]:
    """The map of a check for a screen: heading, map, axis and legend."""
    width = WIDTH_IN_PIPES if screen.width == UNLIMITED else screen.width
    labels = _labels(check, names, width // 3)
    margin = max(map(cell_len, labels))
    room = width - margin - 4
    picture = heat_map(check, MOST_LINES, room)
    levels = thresholds(picture.errors, check.tolerance)
    cells = glyphs(picture.errors, levels)
    wide = min(WIDEST_CELL, max(room // cells.shape[1], 1))

    yield Text(f" {_heading(check, picture)}")
    for label, line in zip(labels, cells, strict=True):
        yield _aligned(label, margin).append(" ").append(_coloured(line, wide))
    axis = "feature" if is_per_feature(check.name) else "row"
    yield _aligned(axis, margin).append(f" {_axis(picture, cells.shape[1] * wide, wide)}")
    yield from flowed(_legend(picture.errors, levels, check.tolerance), width)


def _heading(check: Comparison, picture: HeatMap) -> str:
    per_feature = is_per_feature(check.name)
    down, across = picture.size
    folded = [
        f"{size} {what}s"
        for size, what in ((down, "feature"), (across, "feature" if per_feature else "row"))
        if size > 1
    ]
    largest = f"; largest of {' × '.join(folded)} each" if folded else ""
    return f"{check.name}, error by {'feature' if per_feature else 'feature and row'}{largest}"


def _labels(check: Comparison, names: tuple[str, ...] | None, longest: int) -> list[str]:
    """What stands before each line: a feature's name or number, or the numbers of several."""
    assert check.entries is not None
    if is_per_feature(check.name):
        return [check.name]
    lines = check.entries.numeric.shape[1]
    size = -(-lines // MOST_LINES)
    if size == 1:
        texts = [one_line(name) for name in names] if names else [str(j) for j in range(lines)]
        return [_shortened(text, min(longest, LONGEST_LABEL)) for text in texts]
    starts = range(0, lines, size)
    return [f"{start}–{min(start + size, lines) - 1}" for start in starts]


def _shortened(text: str, cells: int) -> str:
    cut = Text(text)
    cut.truncate(cells, overflow="ellipsis")
    return cut.plain


def _aligned(label: str, margin: int) -> Text:
    return Text(" " + " " * max(margin - cell_len(label), 0) + label)


def _coloured(cells: NDArray[np.str_], wide: int) -> Text:
    line = Text()
    for cell in cells:
        line.append(str(cell) * wide, style=STYLES[str(cell)])
    return line


def _axis(picture: HeatMap, width: int, wide: int) -> str:
    """Numbers of rows below their columns: the first, the last, and round ones between."""
    count, size = picture.shape[1], picture.size[1]
    last = str(count - 1)
    axis = [" "] * max(width, len(last))
    start_of_last = max((count - 1) // size * wide + wide - len(last), 0)
    axis[start_of_last : start_of_last + len(last)] = last
    step = _round_step(10 * size / wide)
    for index in range(0, count - 1, step):
        at, label = index // size * wide, str(index)
        if at + len(label) + 1 < start_of_last:
            axis[at : at + len(label)] = label
    return "".join(axis).rstrip()


def _round_step(least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, … that is not below `least`."""
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power):
            if step >= least:
                return step
        power *= 10


def _legend(errors: Array, levels: list[float], tolerance: float) -> Iterator[Text]:
    """What each character means that may occur."""
    yield Text("log scale:")
    if levels:
        within = "within" if levels[0] == tolerance else "below"
        yield _meaning(ACCEPTED, f"{within} {power_of_ten(levels[0])}")
        highest = float(errors[np.isfinite(errors)].max(initial=0))
        shown = [level for level in levels if level <= highest]
        for shade, level in zip(SHADES, shown, strict=False):
            to = f" to {power_of_ten(highest)}" if level == shown[-1] else ""
            yield _meaning(shade, power_of_ten(level) + to)
    else:
        yield _meaning(ACCEPTED, "0")
    if np.isinf(errors).any():
        yield _meaning(INFINITE, "infinite")
    if np.isnan(errors).any():
        yield _meaning(UNKNOWN, "not known")


def _meaning(glyph: str, meaning: str) -> Text:
    return Text.assemble((glyph, STYLES[glyph]), f" {meaning}")


def power_of_ten(x: float) -> str:
    """Two digits, or one where the second is 0: 1e-6, 2.3e-12, 0."""
    if x == 0:
        return "0"
    digits, exponent = f"{x:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"

"""The step-size curve as a text of the size of a paragraph: both axes logarithmic."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import Array
from bncheck.report.model import STEPS, StepCurve
from bncheck.report.screen import Line, Part, Screen, legend
from bncheck.wording import place, short

LINES = 11

DECADES = 3
"""From one label of an axis to the next."""

WIDEST = 82
"""Of the area within the axes: two characters for each step."""

LEAST_ERROR = 1e-17
"""Smaller errors, and 0, are drawn here."""

CENTRAL, RICHARDSON, BOTH, CHOSEN = "○", "×", "⊗", "┊"
STYLES = {CENTRAL: "cyan", RICHARDSON: "magenta", BOTH: "", CHOSEN: "dim", " ": ""}


def step_curve_lines(curve: StepCurve, screen: Screen) -> Iterator[Part]:
    """Yield the curve for a screen: heading, area, axis, and a line that says what is chosen."""
    yield f" error of dLdZ by step size, at {place(curve.feature, curve.name, curve.row)}"
    errors = np.stack([curve.central, curve.richardson])
    if not (np.isfinite(errors) & (errors > 0)).any():
        yield " 0 with every step" if (errors == 0).any() else " not finite with any step"
        return
    area = _Area(errors, min(WIDEST, screen.width - 10))
    cells = np.full((LINES, area.columns), " ")
    if chosen := area.has(curve.chosen):
        cells[:, area.column(curve.chosen)] = CHOSEN
    _draw(cells, area, curve.steps, curve.central, CENTRAL)
    _draw(cells, area, curve.steps, curve.richardson, RICHARDSON)

    for line, row in enumerate(cells.tolist()):
        yield [(f" {area.label(line):>6} ┤", ""), *((cell, STYLES[cell]) for cell in row)]
    axis, labels = ["─"] * area.columns, ""
    for column, label in area.ticks():
        axis[column] = "┬"
        labels = labels.ljust(column) + label if column >= len(labels) else labels
    yield f" {'':6} └{''.join(axis)}"
    yield f" {'':6}  {labels}"
    yield from legend(_legend(curve, chosen_is_drawn=chosen), screen.width)


class _Area:
    """From steps and errors to columns and lines."""

    def __init__(self, errors: Array, columns: int) -> None:
        finite = np.clip(errors[np.isfinite(errors)], LEAST_ERROR, None)
        self.columns = columns
        # Half a step more on both sides: the curve's are rounded to powers of two.
        self.left, self.right = (
            float(np.log10(step)) for step in (STEPS[0] / 2**0.5, STEPS[-1] * 2**0.5)
        )
        self.top = float(np.ceil(np.log10(finite.max())))
        self.bottom = min(float(np.floor(np.log10(finite.min()))), self.top - 1)

    def has(self, step: float) -> bool:
        return 0 <= self._across(step) <= self.columns - 1

    def column(self, step: float) -> int:
        return round(self._across(step))

    def line(self, error: float) -> int:
        height = np.log10(max(error, LEAST_ERROR)) - self.bottom
        return int(np.rint((LINES - 1) * (1 - height / (self.top - self.bottom))))

    def label(self, line: int) -> str:
        """Return the power of ten that belongs on this line, if any."""
        decades = _labelled(self.bottom, self.top)
        return next((_power(d) for d in decades if self.line(10.0**d) == line), "")

    def ticks(self) -> Iterator[tuple[int, str]]:
        """Yield the columns of the powers of ten, and what they are called."""
        for decade in _labelled(self.left, self.right):
            if self.has(10.0**decade):
                yield self.column(10.0**decade), _power(decade)

    def _across(self, step: float) -> float:
        return float((np.log10(step) - self.left) / (self.right - self.left) * (self.columns - 1))


def _labelled(least: float, most: float) -> list[int]:
    """Return the powers of ten that have a label."""
    return [d for d in range(round(least), round(most) + 1) if d % DECADES == 0]


def _power(decade: int) -> str:
    return f"1e{decade}" if decade else "1"


def _draw(cells: NDArray[np.str_], area: _Area, steps: Array, errors: Array, glyph: str) -> None:
    """Mark each finite error; where the other formula has one too, with a sign for both."""
    for step, error in zip(steps, errors, strict=True):
        if np.isfinite(error):
            at = area.line(float(error)), area.column(float(step))
            cells[at] = glyph if cells[at] in (" ", CHOSEN, glyph) else BOTH


def _legend(curve: StepCurve, *, chosen_is_drawn: bool) -> Iterator[Line]:
    yield [("step in units of the length:", "")]
    for glyph, name in ((CENTRAL, "central"), (RICHARDSON, "Richardson"), (BOTH, "both")):
        yield [(glyph, STYLES[glyph]), (f" {name}", "")]
    mark = f"{CHOSEN} " if chosen_is_drawn else ""
    yield [(f"{mark}chosen: {short(curve.chosen, '.1e')}", "")]
    if not curve.agrees:
        yield [("(the layer's forward is not the definition's: the errors include that)", "")]

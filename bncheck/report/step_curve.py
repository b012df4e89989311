"""The step-size curve as a text of the size of a paragraph: both axes logarithmic."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from bncheck.arrays import Array
from bncheck.report.flow import flowed
from bncheck.report.heatmap import power_of_ten
from bncheck.report.model import STEPS, StepCurve
from bncheck.report.screen import Screen
from bncheck.report.text import feature_name

LINES = 11

DECADES = 3
"""From one label of an axis to the next."""

WIDEST = 82
"""Of the area within the axes: two characters for each step."""

LEAST_ERROR = 1e-17
"""Smaller errors, and 0, are drawn here."""

CENTRAL, RICHARDSON, BOTH, CHOSEN = "○", "×", "⊗", "┊"
STYLES = {CENTRAL: "cyan", RICHARDSON: "magenta", BOTH: "none", CHOSEN: "dim"}


def step_curve_lines(curve: StepCurve, screen: Screen) -> Iterator[Text]:
    """The curve for a screen: heading, area, axis, and a line that says what is chosen."""
    place = f"row {curve.row}, {feature_name(curve.feature, curve.name)}"
    yield Text(f" error of dLdZ by step size, at {place}")
    errors = np.stack([curve.central, curve.richardson])
    if not (np.isfinite(errors) & (errors > 0)).any():
        yield Text(" 0 with every step" if (errors == 0).any() else " not finite with any step")
        return
    columns = min(WIDEST, screen.width - 10)
    area = _Area(curve, columns)
    cells = np.full((LINES, columns), " ")
    chosen = area.column(curve.chosen) if area.has(curve.chosen) else None
    if chosen is not None:
        cells[:, chosen] = CHOSEN
    _draw(cells, area, curve.steps, curve.central, CENTRAL)
    _draw(cells, area, curve.steps, curve.richardson, RICHARDSON)

    for line, row in enumerate(cells):
        text = Text(f" {area.label(line):>6} ┤")
        for cell in row:
            text.append(str(cell), STYLES.get(str(cell), ""))
        yield text
    yield Text(f" {'':6} └" + area.axis())
    yield Text(f" {'':6}  " + area.axis_labels())
    yield from flowed(_legend(curve, chosen is not None), screen.width)


class _Area:
    """From steps and errors to columns and lines."""

    def __init__(self, curve: StepCurve, columns: int) -> None:
        errors = np.concatenate([curve.central, curve.richardson])
        finite = np.clip(errors[np.isfinite(errors)], LEAST_ERROR, None)
        self.columns = columns
        # Half a step more on both sides: the curve's are rounded to powers of two.
        self.left, self.right = (
            float(np.log10(step)) for step in (STEPS[0] / 2**0.5, STEPS[-1] * 2**0.5)
        )
        self.top = float(np.ceil(np.log10(finite.max(initial=LEAST_ERROR))))
        self.bottom = float(np.floor(np.log10(finite.min(initial=10**self.top))))
        if self.top - self.bottom < 1:
            self.bottom = self.top - 1

    def has(self, step: float) -> bool:
        return 0 <= self._across(step) <= self.columns - 1

    def column(self, step: float) -> int:
        return round(self._across(step))

    def line(self, error: float) -> int:
        height = np.log10(max(error, LEAST_ERROR)) - self.bottom
        return int(np.rint((LINES - 1) * (1 - height / (self.top - self.bottom))))

    def label(self, line: int) -> str:
        """The power of ten that belongs on this line, if any."""
        decades = range(round(self.bottom), round(self.top) + 1)
        here = [d for d in decades if d % DECADES == 0 and self.line(10.0**d) == line]
        return _power(here[0]) if here else ""

    def axis(self) -> str:
        axis = ["─"] * self.columns
        for column, _ in self._ticks():
            axis[column] = "┬"
        return "".join(axis)

    def axis_labels(self) -> str:
        text = ""
        for column, label in self._ticks():
            text = text.ljust(column) + label if column >= len(text) else text
        return text

    def _across(self, step: float) -> float:
        return float((np.log10(step) - self.left) / (self.right - self.left) * (self.columns - 1))

    def _ticks(self) -> list[tuple[int, str]]:
        """Columns of the powers of ten, and what they are called."""
        decades = range(round(self.left), round(self.right) + 1)
        shown = [d for d in decades if d % DECADES == 0 and self.has(10.0**d)]
        return [(self.column(10.0**d), _power(d)) for d in shown]


def _power(decade: int) -> str:
    return f"1e{decade}" if decade else "1"


def _draw(cells: NDArray[np.str_], area: _Area, steps: Array, errors: Array, glyph: str) -> None:
    """Mark each finite error; where the other formula has one too, with a sign for both."""
    for step, error in zip(steps, errors, strict=True):
        if np.isfinite(error):
            at = area.line(float(error)), area.column(float(step))
            taken = cells[at] in (CENTRAL, RICHARDSON) and cells[at] != glyph
            cells[at] = BOTH if taken or cells[at] == BOTH else glyph


def _legend(curve: StepCurve, chosen_is_drawn: bool) -> Iterator[Text]:
    yield Text("step in units of the length:")
    for glyph, name in ((CENTRAL, "central"), (RICHARDSON, "Richardson"), (BOTH, "both")):
        yield Text.assemble((glyph, STYLES[glyph]), f" {name}")
    mark = f"{CHOSEN} " if chosen_is_drawn else ""
    yield Text(f"{mark}chosen: {power_of_ten(curve.chosen)}")
    if not curve.agrees:
        yield Text("(the layer's forward is not the definition's: the errors include that)")

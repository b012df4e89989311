"""What the text of a report has below the notes of each input."""

# What draws is imported where it is used: most checks pass, and show none of this.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bncheck.batchnorm.quantities import GRADIENTS, is_per_feature
from bncheck.compare.comparison import Comparison, Verdict
from bncheck.report.model import InputReport
from bncheck.report.screen import Screen

if TYPE_CHECKING:
    from bncheck.report.model import StepCurve

WORST = 5
"""How many entries of a check that did not pass are shown, unless the user says how many."""

NO_ENTRIES = "not drawn or listed: the entries of a mini-batch this large are not kept"

FEWEST_TO_DRAW = 9
"""The worst entries show a quantity of fewer well enough."""


@dataclass(frozen=True, eq=False)
class Details:
    """What is to be shown below the notes.

    Attributes
    ----------
    worst
        How many of the worst entries of each check; None for `WORST` where it did not pass.
    plot
        Whether to draw the errors and the step-size curve in any case. Otherwise the errors of one
        quantity are drawn, where there is one input and it failed.
    """

    worst: int | None = None
    plot: bool = False

    def of(self, report: InputReport, screen: Screen, *, alone: bool) -> Iterator[Any]:
        """The parts of one input, for rich, with blank lines after them.

        Parameters
        ----------
        report
            The input.
        screen
            What the parts are laid out for.
        alone
            Whether it is the only input.
        """
        count = WORST if self.worst is None else self.worst
        for check in self._listed(report):
            yield from _listing(check, count, report.names, screen)
        for check in self._drawn(report, alone=alone):
            from bncheck.report.heatmap import heat_map_lines

            yield from heat_map_lines(check, report.names, screen)
            yield Text("")
        if (self.plot or self.worst) and has_no_entries(report):
            yield Text(NO_ENTRIES)
            yield Text("")
        elif self.plot:
            yield from _curve(report.curve, screen)
            yield Text("")

    def _listed(self, report: InputReport) -> list[Comparison]:
        """The checks whose worst entries are listed.

        A table of one entry would repeat what the table of checks says.
        """
        checks = _deciding(report) if report.verdict is not Verdict.PASS else []
        if self.worst and not checks:
            checks = [check for check in report.checks if check.name in GRADIENTS]
        return [check for check in checks if check.compared > 1 and check.entries is not None]

    def _drawn(self, report: InputReport, *, alone: bool) -> Sequence[Comparison]:
        """The checks whose errors are drawn."""
        checks = drawable(report)
        if self.plot:
            return checks
        failed = alone and report.verdict is Verdict.FAIL
        return [check for check in checks[:1] if failed and check.compared >= FEWEST_TO_DRAW]


def has_no_entries(report: InputReport) -> bool:
    """Whether the mini-batch was so large that its entries were not kept."""
    return any(check.compared and check.entries is None for check in report.checks)


def _curve(curve: StepCurve | None, screen: Screen) -> Iterator[Text]:
    if curve is None:
        yield Text("no step-size curve: there is no forward to difference")
    else:
        from bncheck.report.step_curve import step_curve_lines

        yield from step_curve_lines(curve, screen)


def drawable(report: InputReport) -> Sequence[Comparison]:
    """The checks whose errors are worth a picture, the most telling first.

    They are those that decide the verdict: dLdZ first, then what has a value for each entry of Z.
    Where everything passed it is dLdZ alone.
    """
    checks = [
        check
        for check in _deciding(report)
        if check.compared >= (FEWEST_TO_DRAW if is_per_feature(check.name) else 1)
        and check.entries is not None
    ]
    if report.verdict is Verdict.PASS:
        checks = [check for check in checks if check.name == "dLdZ"]
    return sorted(checks, key=lambda check: (check.name != "dLdZ", is_per_feature(check.name)))


def _deciding(report: InputReport) -> list[Comparison]:
    return [check for check in report.checks if check.verdict is report.verdict]


def _listing(
    check: Comparison, count: int, names: tuple[str, ...] | None, screen: Screen
) -> Iterator[Any]:
    """Where the wrong entries lie, and the worst of them."""
    from bncheck.report.pattern import pattern
    from bncheck.report.worst import worst_table

    sentence = pattern(check, names)
    if sentence is not None:
        yield Text(sentence)
    if count:
        yield worst_table(check, count, names, screen)
    if sentence is not None or count:
        yield Text("")

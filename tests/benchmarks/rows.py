"""The rows of a benchmark's table: what was measured, beside what was asked for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table

HEADERS = ("what", "ours", "the other", "ratio", "min to max", "target", "")


@dataclass(frozen=True)
class Row:
    """A ratio, ours to the other's, that is to be at most `target`.

    Attributes
    ----------
    ratios
        Of each pair; none where nothing could be measured.
    target
        None where nothing is asked for.
    failed
        Whether what was measured did not even run to its end.
    """

    what: str
    ours: str
    other: str
    ratios: tuple[float, ...] = ()
    target: float | None = None
    failed: bool = False

    @property
    def verdict(self) -> str:
        if self.failed:
            return "MISSED"
        if self.target is None or not self.ratios:
            return ""
        return "met" if median(self.ratios) <= self.target else "MISSED"

    @property
    def cells(self) -> tuple[str, ...]:
        ratio = range_ = ""
        if self.ratios:
            ratio = f"{median(self.ratios):.3g}"
            range_ = f"{min(self.ratios):.3g} to {max(self.ratios):.3g}"
        target = "" if self.target is None else f"<= {self.target:g}"
        return (self.what, self.ours, self.other, ratio, range_, target, self.verdict)


@dataclass(frozen=True)
class Line:
    """A part of the benchmark that can be run by itself, for one row or several."""

    name: str
    measure: Callable[[], Iterable[Row]]


def rendered(rows: Iterable[Row], *, markdown: bool) -> str:
    table = Table(box=box.MARKDOWN if markdown else box.SIMPLE)
    for header in HEADERS:
        table.add_column(header, justify="left" if header in ("what", "") else "right")
    for row in rows:
        table.add_row(*row.cells)
    console = Console(width=200, highlight=False, markup=False, color_system=None)
    with console.capture() as capture:
        console.print(table)
    lines = (line.rstrip() for line in capture.get().splitlines())
    return "\n".join(line for line in lines if line)


def amount(value: float, unit: str) -> str:
    """A number with three digits and its unit: 0.0123 s are 12.3 ms."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "µ")):
        if value >= 0.9995 * factor:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value * 1e9:.3g} n{unit}"

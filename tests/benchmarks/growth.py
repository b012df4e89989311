"""How the time of gradcheck grows with the number of rows and with that of columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bncheck import BatchNorm1d
from tests.benchmarks.checks import check
from tests.benchmarks.layers import data
from tests.benchmarks.rows import Line, Row, amount
from tests.benchmarks.timing import seconds_of

ROUNDS = 3
"""Each of them goes through all sizes once, so that a busy while is not that of one size."""

STEEPEST = 1.1

BY_N = [(12_500 * 2**k, 32) for k in range(6)]
BY_C = [(25_000, 2**k) for k in range(3, 9)]


@dataclass(frozen=True)
class Growth:
    """Seconds of each round, (rounds, sizes), while N or C grows."""

    name: str
    shapes: list[tuple[int, int]]
    seconds: Any

    @property
    def sizes(self) -> list[int]:
        """The N or the C that grows."""
        return [shape["NC".index(self.name)] for shape in self.shapes]

    @property
    def per_entry(self) -> Any:
        return self.seconds / np.prod(self.shapes, axis=1)

    @property
    def slopes(self) -> tuple[float, ...]:
        """Of log time against log size, by least squares, for each round."""
        fits = (np.polyfit(np.log(self.sizes), np.log(each), 1) for each in self.seconds)
        return tuple(float(slope) for slope, _ in fits)

    def rows(self) -> Iterator[Row]:
        first, *others = self.per_entry.T
        for (N, C), times in zip(self.shapes[1:], others, strict=True):
            smallest = "{}, {} × {}".format(amount(median(first), "s"), *self.shapes[0])
            name = f"growth with {self.name}: time per entry, {N} × {C}"
            yield Row(name, amount(median(times), "s"), smallest, tuple(times / first))
        yield Row(f"growth with {self.name}: slope of log time", "", "", self.slopes, STEEPEST)


def growth_line(figure: Path | None) -> Line:
    def measure() -> Iterator[Row]:
        found = [growth("N", BY_N), growth("C", BY_C)]
        if figure is not None:
            draw(found, figure)
        for each in found:
            yield from each.rows()

    return Line("growth: with N and with C", measure)


def growth(name: str, shapes: list[tuple[int, int]]) -> Growth:
    time_of(shapes[0])  # a warm-up: what is done once in a process does not count
    return Growth(name, shapes, np.array([[*map(time_of, shapes)] for _ in range(ROUNDS)]))


def time_of(shape: tuple[int, int]) -> float:
    Z, _ = data(*shape)
    return seconds_of(lambda: check(BatchNorm1d(shape[1]), Z))


def draw(found: list[Growth], path: Path) -> None:
    """Time per entry against N and against C: a level line is time in proportion."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, each in zip(picture.subplots(1, len(found), sharey=True), found, strict=True):
        nanoseconds = each.per_entry * 1e9
        axes.fill_between(each.sizes, nanoseconds.min(axis=0), nanoseconds.max(axis=0), alpha=0.2)
        axes.plot(each.sizes, np.median(nanoseconds, axis=0), marker="o")
        axes.set(xscale="log", xlabel=each.name)
        axes.set_xticks(each.sizes, labels=map(str, each.sizes))
        axes.minorticks_off()
        fixed = "C = 32" if each.name == "N" else "N = 25000"
        axes.set_title(f"{fixed}: time grows as {each.name}^{median(each.slopes):.2f}")
        axes.grid(alpha=0.3)
    picture.axes[0].set_ylabel("nanoseconds per entry")
    picture.axes[0].set_ylim(bottom=0)  # only now: it fixes the top as well
    picture.savefig(path)

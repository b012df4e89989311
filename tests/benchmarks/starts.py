"""How long the program takes to start, beside the imports that it cannot do without."""

import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks.rows import Line
from tests.benchmarks.timing import compared, cpu_time, in_turn

PROGRAM = str(Path(sys.executable).parent / "bncheck")

Pairs = list[tuple[float, float]]


def start_lines() -> Iterator[Line]:
    for option in ("--help", "--version"):
        yield compared(
            f"start: {option}, CPU time, against import typer",
            1.3,
            partial(processes, [PROGRAM, option], "import typer"),
        )
    yield compared(
        "start: gradcheck of 4 × 3, CPU time, against import numpy, typer, rich", 1.3, small_check
    )


def small_check() -> Pairs:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.csv"
        Z = np.random.default_rng(0).standard_normal((4, 3))
        np.savetxt(path, Z, delimiter=",", header="a,b,c", comments="")
        needed = "import numpy, typer, rich.table, rich.console"
        return processes([PROGRAM, "gradcheck", str(path)], needed)


def processes(command: list[str], imports: str) -> Pairs:
    def ours() -> float:
        return cpu_time(command)

    def other() -> float:
        return cpu_time([sys.executable, "-c", imports])

    return in_turn(ours, other, least=21)

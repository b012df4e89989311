"""Two things measured in turn, in one run, so that a busy machine is busy for both."""

import atexit
import gc
import os
import shutil
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import cache
from statistics import median

from tests.benchmarks.rows import Line, Row, amount

Cost = Callable[[], float]
"""Does something once, and gives the seconds or the bytes that it took."""

NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"

LEAST_SECONDS = 5e-3
"""Of one timing; what is shorter is repeated inside of it."""


def in_turn(
    ours: Cost, other: Cost, *, least: int = 3, most: int = 51, seconds: float = 6
) -> list[tuple[float, float]]:
    """Costs of pairs, after one that does not count: as many as take so long, within the limits."""
    start = time.perf_counter()
    ours(), other()
    pairs = seconds / (time.perf_counter() - start)
    return [(ours(), other()) for _ in range(int(min(max(pairs, least), most)))]


def compared(
    name: str, target: float, pairs: Callable[[], list[tuple[float, float]]], unit: str = "s"
) -> Line:
    """The line of two things that are measured when it is asked for."""
    return Line(name, lambda: [row_of(name, target, pairs(), unit)])


def row_of(name: str, target: float, pairs: list[tuple[float, float]], unit: str) -> Row:
    ours, other = (amount(median(costs), unit) for costs in zip(*pairs, strict=True))
    return Row(name, ours, other, tuple(a / b for a, b in pairs), target)


def wall_time(function: Callable[[], object]) -> Cost:
    """Seconds of one call; several calls where one is too short to be timed."""
    repeats = 1
    while (taken := seconds_of(function, repeats)) < LEAST_SECONDS:
        repeats = max(2 * repeats, int(repeats * LEAST_SECONDS / taken) + 1)
    return lambda: seconds_of(function, repeats) / repeats


def seconds_of(function: Callable[[], object], repeats: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return time.perf_counter() - start


def peak_memory(function: Callable[[], object]) -> float:
    """Bytes that Python and NumPy held at once during a call, above what they held before."""
    gc.collect()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@cache
def installed() -> dict[str, str]:
    """An environment in which bytecode is kept, as it is where pip has installed a program."""
    environment = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return environment | {"PYTHONPYCACHEPREFIX": folder}


def cpu_time(command: list[str]) -> float:
    """Seconds, of the user and of the system, that a whole process took.

    Raises
    ------
    RuntimeError
        Where it did not end well: a program that crashes is quick.
    """
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    child = os.posix_spawn(command[0], command, installed(), file_actions=silent)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        code = os.waitstatus_to_exitcode(status)
        raise RuntimeError(f"{' '.join(command)} ended with {code}")
    return usage.ru_utime + usage.ru_stime

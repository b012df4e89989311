"""A file larger than memory, read by the installed program in a small address space."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.benchmarks import limited
from tests.benchmarks.rows import Line, Row, amount
from tests.benchmarks.starts import PROGRAM

C = 100
BLOCK = 100_000
"""Rows that are written at once."""

ADDRESS_SPACE = 10**9
PEAK = 300e6


def large_line(size: float) -> Line:
    name = f"large: file of {amount(size, 'B')} in {amount(ADDRESS_SPACE, 'B')}"
    return Line(name, lambda: large_rows(name, size))


def large_rows(name: str, size: float) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        file, out, state = (str(folder / each) for each in ("Z.npy", "out.npy", "state.npz"))
        write_matrix(Path(file), int(size / (8 * C)))
        write_state(Path(state))
        for command in (
            ["forward", file, "-o", out],
            ["eval", file, "--state", state],
            ["gradcheck", file],
        ):
            yield run(f"{name}: {command[0]}", size, command)
            Path(out).unlink(missing_ok=True)


def write_matrix(path: Path, N: int) -> None:
    rng = np.random.default_rng(0)
    header = {"descr": "<f8", "fortran_order": False, "shape": (N, C)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, N, BLOCK):
            rng.standard_normal((min(BLOCK, N - start), C)).astype("<f8").tofile(file)


def write_state(path: Path) -> None:
    ones = np.ones((1, C))
    np.savez(path, BW=ones, Bb=0 * ones, running_M=0 * ones, running_V=ones)


def run(name: str, size: float, command: list[str]) -> Row:
    """Peak memory beside what is allowed; a program that fails has missed the target."""
    watcher = [sys.executable, limited.__file__, str(ADDRESS_SPACE), PROGRAM, *command]
    done = subprocess.run(watcher, stdout=subprocess.PIPE, text=True, check=True)
    took = json.loads(done.stdout)
    status, seconds, peak = took["status"], took["seconds"], took["peak"]
    ours = f"exit {status}, {amount(seconds, 's')}"
    if status != 0:
        return Row(name, ours, amount(PEAK, "B"), target=1, failed=True)
    ours += f", {amount(size / seconds, 'B')}/s, peak {amount(peak, 'B')}"
    return Row(name, ours, amount(PEAK, "B"), (peak / PEAK,), 1)

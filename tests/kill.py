"""Runs that are killed at random moments. `python -m tests.kill --runs 1000` prints the figures."""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

OUTPUTS = ("normalised.csv", "state.npz")
OLD = b"what was there before\n"
COMMAND = (
    *(sys.executable, "-m", "bncheck", "forward", "Z.npy", "-q"),
    *("-o", OUTPUTS[0], "--save-state", OUTPUTS[1]),
)


@dataclass
class Figures:
    """What many killed runs left.

    Attributes
    ----------
    runs, finished
        All of them, and those that were over before they could be killed.
    old, new, parts
        Output files that were the old one, the new one, or neither.
    littered, litter
        Runs that left temporary files, and how many of these one more run did not remove.
    """

    runs: int = 0
    finished: int = 0
    old: int = 0
    new: int = 0
    parts: int = 0
    littered: int = 0
    litter: int = 0


def prepare(folder: Path) -> dict[str, bytes]:
    """Write the input, and what the outputs are to be."""
    Z = np.random.default_rng(0).normal(size=(10_000, 6))
    np.save(folder / "Z.npy", Z)
    subprocess.run(COMMAND, cwd=folder, check=True)
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


def kill_runs(folder: Path, runs: int, seed: int) -> Figures:
    """Kill so many runs in this folder, and look at what each of them leaves.

    Every other run is killed at a moment of its whole time, the others after their first temporary
    file appeared: there is more to go wrong then.
    """
    new = prepare(folder)
    rng, figures = random.Random(seed), Figures(runs=runs)
    whole, writing = durations(folder)
    for run in range(runs):
        for name in OUTPUTS:
            (folder / name).write_bytes(OLD)
        process = subprocess.Popen(COMMAND, cwd=folder, stderr=subprocess.DEVNULL)
        if run % 2:
            wait_for_temporary(folder, process)
            time.sleep(rng.uniform(0, writing))
        else:
            time.sleep(rng.uniform(0, whole))
        process.kill()
        figures.finished += process.wait() == 0
        for name in OUTPUTS:
            content = (folder / name).read_bytes()
            figures.old += content == OLD
            figures.new += content == new[name]
            figures.parts += content not in (OLD, new[name])
        if temporaries(folder):
            figures.littered += 1
            subprocess.run(COMMAND, cwd=folder, check=True)
            figures.litter += len(temporaries(folder))
    return figures


def durations(folder: Path) -> tuple[float, float]:
    """Seconds of a run, and those from its first temporary file on."""
    start = time.monotonic()
    process = subprocess.Popen(COMMAND, cwd=folder)
    wait_for_temporary(folder, process)
    first = time.monotonic()
    process.wait()
    end = time.monotonic()
    return end - start, end - first


def wait_for_temporary(folder: Path, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None and not temporaries(folder):
        time.sleep(0.0002)


def temporaries(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".bncheck-")]


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = kill_runs(Path(name), arguments.runs, arguments.seed)
    lines = {
        "runs": figures.runs,
        "of them over before the kill": figures.finished,
        "output files": figures.runs * len(OUTPUTS),
        "the old file": figures.old,
        "the new file": figures.new,
        "a part of one (must be 0)": figures.parts,
        "runs that left temporary files": figures.littered,
        "temporary files after one more run (must be 0)": figures.litter,
    }
    for what, count in lines.items():
        print(f"{count:6}  {what}")
    sys.exit(bool(figures.parts or figures.litter))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        _main()

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
from typing import Any

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
    named, litter
        Temporary files that were left: with the whole content of an output, as there may be one for
        a moment when it replaces another file, and with a part of it.
    """

    runs: int = 0
    finished: int = 0
    old: int = 0
    new: int = 0
    parts: int = 0
    named: int = 0
    litter: int = 0


def prepare(folder: Path) -> dict[str, bytes]:
    """Write the input, and what the outputs are to be."""
    Z = np.random.default_rng(0).normal(size=(10_000, 6))
    np.save(folder / "Z.npy", Z)
    subprocess.run(COMMAND, cwd=folder, check=True)
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


def kill_runs(folder: Path, runs: int, seed: int) -> Figures:
    """Kill so many runs in this folder, and look at what each of them leaves.

    Every other run is killed at a moment of its whole time, the others after they began to write:
    there is more to go wrong then.
    """
    new = prepare(folder)
    rng, figures = random.Random(seed), Figures(runs=runs)
    whole, writing = durations(folder)
    for run in range(runs):
        for name in OUTPUTS:
            (folder / name).write_bytes(OLD)
        process = subprocess.Popen(COMMAND, cwd=folder, stderr=subprocess.DEVNULL)
        if run % 2:
            wait_for_writing(folder, process)
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
        for name in temporaries(folder):
            whole = (folder / name).read_bytes() in new.values()
            figures.named += whole
            figures.litter += not whole
            (folder / name).unlink()
    return figures


def durations(folder: Path) -> tuple[float, float]:
    """Seconds of a run, and those since it began to write."""
    start = time.monotonic()
    process = subprocess.Popen(COMMAND, cwd=folder)
    wait_for_writing(folder, process)
    first = time.monotonic()
    process.wait()
    end = time.monotonic()
    return end - start, end - first


def wait_for_writing(folder: Path, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None and not is_writing(folder, process):
        time.sleep(0.0002)


def is_writing(folder: Path, process: subprocess.Popen[Any]) -> bool:
    """Whether the process has a temporary file in the folder, with a name or without one."""
    opened = Path(f"/proc/{process.pid}/fd")
    with suppress(OSError):
        for descriptor in opened.iterdir():
            place = os.readlink(descriptor)
            if place.startswith(f"{folder}/") and place.endswith(" (deleted)"):
                return True
    return bool(temporaries(folder))


def temporaries(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".bncheck-")]


def has_nameless_files(folder: Path) -> bool:
    """Whether files in the folder can be without a name: then nothing of them is ever left."""
    try:
        os.close(os.open(folder, os.O_RDWR | os.O_TMPFILE))
    except (AttributeError, OSError):
        return False
    return True


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = kill_runs(Path(name), arguments.runs, arguments.seed)
        nameless = has_nameless_files(Path(name))
    lines = {
        "runs": figures.runs,
        "of them over before the kill": figures.finished,
        "output files": figures.runs * len(OUTPUTS),
        "the old file": figures.old,
        "the new file": figures.new,
        "a part of one (must be 0)": figures.parts,
        "whole files left under a temporary name (rare)": figures.named,
        "parts left under a temporary name (must be 0 where files can be nameless)": figures.litter,
    }
    for what, count in lines.items():
        print(f"{count:6}  {what}")
    sys.exit(bool(figures.parts or (figures.litter and nameless)))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        _main()

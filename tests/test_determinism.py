"""The same command gives the same bytes, on however many threads and processors it runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

WINE = "sample_data/wine.csv"

WRONG = Path(__file__).parent / "layers" / "wrong" / "mean_path_missing.py"

COMMANDS = {
    "forward": f"forward {WINE} -o out/BZ.csv --save-state out/state.npz",
    "forward to stdout": "forward wide.npy -o -",
    "eval": "eval wide.npy --state state.npz -o out/BZ.npy --json",
    "backward": "backward wide.npy --upstream upstream.npy -o out/dLdZ.npy --gradients out/all.npz",
    "gradcheck": f"gradcheck {WINE} --plot --report out/page.html",
    "gradcheck as JSON": "gradcheck wide.npy --json --seed 3",
    "gradcheck of a wrong layer": f"gradcheck wide.npy --layer {WRONG}",
}

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

SURROUNDINGS = {
    "one thread": dict.fromkeys(THREADS, "1"),
    "many threads, other hashes": dict.fromkeys(THREADS, "7") | {"PYTHONHASHSEED": "1"},
    "one processor": {},
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_same_bytes(command: str, folder: Path) -> None:
    rng = np.random.default_rng(0)
    np.save("wide.npy", rng.normal(2, 3, size=(150, 260)))
    np.save("upstream.npy", rng.normal(size=(150, 260)))
    np.savez("state.npz", running_M=rng.normal(size=(1, 260)), running_V=np.ones((1, 260)))
    usual = bytes_of(command, {"PYTHONHASHSEED": "0"}, [])
    assert usual[""]
    for name, environment in SURROUNDINGS.items():
        pinned = name == "one processor" and shutil.which("taskset") is not None
        there = bytes_of(command, environment, ["taskset", "-c", "0"] if pinned else [])
        assert [file for file in usual if there[file] != usual[file]] == [], name


def bytes_of(command: str, environment: dict[str, str], before: list[str]) -> dict[str, bytes]:
    """What a command writes: its stdout, under no name, and its files."""
    shutil.rmtree("out", ignore_errors=True)
    Path("out").mkdir()
    done = subprocess.run(
        [*before, sys.executable, "-m", "bncheck", *command.split()],
        stdout=subprocess.PIPE,
        env=os.environ | environment,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, 1)
    return {"": done.stdout} | {path.name: path.read_bytes() for path in Path("out").iterdir()}

"""Exceptions become exit statuses: which, and what stands on which stream then."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.errors import ExitCode

WINE = "sample_data/wine.csv"
LAYER = Path(__file__).parent / "layers" / "right" / "spec_names.py"
BACKWARD = BatchNorm1d.backward


def with_one_wrong_entry(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    dLdZ = BACKWARD(layer, dLdBZ).copy()
    dLdZ[17:18, 2] += 0.05 * np.abs(dLdZ[:, 2]).max()  # where there is such a row
    return dLdZ


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchNorm1d, "backward", with_one_wrong_entry)


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a bug")


def test_the_statuses_are_those_of_the_contract() -> None:
    assert [code.value for code in ExitCode] == [0, 1, 2, 3, 4, 129, 130, 143]


@pytest.mark.parametrize(
    "command",
    [
        "forward sample_data/wine.csv",
        "eval sample_data/digits_held_out.csv --state sample_data/digits_state.npz",
        "backward sample_data/digits_batch_1.npy --upstream sample_data/digits_batch_1_dLdBZ.npy",
        "gradcheck sample_data/wine.csv",
        "--version",
        "--help",
        "gradcheck --help",
    ],
)
def test_0_done(command: str, bncheck) -> None:
    result = bncheck(*command.split())
    assert result.status == 0
    assert result.stdout
    assert result.stderr == ""


@pytest.mark.usefixtures("planted")
def test_1_names_the_gradient_and_the_entry(bncheck) -> None:
    result = bncheck("gradcheck", WINE)
    assert result.status == 1
    (failed,) = [line for line in result.stdout.splitlines() if line.endswith("FAIL")]
    assert failed.startswith(" dLdZ ")
    assert " row 17, ash " in failed
    assert result.stdout.splitlines()[-1] == (
        "fail: dLdZ is wrong in 1 of 2 314 entries; 8 other checks passed"
    )


@pytest.mark.usefixtures("planted")
def test_1_a_failure_is_told_of_its_input(bncheck) -> None:
    np.save("short.npy", np.load("sample_data/digits_batch_2.npy")[:10])
    result = bncheck("gradcheck", "short.npy", "sample_data/digits_batch_2.npy")
    assert result.status == 1
    assert "fail: dLdZ on sample_data/digits_batch_2.npy is wrong" in result.stdout


def test_1_a_layer_that_raises_has_failed(bncheck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchNorm1d, "backward", broken)
    result = bncheck("gradcheck", WINE)
    assert result.status == 1
    assert "backward raised ZeroDivisionError: a bug" in result.stdout
    assert result.stderr == ""


def test_2_could_not_run(bncheck) -> None:
    result = bncheck("gradcheck", "missing.csv")
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == (
        "bncheck: error: `missing.csv` does not exist\n  help: check the name and the folder\n"
    )


def test_3_inconclusive(bncheck) -> None:
    result = bncheck("gradcheck", WINE, "--rtol", "1e-16")
    assert result.status == 3
    assert result.stdout.splitlines()[-1].startswith("inconclusive: dLdNZ is inconclusive in ")


@pytest.mark.usefixtures("planted")
def test_a_failure_outweighs_what_is_inconclusive(bncheck) -> None:
    assert bncheck("gradcheck", WINE, "--rtol", "1e-16").status == 1


def test_4_a_bug(bncheck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bncheck.cli.output.gradcheck_parts", broken)
    result = bncheck("gradcheck", WINE)
    assert (result.status, result.stdout) == (4, "")
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    assert result.stderr.endswith("ZeroDivisionError: a bug\n")


@pytest.mark.parametrize("options", [[], ["--json"], ["--quiet"], ["--layer", str(LAYER)]])
def test_4_a_value_error_of_the_core_is_no_mistake_of_the_user(
    options: list[str], bncheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("operands could not be broadcast together")

    monkeypatch.setattr(np.random, "default_rng", broken)
    result = bncheck("gradcheck", WINE, *options)
    assert (result.status, result.stdout) == (4, "")
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    assert result.stderr.endswith("\nValueError: operands could not be broadcast together\n")


def test_2_memory_that_runs_out_is_told(bncheck, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(np.random, "default_rng", exhausted)
    result = bncheck("gradcheck", WINE)
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == (
        "bncheck: error: there is not enough memory for this\n  help: use fewer rows or columns\n"
    )


@pytest.mark.parametrize(
    "where", ["bncheck.cli.inputs.read_batches", "bncheck.cli.output.gradcheck_parts"]
)
def test_130_interrupted(where: str, bncheck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, interrupted)
    result = bncheck("gradcheck", WINE)
    assert (result.status, result.stdout, result.stderr) == (130, "", "")


def test_130_interrupted_by_a_signal(folder: Path) -> None:
    os.mkfifo("Z.npy")
    process = subprocess.Popen(
        [sys.executable, "-m", "bncheck", "forward", "Z.npy"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A test run in the background of a shell ignores Ctrl-C, and so would all that it starts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    writer = opened_by_a_reader("Z.npy")
    process.send_signal(signal.SIGINT)
    try:
        stdout, stderr = process.communicate(timeout=20)
    finally:
        process.kill()
    os.close(writer)
    assert (process.returncode, stdout, stderr) == (130, b"", b"")


def opened_by_a_reader(fifo: str) -> int:
    """The writing end of a pipe, once another process has opened it for reading."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads it yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("gradcheck sample_data/wine.csv", 0),
        ("gradcheck sample_data/wine.csv --rtol 1e-16", 3),
        ("gradcheck missing.csv --json", 2),
        ("forward sample_data/wine.csv -o -", 0),
        ("--help", 0),
        ("gradcheck --help", 0),
        ("--version", 0),
    ],
)
def test_a_closed_pipe_changes_no_status(command: str, status: int, folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "bncheck", *command.split()],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert "Broken pipe" not in done.stderr


def test_the_head_of_a_report(bash) -> None:
    result = bash(f"bncheck gradcheck {WINE} --rtol 1e-16 | head -1; echo ${{PIPESTATUS[0]}}")
    assert result.stdout.splitlines() == [
        f"{WINE}   178 × 13   train   built-in layer   seed 0",
        "3",
    ]
    assert result.stderr == ""


@pytest.mark.parametrize(("options", "status"), [("", 2), ("--json", 2), ("-q -o out.csv", 0)])
def test_a_closed_stdout_is_no_bug(options: str, status: int, bash) -> None:
    result = bash(f"bncheck forward {WINE} {options} >&-")
    assert result.status == status
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_told(bash) -> None:
    result = bash(f"bncheck forward {WINE} > /dev/full")
    assert result.status == 2
    assert result.stderr == (
        "bncheck: error: stdout cannot be written: no space left on device\n"
        "  help: redirect it elsewhere\n"
    )


@pytest.mark.parametrize("closing", ["2>&-", ">&- 2>&-", "2>/dev/full"])
def test_a_closed_stderr_does_not_change_the_status(closing: str, folder: Path) -> None:
    command = f"{sys.executable} -m bncheck gradcheck nowhere.npy {closing}"
    assert subprocess.run(command, shell=True, cwd=folder).returncode == 2

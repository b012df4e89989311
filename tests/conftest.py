"""Fixtures: the same environment everywhere, and the program, run in a folder of its own."""

import os
import pty
import shutil
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden", action="store_true", help="rewrite tests/golden/ instead of comparing"
    )


@pytest.fixture(autouse=True)
def _no_settings_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@dataclass(frozen=True)
class Result:
    """What one run of bncheck left."""

    status: int
    stdout: str
    stderr: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: a new one, with a copy of sample_data/."""
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def bncheck(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """bncheck, run in this process: `bncheck("gradcheck", "sample_data/wine.csv")`."""
    from bncheck.__main__ import main

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        status = main(arguments)
        return Result(status, *capsys.readouterr())

    return run


@pytest.fixture
def program(folder: Path) -> Callable[..., Result]:
    """bncheck, run as a program of its own."""

    def run(*arguments: str, python: tuple[str, ...] = (), **environment: str) -> Result:
        done = subprocess.run(
            [sys.executable, *python, "-m", "bncheck", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=os.environ | environment,
            timeout=60,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


def on_a_terminal(command: Sequence[str], columns: int = 80) -> str:
    """What a command prints on a terminal so many columns wide."""
    ours, its = pty.openpty()
    try:
        termios.tcsetwinsize(its, (24, columns))
        subprocess.run(command, stdin=its, stdout=its, stderr=its, timeout=60, check=False)
        # A report is far shorter than what the terminal keeps until it is read.
        shown = os.read(ours, 1 << 16).decode().replace("\r\n", "\n")
        return shown.rpartition("\x1b[2K")[2]  # a bar that came and went, on a busy machine
    finally:
        os.close(its)
        os.close(ours)


@pytest.fixture
def bash(folder: Path) -> Callable[[str], Result]:
    """A bash script, in which `bncheck` is that of the running interpreter's environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def run(script: str, *arguments: str) -> Result:
        done = subprocess.run(
            ["bash", "-c", script, "bash", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PATH": path, "PYTHONIOENCODING": "utf-8"},
            timeout=60,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run

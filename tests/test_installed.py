"""Every exit status, reached as a user reaches it: by the program that pip installs."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bncheck.errors import ExitCode
from tests import readme

PROGRAM = Path(sys.executable).with_name("bncheck")

WINE = "sample_data/wine.csv"
BATCH = "sample_data/digits_batch_1.npy"
UPSTREAM = "--upstream sample_data/digits_batch_1_dLdBZ.npy"
STATE = "--state sample_data/digits_state.npz"

RAISES = "class Layer:\n    def forward(self, Z):\n        raise KeyError('a bug of theirs')\n"
RAISES += "    def backward(self, dLdBZ):\n        return dLdBZ\n"

STATUSES: dict[str, int] = {
    "--version": 0,
    "--help": 0,
    "forward --help": 0,
    f"forward {WINE}": 0,
    f"forward {WINE} --quiet": 0,
    f"forward {WINE} --json": 0,
    f"forward {WINE} -o - --save-state state.npz": 0,
    f"eval sample_data/digits_held_out.csv {STATE}": 0,
    f"backward {BATCH} {UPSTREAM} --gradients gradients.npz": 0,
    f"gradcheck {WINE}": 0,
    f"gradcheck {WINE} --mode eval --json": 0,
    f"gradcheck {WINE} --layer my_batchnorm.py": 1,
    f"gradcheck {WINE} --layer my_batchnorm.py --json": 1,
    f"gradcheck {WINE} --layer my_batchnorm.py --quiet": 1,
    f"gradcheck {WINE} --layer raises.py": 1,
    f"gradcheck {WINE} --results wrong.npz": 1,
    "": 2,
    "frobnicate": 2,
    "forward": 2,
    f"forward {WINE} --no-such-option": 2,
    f"forward {WINE} --alpha two": 2,
    f"forward {WINE} --columns colour": 2,
    "gradcheck missing.csv": 2,
    "gradcheck missing.csv --json": 2,
    "forward sample_data": 2,
    f"forward {WINE} -o missing/BZ.npy": 2,
    f"forward {WINE} {STATE}": 2,
    f"gradcheck {WINE} --layer missing.py": 2,
    f"gradcheck {WINE} --layer broken.py": 2,
    f"forward {WINE} --layer raises.py": 2,
    f"gradcheck {WINE} --rtol 1e-16": 3,
    f"gradcheck {WINE} --rtol 1e-16 --json": 3,
}
"""What is typed, and the status. Those of a bug and of an interrupt need some help, see below."""


def run(*arguments: str, plugin: str = "") -> subprocess.CompletedProcess[str]:
    """The installed program, in the current directory, after `plugin` has changed it."""
    Path("plugin").mkdir(exist_ok=True)
    Path("plugin/sitecustomize.py").write_text(plugin, "utf-8")
    return subprocess.run(
        [PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": "plugin"},
        # A test run in the background of a shell ignores Ctrl-C, and so would all that it starts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        timeout=60,
        check=False,
    )


@pytest.fixture(autouse=True)
def _files(folder: Path) -> None:
    for name, content in readme.files().items():
        Path(name).write_text(content, "utf-8")
    Path("raises.py").write_text(RAISES, "utf-8")
    Path("broken.py").write_text("class Layer(:\n", "utf-8")
    np.savez("wrong.npz", BZ=np.ones((178, 13)))


@pytest.mark.parametrize("command", STATUSES)
def test_status(command: str) -> None:
    done = run(*command.split())
    assert done.returncode == STATUSES[command], done.stderr
    assert "Traceback" not in done.stderr
    if done.returncode == ExitCode.USAGE and "--json" not in command:
        assert done.stdout == ""
        first, second = done.stderr.splitlines()
        assert first.startswith("bncheck: error: ")
        assert second.startswith("  help: ")
    elif "-o -" not in command:
        assert done.stderr == ""
    if "--json" in command:
        json.loads(done.stdout)


# A function is replaced before the program starts, as a bug in it would have it.
BUG = """
import {module} as module
def broken(*arguments, **options):
    raise {error}("a bug")
module.{function} = broken
"""
PLACES = {
    "reading": ("bncheck.cli.inputs", "read_batches"),
    "computing": ("bncheck.cli.passes", "run_forward"),
    "writing": ("bncheck.files.write", "Outputs.matrix"),
    "showing": ("bncheck.cli.output", "Presentation.passes"),
}


def plugin(text: str, place: str, error: str = "") -> str:
    module, function = PLACES[place]
    return text.format(module=module, function=function, error=error)


@pytest.mark.parametrize(
    ("error", "options"),
    [("ZeroDivisionError", []), ("ValueError", []), ("ValueError", ["--json"])],
)
@pytest.mark.parametrize("place", PLACES)
def test_status_of_a_bug(place: str, error: str, options: list[str]) -> None:
    Path("BZ.npy").write_bytes(b"old")
    done = run("forward", WINE, "-o", "BZ.npy", *options, plugin=plugin(BUG, place, error))
    assert (done.returncode, done.stdout) == (ExitCode.BUG, "")
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith(f"\n{error}: a bug\n")
    assert Path("BZ.npy").read_bytes() == b"old"
    assert not list(Path().glob(".bncheck-*"))


# Ctrl-C at a known place: the signal comes when the function is called.
INTERRUPT = """
import os, signal
import {module} as module
original = module.{function}
def interrupted(*arguments, **options):
    result = original(*arguments, **options)
    os.kill(os.getpid(), signal.SIGINT)
    return result
module.{function} = interrupted
"""


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["words", "json"])
@pytest.mark.parametrize("place", ["reading", "computing", "writing"])
def test_status_of_an_interrupt(place: str, options: list[str]) -> None:
    Path("BZ.npy").write_bytes(b"old")
    done = run("forward", WINE, "-o", "BZ.npy", *options, plugin=plugin(INTERRUPT, place))
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", "")
    assert Path("BZ.npy").read_bytes() == b"old"
    assert not list(Path().glob(".bncheck-*"))

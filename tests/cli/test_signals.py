"""Ctrl-C, SIGTERM and SIGHUP: the status of each, at once, and nothing left behind."""

import contextlib
import json
import os
import pty
import random
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bncheck.errors import ExitCode
from tests.kill import OLD, is_writing, temporaries
from tests.test_main import opened_by_a_reader

WINE = "sample_data/wine.csv"

STATUSES = {
    signal.SIGHUP: ExitCode.HUNG_UP,
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
}

every_signal = pytest.mark.parametrize("number", STATUSES, ids=lambda number: number.name)

LAYER = """\
import ctypes, os, time
import numpy as np

class BatchNorm:
    def __init__(self, num_features):
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)

    def forward(self, x, training=True):
        open("running", "w").close()
        {}

    def backward(self, dout):
        return dout
"""
"""A layer whose forward says that it runs, and then does something."""

HANGING = {
    "catches everything": """
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass
""",
    "has a handler of its own": """
        import signal
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        os.rename("running", "running already")
        open("running", "w").close()
        while True:
            time.sleep(60)
""",
    # Locked a second time by its owner: C code that no signal brings back.
    "calculates in C": """
        mutex = ctypes.create_string_buffer(64)
        while True:
            ctypes.CDLL(None).pthread_mutex_lock(mutex)
""",
}


def start(*arguments: str, **more: object) -> subprocess.Popen[str]:
    """The program, with the signals as a shell in the foreground hands them on."""
    usual = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "preexec_fn": heed_signals,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "bncheck", *arguments],
        encoding="utf-8",
        **(usual | more),  # type: ignore[call-overload]
    )


def heed_signals() -> None:
    # A test run in the background of a shell ignores Ctrl-C, and so would all that it starts.
    for number in STATUSES:
        signal.signal(number, signal.SIG_DFL)


def until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """What the process leaves; it must not have to be killed."""
    try:
        stdout, stderr = process.communicate(timeout=20)
    finally:
        process.kill()
    return process.returncode, stdout, stderr


@every_signal
@pytest.mark.parametrize("what", HANGING)
def test_while_a_layer_runs_that(what: str, number: signal.Signals, folder: Path) -> None:
    Path("layer.py").write_text(LAYER.format(HANGING[what].strip()), "utf-8")
    process = start("gradcheck", WINE, "--layer", "layer.py", "--report", "out.html")
    until(Path("running").exists, process)
    time.sleep(0.1)
    process.send_signal(number)
    assert ended(process) == (STATUSES[number], "", "")
    assert not Path("out.html").exists()


@every_signal
def test_while_stdin_is_read(number: signal.Signals, folder: Path) -> None:
    process = start("forward", "-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write("1,2\n")
    process.stdin.flush()
    until(lambda: handled(process), process)
    time.sleep(0.3)
    process.send_signal(number)
    process.wait(timeout=20)  # before stdin is closed
    assert ended(process) == (STATUSES[number], "", "")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM], ids=lambda number: number.name)
def test_while_a_pipe_is_waited_for(number: signal.Signals, folder: Path) -> None:
    os.mkfifo("Z.npy")
    process = start("forward", "Z.npy")
    writer = opened_by_a_reader("Z.npy")
    process.send_signal(number)
    assert ended(process) == (STATUSES[number], "", "")
    os.close(writer)


STALLING = """\
import os, time

def stall(_):
    open("running", "w").close()
    time.sleep(60)

os.fsync = stall
"""
"""A sitecustomize.py with which outputs are never finished."""


@every_signal
def test_while_outputs_are_written(number: signal.Signals, folder: Path) -> None:
    Path("sitecustomize.py").write_text(STALLING, "utf-8")
    Path("A.npy").write_bytes(OLD)
    process = start(
        *("forward", WINE, "-o", "A.npy", "--save-state", "state.npz"),
        env=os.environ | {"PYTHONPATH": str(folder)},
    )
    until(Path("running").exists, process)
    assert is_writing(folder, process)
    process.send_signal(number)
    assert ended(process) == (STATUSES[number], "", "")
    assert temporaries(folder) == []
    assert Path("A.npy").read_bytes() == OLD
    assert not Path("state.npz").exists()


def handled(process: subprocess.Popen[str]) -> bool:
    """Whether the program's handlers are in place: before, Python's own start may be told."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
    except FileNotFoundError:
        pytest.skip("there is no /proc")
    caught = int(status.split("SigCgt:")[1].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@every_signal
def test_at_any_moment(number: signal.Signals, folder: Path) -> None:
    rng = random.Random(number)
    statuses = []
    for _ in range(8):
        Path("out.html").write_bytes(OLD)
        process = start("gradcheck", WINE, "--report", "out.html")
        until(lambda process=process: handled(process), process)  # type: ignore[misc]
        time.sleep(rng.uniform(0, 0.4))
        process.send_signal(number)
        status, stdout, stderr = ended(process)
        assert stderr == ""
        # -number: in the last moment, when Python has put its handlers away and all is done.
        assert status in (STATUSES[number], 0, -number)
        assert stdout.endswith("scale\n") if status == 0 else True, stdout
        content = Path("out.html").read_bytes()
        assert content == OLD or content.endswith(b"</html>\n")
        assert temporaries(folder) == []
        statuses.append(status)
    assert statuses.count(STATUSES[number]) >= 2


@every_signal
def test_what_was_ignored_at_the_start_stays_ignored(number: signal.Signals, folder: Path) -> None:
    process = start(
        *("forward", "-", "--json"),
        stdin=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    )
    time.sleep(0.3)
    process.send_signal(number)
    stdout, stderr = process.communicate("1,2\n3,5\n", timeout=20)
    assert (process.returncode, stderr) == (0, "")
    assert json.loads(stdout)["schema"] == "bncheck/forward/1"


FORKING = """
        import signal
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        os.kill(child, signal.SIGTERM)
        if os.waitpid(child, 0)[1] != signal.SIGTERM:
            raise RuntimeError("the child went on")
        return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-8) * self.gamma + self.beta
"""


def test_the_processes_of_a_layer_end_by_themselves(folder: Path) -> None:
    Path("layer.py").write_text(LAYER.format(FORKING.strip()), "utf-8")
    process = start("forward", WINE, "--layer", "layer.py", "-q")
    assert ended(process) == (0, "", "")


PRINTING = """
        os.write(1, b"\\x1b[31m\\x1b[?25l")
        time.sleep(60)
"""


@pytest.mark.parametrize(
    ("terminal", "last"),
    [
        ({"TERM": "xterm"}, "\x1b[31m\x1b[?25l^C\x1b[0m\x1b[?25h"),
        ({"TERM": "dumb"}, "\x1b[31m\x1b[?25l^C"),
        ({}, "\x1b[31m\x1b[?25l^C"),
    ],
    ids=str,
)
def test_the_terminal_gets_its_colours_and_its_cursor_back(
    terminal: dict[str, str], last: str, folder: Path
) -> None:
    Path("layer.py").write_text(LAYER.format(PRINTING.strip()), "utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "TERM"} | terminal
    pid, master = pty.fork()
    if pid == 0:
        heed_signals()
        command = [sys.executable, "-m", "bncheck", "gradcheck", WINE, "--layer", "layer.py"]
        os.execve(sys.executable, command, environment)
    shown = ""
    while "?25l" not in shown:
        shown += os.read(master, 1024).decode()
    os.write(master, b"\x03")
    with contextlib.suppress(OSError):  # the other end is closed
        while piece := os.read(master, 1024):
            shown += piece.decode()
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert shown == last


WRITING = """
        while True:
            os.write(1, bytes(1000))
"""


def test_a_terminal_that_is_stopped_holds_up_nothing(folder: Path) -> None:
    Path("layer.py").write_text(LAYER.format(WRITING.strip()), "utf-8")
    master, slave = pty.openpty()
    termios.tcflow(slave, termios.TCOOFF)  # as Ctrl-S does
    process = start("gradcheck", WINE, "--layer", "layer.py", stdout=slave, stderr=slave)
    until(Path("running").exists, process)
    time.sleep(0.1)
    process.terminate()
    assert process.wait(timeout=20) == ExitCode.TERMINATED
    os.close(slave)
    os.close(master)

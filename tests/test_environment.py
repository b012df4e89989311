"""The program in odd surroundings: closed streams, no locale, no home, many copies at once."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Result, on_a_terminal
from tests.kill import temporaries
from tests.test_main import opened_by_a_reader

WINE = "sample_data/wine.csv"
LAYER = Path(__file__).parent / "layers" / "right" / "spec_names.py"


def run(*arguments: str, **more: object) -> Result:
    """The program, with other settings of `subprocess.run`."""
    done = subprocess.run(
        # -B: an empty environment cannot say that no bytecode is to be left in our folders.
        [sys.executable, "-B", "-m", "bncheck", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        **more,  # type: ignore[call-overload]
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def usual(folder: Path, program: Callable[..., Result]) -> Result:
    """A check in the usual surroundings."""
    return program("gradcheck", WINE)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LANG": "xx_XX.UTF-8", "LC_ALL": "xx_XX.UTF-8"},
        {"HOME": "/dev/null", "TERM": "", "COLUMNS": "junk"},
        {"COLUMNS": "1", "LINES": "0"},
        {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
    ],
    ids=str,
)
def test_the_environment_changes_nothing(environment: dict[str, str], usual: Result) -> None:
    assert run("gradcheck", WINE, env=environment) == usual


def test_a_locale_of_ascii_loses_letters_only(usual: Result) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    result = run("gradcheck", WINE, env=ascii_only)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout == usual.stdout.encode("ascii", "replace").decode()


@pytest.mark.parametrize("environment", [{}, {"HOME": "/dev/null"}], ids=str)
def test_figures_need_no_home(environment: dict[str, str], folder: Path) -> None:
    result = run("gradcheck", WINE, "-q", "--figure", "out.svg", env=environment)
    assert result == Result(0, "", "")
    assert Path("out.svg").read_text("utf-8").endswith("</svg>\n")


# What Windows and others lack is taken away, or made to fail, before the program is imported.
ELSEWHERE = """
import os, select, signal, sys

def refuse(*_):
    raise OSError("not supported")

for module, names in {{
    signal: ("SIGHUP", "set_wakeup_fd", "pthread_sigmask", "SIG_BLOCK", "SIG_UNBLOCK"),
    os: ("fork", "forkpty", "register_at_fork", "set_blocking", "get_terminal_size"),
}}.items():
    for name in names:
        delattr(module, name)
select.select = refuse
sys.argv = ["bncheck", *{arguments!r}]
from bncheck.__main__ import entry_point
entry_point()
"""


@pytest.mark.parametrize(
    "arguments",
    [["gradcheck", WINE], ["gradcheck", WINE, "--layer", str(LAYER)], ["forward", WINE]],
    ids=["gradcheck", "layer", "forward"],
)
def test_a_system_without_forks_and_some_signals(arguments: list[str], program) -> None:
    code = ELSEWHERE.format(arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert Result(done.returncode, done.stdout, done.stderr) == program(*arguments)


def test_a_terminal_there_is_as_wide_as_usual(folder: Path) -> None:
    code = ELSEWHERE.format(arguments=["gradcheck", WINE])
    shown = on_a_terminal([sys.executable, "-c", code], columns=200)
    assert shown == on_a_terminal([sys.executable, "-m", "bncheck", "gradcheck", WINE], columns=80)
    assert "4 680 gradient entries" in shown


def test_ctrl_c_there_ends_the_program(folder: Path) -> None:
    os.mkfifo("Z.npy")
    code = ELSEWHERE.format(arguments=["forward", "Z.npy"])
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A test run in the background of a shell ignores Ctrl-C, and so would all that it starts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    writer = opened_by_a_reader("Z.npy")
    process.send_signal(signal.SIGINT)
    try:
        left = process.communicate(timeout=20)
    finally:
        process.kill()
    os.close(writer)
    assert (process.returncode, *left) == (130, b"", b"")


COMMANDS = [
    f"forward {WINE} -o A.csv --save-state A.npz",
    "eval sample_data/digits_held_out.csv --state sample_data/digits_state.npz -o A.npy",
    "backward sample_data/digits_batch_1.npy --upstream sample_data/digits_batch_1_dLdBZ.npy"
    " --gradients A.npz",
    f"gradcheck {WINE} --plot --report A.html --figure A.png",
    f"gradcheck {WINE} --json --layer {LAYER}",
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[0])
def test_there_is_no_warning(command: str, program) -> None:
    result = program(*command.split(), python=("-X", "dev", "-W", "error"))
    assert (result.status, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("script", "status", "told"),
    [
        ("bncheck forward - < /dev/null", 2, "`stdin` is empty"),
        ("bncheck forward - <&-", 2, "`stdin` is closed"),
        ("bncheck forward . ", 2, "`.` is a folder"),
        (f"bncheck gradcheck {WINE} <&- > /dev/null", 0, ""),
        (f"bncheck gradcheck {WINE} --rtol 1e-16 -q < /dev/null", 3, ""),
        (f"bncheck gradcheck {WINE} > /dev/null 2>&-", 0, ""),
        (f"bncheck gradcheck {WINE} >&- 2>&-", 2, ""),
        (f"bncheck gradcheck {WINE} -q <&- >&- 2>&-", 0, ""),
        ("bncheck gradcheck nowhere.csv <&- >&- 2>&-", 2, ""),
        (f"bncheck forward {WINE} -o - 2>&- | head -n 1 > /dev/null", 0, ""),
        (f"set -o pipefail; bncheck forward {WINE} -o - 2>/dev/full | head -n 1 >/dev/null", 0, ""),
        ("set -o pipefail; bncheck gradcheck --help | head -n 1 > /dev/null", 0, ""),
    ],
)
def test_streams(script: str, status: int, told: str, bash) -> None:
    result = bash(script)
    assert (result.status, result.stdout) == (status, "")
    assert result.stderr.startswith(f"bncheck: error: {told}\n" if told else "")
    assert result.stderr if told else not result.stderr


PRINTING = """
import os
from bncheck import BatchNorm1d

class Layer(BatchNorm1d):
    def forward(self, Z, eval=False):
        for descriptor in (1, 2):
            os.write(descriptor, bytes([1, 2, 15]))  # the numbers of signals, of all things
        return super().forward(Z, eval=eval)
"""


def test_what_a_layer_prints_to_a_closed_stream_goes_nowhere(bash) -> None:
    Path("layer.py").write_text(PRINTING, "utf-8")
    command = f"bncheck forward {WINE} --layer layer.py:Layer -q -o"
    assert bash(f"{command} usual.npy").status == 0
    assert bash(f"{command} closed.npy <&- >&- 2>&-").status == 0
    assert Path("closed.npy").read_bytes() == Path("usual.npy").read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_read_only_working_directory(folder: Path, usual: Result) -> None:
    shutil.copy(LAYER, "layer.py")
    (folder / "seen").mkdir()
    for options in (["--bind", ".", "seen"], ["-o", "remount,bind,ro", "seen"]):
        if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
            pytest.skip("nothing can be mounted here")
    try:
        assert run("gradcheck", WINE, cwd="seen") == usual
        assert run("gradcheck", WINE, "-q", "--layer", "layer.py", cwd="seen").status == 0
        refused = run("forward", WINE, "-o", "A.npy", cwd="seen")
    finally:
        subprocess.run(["umount", "seen"], check=True)
    assert (refused.status, refused.stdout) == (2, "")
    assert "`A.npy` cannot be written: read-only file system" in refused.stderr


def test_a_working_directory_that_was_removed(folder: Path, usual: Result, bash) -> None:
    gone = "mkdir gone; cd gone; rmdir ../gone; bncheck"
    assert bash(f"{gone} gradcheck {folder / WINE}").stdout.endswith(
        usual.stdout.partition(WINE)[2]
    )
    for layer, told in (
        (str(LAYER), ""),
        ("layer.py", "bncheck: error: `layer.py` does not exist\n"),
        ("no.module:Layer", "bncheck: error: `no.module` cannot be loaded: "),
    ):
        result = bash(f"{gone} gradcheck -q {folder / WINE} --layer {layer}")
        assert result.status == (2 if told else 0)
        assert result.stderr.startswith(told)


@pytest.mark.parametrize("columns", ["1", "junk", "9" * 5000])
def test_any_width_of_a_terminal(
    columns: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    shown = on_a_terminal([sys.executable, "-m", "bncheck", "gradcheck", WINE])
    assert "pass: 4 680 gradient entries" in shown.replace("\n", " ")


def test_forty_copies_at_once(folder: Path, program) -> None:
    command = [sys.executable, "-m", "bncheck", "forward", WINE, "-q", "--save-state", "state.npz"]
    eps = [str(number) for number in range(1, 41)]
    copies = [
        subprocess.Popen([*command, "--eps", each], stderr=subprocess.PIPE, text=True)
        for each in eps
    ]
    left = [(copy.communicate(timeout=120)[1], copy.returncode) for copy in copies]
    assert left == [("", 0)] * 40
    with np.load("state.npz", allow_pickle=False) as state:
        last = str(int(state["eps"]))
    assert program("forward", WINE, "-q", "--save-state", "alone.npz", "--eps", last).status == 0
    assert Path("state.npz").read_bytes() == Path("alone.npz").read_bytes()
    assert temporaries(folder) == []

"""Inputs that are large, endless or changing: refused in the end, and memory stays near their size.

All through the installed program, with a limit on its memory and a generous one on its time.
"""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.hostile.archives import archive
from tests.hostile.heavy import HEAVY, LIMIT, Heavy, weigh
from tests.hostile.npy_files import Z, npy
from tests.hostile.running import MB, run


def marks(heavy: Heavy) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=heavy.known, strict=False)] if heavy.known else []


@pytest.mark.parametrize(
    "heavy", [pytest.param(heavy, id=heavy.name, marks=marks(heavy)) for heavy in HEAVY]
)
def test_cost(heavy: Heavy, tmp_path: Path) -> None:
    assert weigh(heavy, tmp_path).find == ""


# Streams


def test_a_pipe_without_an_end(tmp_path: Path) -> None:
    with subprocess.Popen(["yes", "7,7"], stdout=subprocess.PIPE) as endless:
        try:
            done = run(
                "forward",
                "-",
                folder=tmp_path,
                limit=LIMIT,
                longest_file=32 * MB,
                stdin=stdout_of(endless),
            )
        finally:
            endless.kill()
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == (
        "bncheck: error: `stdin` does not fit into a temporary file: file too large\n"
        "  help: use fewer rows, or set TMPDIR to a folder with more room\n"
    )


@pytest.mark.parametrize("piece", ["# 7\n", " ", "\n"])
def test_what_is_no_row_is_not_kept(piece: str, tmp_path: Path) -> None:
    program = f"import sys\nfor _ in range(128): sys.stdout.write({piece!r} * 2**18)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as pipe:
        done = run("forward", "-", folder=tmp_path, limit=LIMIT, stdin=stdout_of(pipe))
    light = run("forward", "missing.csv", folder=tmp_path)
    assert done.stderr.startswith("bncheck: error: `stdin` has no rows\n")
    assert done.peak < light.peak + 16 * MB


@pytest.mark.parametrize("read_before", [0, 128])
def test_a_file_as_stdin(read_before: int, tmp_path: Path) -> None:
    """It is read from where it stands, and copied only where that is not its beginning."""
    A = np.arange(4e6).reshape(-1, 4)
    (tmp_path / "Z.npy").write_bytes(bytes(read_before) + npy(A))
    with open(tmp_path / "Z.npy", "rb", buffering=0) as stdin:
        stdin.read(read_before)
        done = run(
            "forward", "-", "-q", folder=tmp_path, longest_file=16 * MB, stdin=stdin.fileno()
        )
    assert done.status == (2 if read_before else 0)
    assert ("does not fit into a temporary file" in done.stderr) == (read_before > 0)


def test_a_device_as_stdin(tmp_path: Path) -> None:
    with open("/dev/zero", "rb") as stdin:
        done = run("forward", "-", folder=tmp_path, limit=LIMIT, stdin=stdin.fileno())
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == (
        "bncheck: error: `stdin` is a device\n  help: pipe a matrix into it, or name a file\n"
    )


def stdout_of(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    return process.stdout.fileno()


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("Z.npy", npy(Z), ""),
        ("Z.csv", b"1,2\n3,4\n", ""),
        ("Z.npy", npy(Z)[:-1], "`Z.npy` has 47 bytes of numbers where its header promises 48"),
        ("Z.npy", npy(Z)[:50], "`Z.npy` has a header that cannot be read"),
        ("Z.csv", b"1,2\n3", "`Z.csv`, line 2: 1 value where the first row has 2"),
        ("Z.npz", b"PK\3\4", "`Z.npz` is not an .npz archive, or a damaged one"),
        ("Z.csv", b"", "`Z.csv` is empty"),
    ],
)
def test_a_pipe_by_name(name: str, content: bytes, error: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    writer = threading.Thread(target=(tmp_path / name).write_bytes, args=[content], daemon=True)
    writer.start()
    done = run("forward", name, "-q", folder=tmp_path)
    writer.join(timeout=20)
    assert done.stderr.partition("\n")[0] == (error and f"bncheck: error: {error}")
    assert done.status == (2 if error else 0)


def test_a_file_of_the_system_whose_size_is_0(tmp_path: Path) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("a file of Linux")
    (tmp_path / "Z.txt").symlink_to("/proc/self/statm")
    done = run("forward", "Z.txt", "-o", "-", folder=tmp_path)
    assert done.status == 0
    assert len(done.stdout.split(",")) == 7


# Files that change while they are read: soon after the program has opened them

CHANGING = """
import builtins, io, os, threading

def cut(path):
    os.truncate(path, 1000)
    os.truncate(path, 0)

def grow(path):
    with original(path, "ab") as file:
        file.write(bytes(2**20))

def vanish(path):
    os.unlink(path)

original, original_of_os, opened = io.open, os.open, []

def changed(path):
    if str(path) == {name!r} and not opened:
        opened.append(path)
        if {delay} == 0:
            {change}(path)
        else:
            threading.Timer({delay}, {change}, [path]).start()

def open_and_change(path, *arguments, **options):
    file = original(path, *arguments, **options)
    changed(path)
    return file

def open_and_change_for_os(path, *arguments, **options):
    file = original_of_os(path, *arguments, **options)
    changed(path)
    return file

io.open = builtins.open = open_and_change
os.open = open_and_change_for_os
"""


@pytest.mark.parametrize("delay", [0, 0.002])
@pytest.mark.parametrize("change", ["cut", "grow", "vanish"])
@pytest.mark.parametrize("name", ["Z.npy", "Z.npz", "Z.csv"])
def test_a_file_that_changes_while_it_is_read(
    name: str, change: str, delay: float, tmp_path: Path
) -> None:
    A = np.arange(400_000.0).reshape(-1, 4)
    if name == "Z.csv":
        A = A[:40_000]
    path = tmp_path / name
    path.write_bytes(CONTENT[name](A))
    was = path.stat().st_size
    plugin = CHANGING.format(name=name, change=change, delay=delay)
    done = run("forward", name, "--json", folder=tmp_path, plugin=plugin)
    # It has been met whole, or it is refused. A crash would be a status of its own.
    assert done.status in (0, 2), done.stderr
    assert done.stderr == ""
    if done.status == 0 and name != "Z.csv":  # the end of a table tells nothing about its rows
        assert json.loads(done.stdout)["inputs"][0]["shape"] == list(A.shape)
    assert not path.exists() or path.stat().st_size != was


CONTENT = {
    "Z.npy": npy,
    "Z.npz": lambda A: archive(("Z.npy", npy(A))),
    "Z.csv": lambda A: "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in A).encode(),
}


# Names, as the shell hands them over


@pytest.mark.parametrize(
    "name", [b"Z\xff.csv", b"\xf0\x9f.csv", b"a\nb.csv", b"[b].csv", "\u202e🧪.csv".encode()]
)
def test_a_name_of_any_bytes(name: bytes, tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).write_bytes(b"1,2\n3,4\n")
    for options in ([], ["--json"]):
        done = run("forward", name, *options, folder=tmp_path)
        assert (done.status, done.stderr) == (0, "")
    missing = run("forward", b"no" + name, folder=tmp_path)
    assert missing.status == 2
    first, second = missing.stderr.splitlines()
    assert first.endswith("` does not exist")
    assert second == "  help: check the name and the folder"


@pytest.mark.parametrize("name", ["-x.csv", "--json.csv", "-.csv"])
def test_a_name_with_a_leading_dash(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"1,2\n3,4\n")
    assert run("forward", "-q", "--", name, folder=tmp_path).status == 0
    assert run("forward", "-q", f"./{name}", folder=tmp_path).status == 0
    taken_for_an_option = run("forward", "-q", name, folder=tmp_path)
    assert taken_for_an_option.status == 2
    assert taken_for_an_option.stderr.startswith("bncheck: error: no such option: ")

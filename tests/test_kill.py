"""Outputs are whole, the old file or the new one, whatever happens to the run or to the disk."""

import fcntl
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bncheck.files.write import Outputs
from tests.conftest import Result
from tests.kill import OLD, OUTPUTS, kill_runs, temporaries

WINE = "sample_data/wine.csv"
Z = np.ones((2, 2))

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")


@pytest.mark.parametrize("seed", range(4))
def test_a_run_killed_at_a_random_moment_leaves_the_old_file_or_the_new(
    seed: int, tmp_path: Path
) -> None:
    figures = kill_runs(tmp_path, runs=8, seed=seed)
    assert (figures.parts, figures.litter) == (0, 0)
    assert figures.old + figures.new == figures.runs * len(OUTPUTS)


KILLING = """\
import os, signal, sys

left = int(os.environ["STEPS"])

def count(event, arguments):
    global left
    if ".bncheck-" in str(arguments) or event.startswith("fcntl"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
"""
"""A sitecustomize.py: kills the process before so many steps with a temporary file or a lock."""


def test_a_run_killed_before_any_of_its_steps(folder: Path, program) -> None:
    Path("new").mkdir()
    program("forward", WINE, "-q", "-o", f"new/{OUTPUTS[0]}", "--save-state", f"new/{OUTPUTS[1]}")
    Path("sitecustomize.py").write_text(KILLING, "utf-8")
    seen = set()
    for steps in range(100):
        for name in OUTPUTS:
            Path(name).write_bytes(OLD)
        result = program(
            *("forward", WINE, "-q", "-o", OUTPUTS[0], "--save-state", OUTPUTS[1]),
            PYTHONPATH=str(folder),
            STEPS=str(steps),
        )
        left = tuple(Path(name).read_bytes() for name in OUTPUTS)
        seen.add(tuple(content == OLD for content in left))
        for name, content in zip(OUTPUTS, left, strict=True):
            assert content in (OLD, Path("new", name).read_bytes())
        # What a run leaves, the next one removes: there is never more than that of one.
        assert len({name.split("-")[1].removesuffix(".tmp") for name in temporaries(folder)}) <= 1
        if result.status == 0:
            break
        assert result.status == -signal.SIGKILL
    assert temporaries(folder) == []
    assert {(True, True), (False, False)} < seen  # it was killed before, between and after


def test_what_a_run_that_is_alive_has_written_is_left_alone(folder: Path, program) -> None:
    with Outputs() as outputs:
        outputs.matrix("ours.npy", Z)
        held = temporaries(folder)
        assert program("forward", WINE, "-q", "-o", "theirs.npy").status == 0
        assert temporaries(folder) == held
    assert np.array_equal(np.load("ours.npy"), Z)
    assert temporaries(folder) == []


def test_what_else_has_the_name_of_litter_does_no_harm(folder: Path) -> None:
    names = [f".bncheck-{digit * 16}.tmp" for digit in "012345"]
    Path(names[0]).mkdir()
    os.mkfifo(names[1])
    Path(names[2]).symlink_to("precious")
    Path(names[3]).symlink_to(names[3])
    Path("precious").touch()
    Path(f".bncheck-{'7' * 16}-1.tmp").touch()  # without its lock
    Path(names[4]).touch()
    with open(names[5], "w") as locked:
        fcntl.flock(locked, fcntl.LOCK_SH)
        with Outputs() as outputs:
            outputs.matrix("A.npy", Z)
    assert Path("precious").exists()
    left = temporaries(folder)
    assert not {names[4], f".bncheck-{'7' * 16}-1.tmp"} & set(left)
    assert {names[0], names[2], names[3], names[5]} <= set(left)


def test_a_folder_without_locks_is_written_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    Path(f".bncheck-{'0' * 16}.tmp").touch()
    monkeypatch.setattr(fcntl, "flock", refuse)
    with Outputs() as outputs:
        outputs.matrix("A.npy", Z)
    assert np.array_equal(np.load("A.npy"), Z)
    assert temporaries(folder) == [f".bncheck-{'0' * 16}.tmp"]  # it may be in use


def test_a_lock_that_another_run_took_for_litter_is_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock
    taken: list[str] = []

    def late(descriptor: int, how: int) -> None:
        if not taken:  # the other run was between ours making the file and locking it
            taken.extend(temporaries(folder))
            for name in taken:
                os.unlink(name)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with Outputs() as outputs:
        outputs.matrix("A.npy", Z)
        (held, written) = sorted(temporaries(folder), key=len)
        assert held not in taken
        assert written.startswith(held.removesuffix(".tmp"))


def test_many_outputs_need_few_open_files(folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 20, hard))
    try:
        with Outputs() as outputs:
            for number in range(50):
                outputs.matrix(f"{number}.npy", Z)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(list(folder.glob("*.npy"))) == 50


def test_an_output_that_is_an_input(folder: Path, program) -> None:
    shutil.copy("sample_data/digits_state.npz", "state.npz")
    shutil.copy("sample_data/digits_batch_1.npy", "Z.npy")
    arguments = ("forward", "Z.npy", "--state", "state.npz", "-q")
    assert program(*arguments, "-o", "BZ.npy", "--save-state", "after.npz").status == 0
    assert program(*arguments, "-o", "Z.npy", "--save-state", "state.npz").status == 0
    assert Path("Z.npy").read_bytes() == Path("BZ.npy").read_bytes()
    assert Path("state.npz").read_bytes() == Path("after.npz").read_bytes()


# What cannot be written.


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """A file system of one's own, by the options of `mount -t tmpfs`."""
    place = tmp_path / "mounted"

    def mount(options: str) -> Path:
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("nothing can be mounted here")
        return place

    yield mount
    while os.path.ismount(place):
        subprocess.run(["umount", str(place)], check=True)


def run(*arguments: str, **more: object) -> Result:
    done = subprocess.run(
        [sys.executable, "-m", "bncheck", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        **more,  # type: ignore[call-overload]
    )
    return Result(done.returncode, done.stdout, done.stderr)


@as_root
@pytest.mark.parametrize("name", ["A.csv", "A.npy"])
def test_a_full_disk_is_told_and_the_old_file_stays(name: str, folder: Path, mounted) -> None:
    disk = mounted("size=16k")
    (disk / name).write_bytes(OLD)
    result = run("forward", WINE, "-o", str(disk / name))
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr.startswith("bncheck: error: `")
    assert "no space left on device" in result.stderr
    assert os.listdir(disk) == [name]
    assert (disk / name).read_bytes() == OLD


@as_root
def test_a_disk_that_holds_the_output_only_without_litter(folder: Path, mounted) -> None:
    disk = mounted("size=64k")
    litter = disk / f".bncheck-{'0' * 16}-1.tmp"
    litter.with_name(litter.name.replace("-1", "")).touch()
    litter.write_bytes(bytes(60_000))
    assert run("forward", WINE, "-q", "-o", str(disk / "A.npy")).status == 0
    assert os.listdir(disk) == ["A.npy"]


@as_root
def test_a_read_only_disk_is_told_and_the_old_file_stays(folder: Path, mounted) -> None:
    disk = mounted("size=64k")
    (disk / "A.npy").write_bytes(OLD)
    mounted("remount,ro")
    result = run("forward", WINE, "-o", str(disk / "A.npy"))
    assert (result.status, result.stdout) == (2, "")
    assert "read-only" in result.stderr
    assert (disk / "A.npy").read_bytes() == OLD


def test_a_quota_is_told_and_the_old_file_stays(folder: Path) -> None:
    Path("A.csv").write_bytes(OLD)
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (8192, 8192))
    result = run("forward", WINE, "-o", "A.csv", preexec_fn=limit)
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr.startswith("bncheck: error: `A.csv` cannot be written: file too large\n")
    assert Path("A.csv").read_bytes() == OLD
    assert temporaries(folder) == []


def powerless() -> list[str]:
    """The start of a command that runs without root's power to write anywhere."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write anywhere, and there is no setpriv")
    return ["setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override"]


def test_a_read_only_folder_is_told_and_the_old_file_stays(folder: Path) -> None:
    Path("kept").mkdir()
    Path("kept/A.npy").write_bytes(OLD)
    Path("kept").chmod(0o555)
    done = subprocess.run(
        [*powerless(), sys.executable, "-m", "bncheck", "forward", WINE, "-o", "kept/A.npy"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    Path("kept").chmod(0o755)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "bncheck: error: `kept/A.npy` cannot be written: permission denied\n"
        "  help: choose a folder that you may write to\n"
    )
    assert os.listdir("kept") == ["A.npy"]
    assert Path("kept/A.npy").read_bytes() == OLD


@pytest.mark.parametrize(
    "arguments",
    [
        f"forward {WINE} -o out.npy",
        f"forward {WINE} -o out.npy --json",
        f"gradcheck {WINE} --report out.html",
    ],
)
def test_a_closed_stdout_is_told_and_the_old_file_stays(arguments: str, bash) -> None:
    name = next(word for word in arguments.split() if word.startswith("out."))
    Path(name).write_bytes(OLD)
    result = bash(f"bncheck {arguments} >&-")
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == (
        "bncheck: error: stdout is closed\n  help: redirect it to a file, or to /dev/null\n"
    )
    assert Path(name).read_bytes() == OLD

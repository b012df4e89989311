"""Outputs are whole, the old file or the new one, whatever happens to the run or to the disk."""

import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bncheck.errors import InputError
from bncheck.files.atomic import remove_all
from bncheck.files.write import NAMELESS, Outputs
from tests.conftest import Result
from tests.kill import OLD, OUTPUTS, has_nameless_files, kill_runs, temporaries

WINE = "sample_data/wine.csv"
Z = np.ones((2, 2))

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")


@pytest.mark.parametrize("seed", range(4))
def test_a_run_killed_at_a_random_moment_leaves_the_old_file_or_the_new(
    seed: int, tmp_path: Path
) -> None:
    figures = kill_runs(tmp_path, runs=8, seed=seed)
    assert figures.parts == 0
    assert figures.old + figures.new == figures.runs * len(OUTPUTS)
    assert figures.litter == 0 or not has_nameless_files(tmp_path)


KILLING = """\
import os, signal, sys

left = int(os.environ["STEPS"])

def count(event, arguments):
    global left
    nameless = event == "open" and arguments[2] & os.O_TMPFILE == os.O_TMPFILE
    named = any(name in str(arguments) for name in (".bncheck-", "normalised.csv", "state.npz"))
    if nameless or (named and event in ("os.chmod", "os.link", "os.rename", "os.remove")):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
"""
"""A sitecustomize.py: kills the process before so many steps with an output or its beginnings."""


@pytest.mark.parametrize("there", [False, True], ids=["new", "replaced"])
def test_a_run_killed_before_any_of_its_steps(there: bool, folder: Path, program) -> None:
    if not has_nameless_files(folder):
        pytest.skip("files have names here from the beginning")
    Path("new").mkdir()
    program("forward", WINE, "-q", "-o", f"new/{OUTPUTS[0]}", "--save-state", f"new/{OUTPUTS[1]}")
    new = {name: Path("new", name).read_bytes() for name in OUTPUTS}
    Path("sitecustomize.py").write_text(KILLING, "utf-8")
    seen, named = [], 0
    for steps in range(100):
        for name in OUTPUTS:
            Path(name).unlink(missing_ok=True)
            if there:
                Path(name).write_bytes(OLD)
        result = program(
            *("forward", WINE, "-q", "-o", OUTPUTS[0], "--save-state", OUTPUTS[1]),
            PYTHONPATH=str(folder),
            STEPS=str(steps),
        )
        left = {name: Path(name).read_bytes() for name in OUTPUTS if Path(name).exists()}
        for name in OUTPUTS:
            assert left.get(name) in (OLD if there else None, new[name])
        seen.append(sum(left.get(name) == new[name] for name in OUTPUTS))
        for name in temporaries(folder):
            assert Path(name).read_bytes() in new.values()
            Path(name).unlink()
            named += 1
        if result.status == 0:
            break
        assert result.status == -signal.SIGKILL
    assert set(seen) == {0, 1, 2}  # it was killed before, between and after
    assert named == (len(OUTPUTS) if there else 0)  # once between two steps of each replacement


@pytest.mark.parametrize("lacks", ["nothing", "O_TMPFILE"])
def test_a_run_touches_no_file_of_another(
    lacks: str, folder: Path, program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where locks are local to a machine, and the other run is on another one."""
    plugin = "import fcntl, os\nfcntl.flock = lambda *_: None\n"
    if lacks != "nothing":
        monkeypatch.delattr(os, lacks, raising=False)
        plugin += f"del os.{lacks}\n"
    Path("sitecustomize.py").write_text(plugin, "utf-8")
    Path(f".bncheck-{'0' * 16}.tmp").touch()
    Path(f".bncheck-{'0' * 16}-1.tmp").touch()
    with Outputs() as outputs:
        outputs.matrix("ours.npy", Z)
        before = temporaries(folder)
        theirs = program("forward", WINE, "-q", "-o", "theirs.npy", PYTHONPATH=str(folder))
        assert theirs.status == 0
        assert sorted(temporaries(folder)) == sorted(before)
    assert np.array_equal(np.load("ours.npy"), Z)
    assert len(temporaries(folder)) == 2


def taken_away(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take something away that not every system has."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if what == "a second name":
        monkeypatch.setattr(os, "link", refuse)
        monkeypatch.setattr(os, "supports_dir_fd", {*os.supports_dir_fd, refuse})
    elif what:
        monkeypatch.delattr(os, what, raising=False)


@pytest.mark.parametrize("lacks", ["", "O_TMPFILE", "link", "fchmod", "a second name"])
@pytest.mark.parametrize("mode", [None, 0o600, 0o666])
def test_an_output_is_never_open_to_more_than_its_target(
    lacks: str, mode: int | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_away(lacks, monkeypatch)
    if mode is not None:
        Path("A.npy").write_bytes(OLD)
        Path("A.npy").chmod(mode)
    modes, opened, stored = [], os.open, os.fsync

    def watched_open(path: str, flags: int, *more: int, **options: int) -> int:
        descriptor = opened(path, flags, *more, **options)
        if flags & os.O_WRONLY or flags & os.O_RDWR:
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    def watched_fsync(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        stored(descriptor)

    monkeypatch.setattr(os, "open", watched_open)
    monkeypatch.setattr(os, "fsync", watched_fsync)
    umask = os.umask(0o027)
    try:
        with Outputs() as outputs:
            outputs.matrix("A.npy", Z)
    finally:
        os.umask(umask)
    expected = 0o640 if mode is None else mode
    assert len(modes) >= 2
    assert all(early & ~expected == 0 for early in modes)
    assert stat.S_IMODE(os.stat("A.npy").st_mode) == expected
    assert np.array_equal(np.load("A.npy"), Z)
    assert temporaries(folder) == []


@pytest.mark.parametrize("lacks", ["", "O_TMPFILE", "a second name"])
def test_a_failed_run_leaves_nothing(
    lacks: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_away(lacks, monkeypatch)
    before = sorted(os.listdir())
    with suppress(KeyError), Outputs() as outputs:
        outputs.matrix("A.npy", Z)
        raise KeyError
    assert sorted(os.listdir()) == before


def test_an_output_has_no_name_before_the_end(folder: Path) -> None:
    if not has_nameless_files(folder):
        pytest.skip("files have names here from the beginning")
    before = os.listdir()
    with Outputs() as outputs:
        outputs.matrix("A.npy", Z)
        assert os.listdir() == before


def test_all_names_are_removed_when_the_process_ends(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_away("O_TMPFILE", monkeypatch)
    with suppress(InputError), Outputs() as outputs:
        outputs.matrix("A.npy", Z)
        assert len(temporaries(folder)) == 1
        remove_all()
        assert temporaries(folder) == []


def test_many_outputs_need_few_open_files(folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = len(os.listdir("/dev/fd")) + NAMELESS + 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        with Outputs() as outputs:
            for number in range(NAMELESS + 50):
                outputs.matrix(f"{number}.npy", Z)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(list(folder.glob("*.npy"))) == NAMELESS + 50
    assert temporaries(folder) == []


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

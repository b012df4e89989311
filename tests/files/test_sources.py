import io
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bncheck.errors import InputError
from bncheck.files import sources
from bncheck.files.matrix import read_matrix
from bncheck.files.sources import (
    Incoming,
    InputFile,
    Spool,
    open_file,
    open_stdin,
    split_member,
)

CONTENT = bytes(range(256)) * 5


def refusal(read: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        read()
    return caught.value.message, caught.value.help


# What is typed


@pytest.mark.parametrize(
    ("argument", "there", "split"),
    [
        ("a.npz", (), ("a.npz", None)),
        ("a.npz:Z", (), ("a.npz", "Z")),
        ("a.npz:g/Z", (), ("a.npz", "g/Z")),
        ("f/a.NPZ:Z", (), ("f/a.NPZ", "Z")),
        ("a.npz:", (), ("a.npz", "")),
        (".npz:Z", (), (".npz:Z", None)),
        ("a.csv:Z", (), ("a.csv:Z", None)),
        ("a.npz:b.npz:Z", (), ("a.npz", "b.npz:Z")),
        ("a.npz:b.npz:Z", ("a.npz",), ("a.npz", "b.npz:Z")),
        ("a.npz:b.npz:Z", ("a.npz", "a.npz:b.npz"), ("a.npz:b.npz", "Z")),
        ("a.npz:Z.csv", ("a.npz:Z.csv", "a.npz"), ("a.npz:Z.csv", None)),
    ],
)
def test_the_longest_file_that_exists_is_taken(
    argument: str, there: tuple[str, ...], split: tuple[str, str | None]
) -> None:
    for name in there:
        Path(name).touch()
    assert split_member(argument) == split


# Files


@pytest.fixture(params=["memory", "file", "file without preadv"])
def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> InputFile:
    """The same bytes, in every way in which they can be held."""
    if request.param == "memory":
        return InputFile(CONTENT, "A.bin")
    if request.param == "file without preadv":
        monkeypatch.delattr(os, "preadv", raising=False)
    Path("A.bin").write_bytes(CONTENT)
    file = open_file("A.bin")
    assert isinstance(file, InputFile)
    return file


def test_bytes_are_read_from_any_place(held: InputFile) -> None:
    assert held.size == len(CONTENT)
    assert bytes(held.read(1000, 280)) == CONTENT[1000:]
    assert bytes(held.read(3, 5)) == CONTENT[3:8]
    assert bytes(held.read(0, 0)) == b""
    assert held.starts_with(CONTENT[:4])
    assert not held.starts_with(b"PK")
    assert not held.starts_with(CONTENT + b"\0")
    assert held.seekable() is held
    assert held.stream().read() == CONTENT


def test_all_bytes_come_in_chunks(held: InputFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "CHUNK", 500)
    assert [len(chunk) for chunk in held.chunks()] == [500, 500, 280]
    assert b"".join(held.chunks()) == CONTENT


def test_threads_read_from_places_of_their_own(held: InputFile) -> None:
    wrong = []

    def read(start: int) -> None:
        for _ in range(200):
            if bytes(held.read(start, 100)) != CONTENT[start : start + 100]:
                wrong.append(start)

    threads = [threading.Thread(target=read, args=[start]) for start in (0, 111, 222, 1100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("change", ["longer", "shorter"])
def test_a_file_that_others_write_to_meanwhile_is_refused(change: str) -> None:
    Path("A.bin").write_bytes(CONTENT)
    file = open_file("A.bin")
    assert isinstance(file, InputFile)
    os.truncate("A.bin", len(CONTENT) + (10 if change == "longer" else -10))
    assert refusal(lambda: file.read(0, len(CONTENT))) == (
        "`A.bin` was changed while it was read",
        "run this again once nothing writes to it",
    )


def test_a_file_that_was_removed_is_still_read() -> None:
    Path("A.bin").write_bytes(CONTENT)
    file = open_file("A.bin")
    assert isinstance(file, InputFile)
    os.unlink("A.bin")
    assert bytes(file.read(0, 4)) == CONTENT[:4]


# Pipes


def test_a_pipe_is_read_as_it_comes_or_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "CHUNK", 500)
    pipe = Incoming(io.BytesIO(CONTENT), "stdin", "name a file")
    assert pipe.starts_with(CONTENT[:10])
    assert [len(chunk) for chunk in pipe.chunks()] == [500, 500, 280]
    copy = Incoming(io.BytesIO(CONTENT), "stdin", "name a file").seekable()
    assert (copy.source, bytes(copy.read(1000, 10))) == ("stdin", CONTENT[1000:1010])


def test_a_pipe_by_name_is_read_to_its_end() -> None:
    os.mkfifo("A.bin")
    writer = threading.Thread(target=Path("A.bin").write_bytes, args=[CONTENT])
    writer.start()
    file = open_file("A.bin")
    assert isinstance(file, Incoming)
    assert b"".join(file.chunks()) == CONTENT
    writer.join()


def test_an_empty_pipe_is_refused() -> None:
    assert refusal(lambda: Incoming(io.BytesIO(), "stdin", "name a file")) == (
        "`stdin` is empty",
        "check the program that should write it",
    )


def test_a_stream_that_cannot_be_read_is_refused_with_its_remedy() -> None:
    class Broken(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    assert refusal(lambda: Incoming(Broken(), "stdin", "name a file")) == (
        "`stdin` cannot be read: input/output error",
        "name a file",
    )


def test_a_file_as_stdin_is_read_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("A.bin").write_bytes(CONTENT)
    with open("A.bin", "rb") as stdin:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stdin))
        assert isinstance(open_stdin(), InputFile)
        stdin.seek(10)  # something has read it before
        rest = open_stdin()
        assert isinstance(rest, Incoming)
        assert b"".join(rest.chunks()) == CONTENT[10:]


# Temporary files


@pytest.mark.parametrize("limit", [0, 600, 10**6])
def test_a_spool_gives_back_what_was_written(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "IN_MEMORY", limit)
    spool = Spool("stdin")
    for start in range(0, len(CONTENT), 100):
        spool.write(CONTENT[start : start + 100])
    spool.write(np.arange(3.0).data)
    file = spool.read_back()
    whole = CONTENT + np.arange(3.0).tobytes()
    assert (file.source, file.size) == ("stdin", len(whole))
    assert bytes(file.read(0, file.size)) == whole


def test_temporary_files_leave_room_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("Z.csv").write_bytes(b"1,2\n" * 10)
    monkeypatch.setattr(sources, "IN_MEMORY", 64)
    assert read_matrix("Z.csv").shape == (10, 2)
    for total, free in ((10**12, 10**9), (10**10, 10**9 - 1)):
        disk = SimpleNamespace(total=total, free=free)
        monkeypatch.setattr("shutil.disk_usage", lambda _, disk=disk: disk)
        assert refusal(lambda: read_matrix("Z.csv")) == (
            "`Z.csv` does not fit into a temporary file: no space left on device",
            "use fewer rows, or set TMPDIR to a folder with more room",
        )
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(total=10**10, free=10**9))
    assert read_matrix("Z.csv").shape == (10, 2)

"""The corpus of hostile and broken inputs: each is read right or refused with the right line."""

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bncheck.files.matrix import read_matrix
from tests.hostile import archives, files, npy_files, text_cells, text_tables
from tests.hostile.case import Case, Read, Refused

KINDS = {
    "npy": npy_files.CASES,
    "npz": archives.CASES,
    "cell": text_cells.CASES,
    "table": text_tables.CASES,
    "file": files.CASES,
}


def marks(case: Case) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=case.known, strict=False)] if case.known else []


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{kind}: {case.name}", marks=marks(case))
        for kind, cases in KINDS.items()
        for case in cases
    ],
)
def test_case(case: Case, bncheck) -> None:
    case.make(Path.cwd())
    before = files_around()
    if isinstance(case.verdict, Read):
        is_read(case, case.verdict, bncheck)
    else:
        is_refused(case, case.verdict, bncheck)
        assert files_around() == before
    assert not Path("exploded").exists()


def files_around() -> set[Path]:
    """All files here, and those in the folder above, where nothing may be left either."""
    return {*Path.cwd().rglob("*"), *Path.cwd().parent.iterdir()}


def is_read(case: Case, verdict: Read, bncheck) -> None:
    """The program gives the numbers back bit by bit, and labels them, with clean output."""
    values = np.array(verdict.values, dtype=float)
    C = values.shape[1]
    # This layer changes no number: it takes 0 away, divides by 1, multiplies by 1 and adds 0.
    np.savez("identity.npz", running_M=np.zeros(C), running_V=np.ones(C))
    options = ["--state", "identity.npz", "--eps", "0", "-o", "read.npy"]
    options += [] if case.columns is None else ["--columns", case.columns]
    result = bncheck("eval", case.argument, *options, "--json")
    assert (result.status, result.stderr) == (0, ""), result.stdout
    assert np.array_equal(np.load("read.npy"), values)
    (document,) = json.loads(result.stdout)["inputs"]
    assert document["shape"] == list(values.shape)
    names = [feature["name"] for feature in document["features"]]
    assert names == list(verdict.names or [None] * C)
    shown = bncheck("eval", case.argument, *options)
    assert (shown.status, shown.stderr) == (0, "")
    assert unprintable(shown.stdout) == ""


def is_refused(case: Case, verdict: Refused, bncheck) -> None:
    options = [] if case.columns is None else ["--columns", case.columns]
    result = bncheck("forward", case.argument, *options)
    assert result.stderr == f"bncheck: error: {verdict.message}\n  help: {verdict.help}\n"
    assert (result.status, result.stdout) == (2, "")
    assert unprintable(result.stderr) == ""


def unprintable(text: str) -> str:
    return "".join(c for c in text if not c.isprintable() and c != "\n")


# The same as streams, which must not depend on a name or on a size.


@pytest.mark.parametrize("kind", ["npy", "npz", "cell", "table"])
def test_stdin(kind: str, bncheck, monkeypatch: pytest.MonkeyPatch) -> None:
    piped = [case for case in KINDS[kind] if can_be_piped(case)]
    assert len(piped) >= 20
    for case in piped:
        (content,) = case.files.values()
        again = as_stdin(case)

        def run(*arguments: str, content: bytes = content):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
            return bncheck(*arguments)

        if isinstance(again.verdict, Read):
            is_read(again, again.verdict, run)
        else:
            is_refused(again, again.verdict, run)


MAGIC = {"Z.npy": b"\x93NUMPY", "a.npz": b"PK\3\4", "Z.csv": b""}


def can_be_piped(case: Case) -> bool:
    """The format is to be recognised by the first bytes; picking an array takes a file."""
    (content,) = case.files.values()
    if not isinstance(content, bytes) or case.argument not in MAGIC:
        return False
    found = next((magic for magic in MAGIC.values() if content.startswith(magic)), b"")
    picks = "pick one" in getattr(case.verdict, "help", "")
    return found == MAGIC[case.argument] and not picks and not case.known


def as_stdin(case: Case) -> Case:
    verdict = case.verdict
    if isinstance(verdict, Refused):
        message = verdict.message.replace(f"`{case.argument}", "`stdin", 1)
        verdict = Refused(message, verdict.help)
    return replace(case, argument="-", verdict=verdict)


# The same as part of a state, as results and as an upstream gradient.

OTHER_PLACES = {
    "BW": ["forward", "sample_data/wine.csv", "--state"],
    "eps": ["eval", "sample_data/wine.csv", "--state"],
    "BZ": ["gradcheck", "sample_data/wine.csv", "--results"],
    "dLdBZ": ["backward", "sample_data/digits_batch_1.npy", "--upstream"],
}


@pytest.mark.parametrize("name", OTHER_PLACES)
def test_hostile_arrays_elsewhere(name: str, bncheck) -> None:
    for case in npy_files.CASES:
        content = case.files["Z.npy"]
        if case.known or not isinstance(content, bytes):
            continue
        Path("a.npz").write_bytes(archives.archive((f"{name}.npy", content)))
        result = bncheck(*OTHER_PLACES[name], "a.npz")
        if name == "BZ" and result.status == 1:  # results of another shape are wrong results
            assert result.stderr == "", case.name
            continue
        assert (result.status, result.stdout) == (2, ""), case.name
        first, second = result.stderr.splitlines()
        assert first.startswith("bncheck: error: "), case.name
        assert second.startswith("  help: "), case.name
    assert not Path("exploded").exists()


# Every place of a file, not just some.

WHOLE = {
    "Z.npy": npy_files.npy(npy_files.Z),
    "stored.npz": archives.ONE,
    "deflated.npz": archives.DEFLATED,
    "bzip2.npz": archives.BZIP2,
}


@pytest.mark.parametrize("name", WHOLE)
def test_cut_off_anywhere(name: str, bncheck) -> None:
    content = WHOLE[name]
    assert bncheck_of(name, content, bncheck) == 0
    for end in range(len(content)):
        assert bncheck_of(name, content[:end], bncheck) == 2, end


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("flip", [0x01, 0xFF])
def test_a_byte_changed_anywhere(name: str, flip: int, bncheck) -> None:
    """A checksum guards the numbers of an archive: they are the same, or it is refused."""
    content = WHOLE[name]
    read = 0
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= flip
        if bncheck_of(name, bytes(changed), bncheck) == 0:
            read += 1
            if name.endswith(".npz"):
                assert np.array_equal(read_matrix(name).values, npy_files.Z), place
    assert read < len(content) / 2


def bncheck_of(name: str, content: bytes, bncheck) -> int:
    """The status for a file of this content; what is printed must be as it always is."""
    Path(name).write_bytes(content)
    result = bncheck("forward", name, "-q")
    assert (result.status, result.stdout) in [(0, ""), (2, "")], result.stderr
    if result.status == 2:
        first, second = result.stderr.splitlines()
        assert first.startswith("bncheck: error: ")
        assert second.startswith("  help: ")
    return result.status

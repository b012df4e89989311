"""The corpus of hostile and broken inputs: each is read right or refused with the right line."""

import json
from pathlib import Path

import numpy as np
import pytest

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
    before = sorted(Path.cwd().parent.rglob("*"))
    if isinstance(case.verdict, Read):
        is_read(case, case.verdict, bncheck)
    else:
        is_refused(case, case.verdict, bncheck)
        assert sorted(Path.cwd().parent.rglob("*")) == before
    assert not Path("exploded").exists()


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

"""What not every system has is taken away, and the program works without it."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from bncheck import arrays
from bncheck.files import sources

MISSING = ["preadv", "O_NOFOLLOW", "O_NONBLOCK", "O_TMPFILE", "link", "fchmod", "getxattr"]


@pytest.fixture(params=[*MISSING, "fcntl", "all of them"])
def _without(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MISSING if request.param == "all of them" else [request.param]:
        monkeypatch.delattr(os, name, raising=False)
    # Python's own module has looked for it already.
    monkeypatch.setattr("tempfile._O_TMPFILE_WORKS", False, raising=False)
    if request.param in ("fcntl", "all of them"):
        monkeypatch.setitem(sys.modules, "fcntl", None)


@pytest.mark.usefixtures("_without")
@pytest.mark.parametrize("held", [False, True], ids=["from a file", "in memory"])
@pytest.mark.parametrize("ending", ["npy", "npz", "csv"])
def test_commands_read_and_write(
    ending: str, held: bool, bncheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not held:
        monkeypatch.setattr(sources, "IN_MEMORY", 0)
        monkeypatch.setattr(arrays, "LARGE", 0)
    Z = np.random.default_rng(0).standard_normal((300, 4))
    np.save("Z.npy", Z)
    np.savez("Z.npz", Z=Z)
    np.savetxt("Z.csv", Z, delimiter=",")
    Path("BZ.npy").write_bytes(b"old")
    before = {*os.listdir(), "state.npz", "Z.html"}
    for arguments in (
        ["forward", f"Z.{ending}", "-o", "BZ.npy", "--save-state", "state.npz"],
        ["eval", f"Z.{ending}", "--state", "state.npz", "-o", "BZ.npy"],
        ["gradcheck", f"Z.{ending}", "--report", "Z.html"],
    ):
        result = bncheck(*arguments, "-q")
        assert (result.status, result.stdout, result.stderr) == (0, "", "")
    assert np.load("BZ.npy").shape == Z.shape
    assert set(os.listdir()) == before

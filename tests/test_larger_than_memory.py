"""Files that are read and written block by block give what they give at once, to the last bit."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bncheck import BatchNorm1d
from bncheck.files import sources

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((30_000, 6)) * 10.0 ** np.arange(-3, 3) + [0, 1e3, 0, -5, 1e6, 0]

FORMS = {
    "float64": Z,
    "Fortran order": np.asfortranarray(Z),
    "float32": Z.astype(np.float32),
    "big-endian": Z.astype(">f8"),
    "integers": np.round(Z * 100).astype(np.int64),
}


@pytest.fixture
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even small files are held in memory."""
    monkeypatch.setattr(sources, "IN_MEMORY", 0)


@pytest.fixture
def both(bncheck, monkeypatch: pytest.MonkeyPatch):
    """A command on data in memory, and on data that are read as they are needed."""

    def run(*arguments: str) -> tuple[tuple[str, dict[str, bytes]], ...]:
        outcomes = []
        for limit in (2**24, 0):
            monkeypatch.setattr(sources, "IN_MEMORY", limit)
            result = bncheck(*arguments)
            assert (result.status, result.stderr) == (0, "")
            paths = [path for path in Path().glob("out*/**/*") if path.is_file()]
            paths += [path for path in Path().glob("out*") if path.is_file()]
            written = {str(path): path.read_bytes() for path in paths}
            outcomes.append((result.stdout, written))
        return tuple(outcomes)

    return run


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("columns", [[], ["--columns", "5,1-3"]])
def test_forward_and_eval(form: str, columns: list[str], both) -> None:
    np.save("Z.npy", FORMS[form])
    np.save("Y.npy", FORMS[form][::-1])
    held, read = both(
        "forward", "Z.npy", "Y.npy", *columns, "-o", "out/", "--save-state", "out.npz", "--json"
    )
    assert held == read
    held, read = both("eval", "Z.npy", *columns, "--state", "out.npz", "-o", "out.npy")
    assert held == read


@pytest.mark.parametrize("name", ["Z.csv", "Z.npz"])
def test_text_and_archives(name: str, both) -> None:
    np.savetxt("Z.csv", Z, delimiter=",", header="a,b,c,d,e,f", comments="", fmt="%.17g")
    np.savez_compressed("Z.npz", Z=Z)
    held, read = both("forward", name, "-o", "out.csv")
    assert held == read
    assert np.array_equal(
        np.loadtxt("out.csv", delimiter=",", skiprows=int(name == "Z.csv")),
        BatchNorm1d(6).forward(Z),
    )


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_gradcheck(mode: str, both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bncheck.arrays.LARGE", 0)
    np.save("Z.npy", Z)
    held, read = both("gradcheck", "Z.npy", "--mode", mode, "--json")
    assert held == read
    assert json.loads(read[0])["verdict"] == "pass"


@pytest.mark.usefixtures("nothing_held")
def test_what_is_wrong_far_down_is_told_by_its_place(bncheck) -> None:
    wrong = Z.copy()
    wrong[29_999, 4] = np.nan
    np.save("Z.npy", wrong)
    Path("out.npy").write_text("old")
    result = bncheck("forward", "Z.npy", "-o", "out.npy")
    assert result.status == 2
    assert "`Z.npy`: nan in row 29999, column 4 (counting from 0)" in result.stderr
    assert Path("out.npy").read_text() == "old"


@pytest.mark.usefixtures("nothing_held")
def test_a_file_that_is_its_own_output(bncheck) -> None:
    np.save("Z.npy", Z)
    assert bncheck("forward", "Z.npy", "-o", "Z.npy").status == 0
    assert np.array_equal(np.load("Z.npy"), BatchNorm1d(6).forward(Z))


def test_a_disk_without_room_is_told_before_the_work(
    bncheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save("Z.npy", Z)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    monkeypatch.setattr(BatchNorm1d, "forward_rows", None)  # nothing is computed
    for arguments in (["Z.npy", "-o", "out.npy"], ["Z.npy", "Z.npy", "-o", "."]):
        result = bncheck("forward", *arguments)
        assert result.status == 2
        assert "MB, and 1 MB are free\n  help: choose another folder, or make room" in result.stderr
    assert not Path("out.npy").exists()

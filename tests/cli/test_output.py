"""From a result to streams, files and the exit status."""

import json
from pathlib import Path

import numpy as np
import pytest

from bncheck.cli.output import Presentation
from bncheck.errors import ExitCode, InputError
from bncheck.report.model import LayerNotLoaded, PassOfInput, PassReport, Report

NOT_LOADED = Report(0, 1e-6, "richardson", (), (LayerNotLoaded("a.py", "no layer", "write one"),))


def passed(*names: str) -> PassReport:
    BZ = np.arange(6.0).reshape(3, 2)
    inputs = [
        PassOfInput(name, "a layer", "train", (3, 2), None, {"M": np.zeros(2)}, {"BZ": BZ})
        for name in names
    ]
    return PassReport("forward", 0.9, 1e-8, tuple(inputs))


def test_a_layer_that_could_not_be_loaded_is_an_error_on_stderr() -> None:
    outcome = Presentation(json=False, quiet=False).gradcheck(NOT_LOADED)
    assert (outcome.stdout, outcome.code) == ("", ExitCode.USAGE)
    assert outcome.stderr == "bncheck: error: no layer\n  help: write one\n"


def test_it_is_in_the_document_with_json() -> None:
    outcome = Presentation(json=True, quiet=False).gradcheck(NOT_LOADED)
    assert (outcome.stderr, outcome.code) == ("", ExitCode.USAGE)
    (layer,) = json.loads("".join(outcome.stdout))["not_loaded"]
    assert layer == {"layer": "a.py", "message": "no layer", "help": "write one"}


def test_matrices_and_archives_appear_together_and_are_told(folder: Path) -> None:
    show = Presentation(json=False, quiet=False, output="out/")
    outcome = show.passes(passed("a.npy", "b.csv"), "BZ", {"s.npz": ("a state", {"M": [1.0]})})
    assert "".join(outcome.stdout).splitlines()[-3:] == [
        "saved: BZ in `out/a.npy`",
        "saved: BZ in `out/b.csv`",
        "saved: a state in `s.npz`",
    ]
    assert np.array_equal(np.load("out/a.npy"), np.arange(6.0).reshape(3, 2))
    assert np.load("s.npz")["M"] == [1.0]


def test_a_failing_archive_leaves_no_folder(folder: Path) -> None:
    show = Presentation(json=False, quiet=True, output="out/")
    with pytest.raises(InputError, match="there is no folder `missing`"):
        show.passes(passed("a.npy"), "BZ", {"missing/s.npz": ("a state", {})})
    assert not Path("out").exists()


def test_the_matrix_goes_to_stdout_and_the_table_to_stderr() -> None:
    outcome = Presentation(json=False, quiet=False, output="-").passes(passed("a.npy"), "BZ", {})
    assert "".join(outcome.stdout) == "0.0,1.0\n2.0,3.0\n4.0,5.0\n"
    assert outcome.stderr.startswith("a.npy   3 × 2   train   a layer   alpha 0.9   eps 1e-8\n")


@pytest.mark.parametrize("option", ["figure", "page"])
def test_an_ending_that_cannot_be_written_is_refused_at_once(option: str) -> None:
    with pytest.raises(InputError, match=r"`a\.docx` has an ending that cannot be written here"):
        Presentation(json=False, quiet=False, **{option: "a.docx"})  # type: ignore[arg-type]

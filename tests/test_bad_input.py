"""What cannot be used is refused with one fact and one line of help, in words and as JSON."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bncheck import __version__

WINE = "sample_data/wine.csv"
HELD_OUT = "sample_data/digits_held_out.csv"
STATE = "sample_data/digits_state.npz"
BATCH = "sample_data/digits_batch_1.npy"
UPSTREAM = "sample_data/digits_batch_1_dLdBZ.npy"

OUTSIDE = "only finite numbers can be used: leave such rows or columns out"
DAMAGED = "the file is damaged or incomplete; save or copy it again"


def npy(A: object) -> Callable[[Path], None]:
    return lambda path: np.save(path, np.asarray(A))


def text(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(content, "utf-8") and None


def truncated_npy(path: Path) -> None:
    np.save(path, np.zeros((6, 2)))
    path.write_bytes(path.read_bytes()[:-8])


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(np.zeros((2, 2))))


FILES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "folder.npy": (Path.mkdir, "`folder.npy` is a folder", "name a file in it"),
    "empty.csv": (text(""), "`empty.csv` is empty", "check the program that should write it"),
    "blank.csv": (
        text("\n# nothing\n\n"),
        "`blank.csv` has no rows",
        "check the program that should write it",
    ),
    "header.csv": (text("a,b\n"), "`header.csv` has a header and no rows", "add rows of numbers"),
    "ragged.csv": (
        text("a,b\n1,2\n\n3\n"),
        "`ragged.csv`, line 4: 1 value where the first row has 2",
        "check for a missing or an extra delimiter",
    ),
    "words.csv": (
        text("a,b\n1,2\n3,red\n"),
        "`words.csv`, line 3: `red` in column `b` is not a number",
        "write numbers as in 1234.5, or leave the column out with --columns 1",
    ),
    "nan.csv": (
        text("a,b\n1,2\nnan,4\n"),
        "`nan.csv`, line 3: `nan` in column `a` is not finite",
        OUTSIDE,
    ),
    "inf.csv": (
        text("a,b\n1,2\n3,-inf\n"),
        "`inf.csv`, line 3: `-inf` in column `b` is not finite",
        OUTSIDE,
    ),
    "nan.npy": (
        npy([[1, 2], [3, np.nan]]),
        "`nan.npy`: nan in row 1, column 1 (counting from 0)",
        OUTSIDE,
    ),
    "0_rows.npy": (
        npy(np.zeros((0, 3))),
        "`0_rows.npy` holds no numbers: its shape is (0, 3)",
        "check the program that should write it",
    ),
    "0_columns.npy": (
        npy(np.zeros((3, 0))),
        "`0_columns.npy` holds no numbers: its shape is (3, 0)",
        "check the program that should write it",
    ),
    "1_d.npy": (
        npy(np.zeros(3)),
        "`1_d.npy` has shape (3,), expected (N, C)",
        "save it with shape (N, 1) for one feature, as A.reshape(-1, 1) does",
    ),
    "3_d.npy": (
        npy(np.zeros((2, 3, 4))),
        "`3_d.npy` has shape (2, 3, 4), expected (N, C)",
        "save it with the features as columns, as in A.reshape(-1, 4)",
    ),
    "objects.npy": (
        npy(np.array([[1, None]], dtype=object)),
        "`objects.npy` has dtype `object`, expected real numbers",
        "save it as numbers, with A.astype(np.float64)",
    ),
    "fields.npy": (
        npy(np.zeros(2, dtype=[("a", "<f8"), ("b", "<f8")])),
        "`fields.npy` has dtype `[('a', '<f8'), ('b', '<f8')]`, expected real numbers",
        "save its fields as the columns of one float64 matrix",
    ),
    "complex.npy": (
        npy(np.zeros((2, 2), complex)),
        "`complex.npy` has dtype `complex128`, expected real numbers",
        "save its real or its imaginary part, A.real or A.imag",
    ),
    "booleans.npy": (
        npy(np.ones((2, 2), bool)),
        "`booleans.npy` has dtype `bool`, expected real numbers",
        "save it as numbers, with A.astype(np.float64)",
    ),
    "pickled.npy": (
        pickled,
        "`pickled.npy` is not in NumPy's .npy format",
        "save it with np.save",
    ),
    "truncated.npy": (
        truncated_npy,
        "`truncated.npy` has 88 bytes of numbers where its header promises 96",
        DAMAGED,
    ),
    "notes.md": (
        text("1,2\n"),
        "`notes.md` has an unknown ending",
        "it can be .npy, .npz, .csv, .tsv, .txt; - reads stdin",
    ),
}

COMMANDS = {
    f"forward {WINE} missing.csv": (
        "`missing.csv` does not exist",
        "check the name and the folder",
    ),
    f"gradcheck {WINE} {BATCH}": (
        f"`{BATCH}` has 32 features where `{WINE}` has 13",
        "pass mini-batches of one and the same layer",
    ),
    f"forward {WINE} --columns alcohol,colour": (
        f"`{WINE}` has no column `colour`",
        "it has 13 columns: `alcohol`, `malic_acid`, `ash`, `alcalinity_of_ash`, `magnesium`, "
        "`total_phenols`, `flavanoids`, `nonflavanoid_phenols`, …",
    ),
    f"forward {BATCH} --columns 33": (f"`{BATCH}` has no column `33`", "it has 32 columns"),
    f"eval {HELD_OUT}": (
        "inference needs running statistics, and there is no --state",
        "pass --state FILE.npz with running_M and running_V, as forward --save-state writes it",
    ),
    f"backward {BATCH} --upstream {UPSTREAM} --mode eval": (
        "inference needs running statistics, and there is no --state",
        "pass --state FILE.npz with running_M and running_V, as forward --save-state writes it",
    ),
    f"backward {BATCH}": (
        "backward needs an upstream gradient",
        "pass --upstream FILE with dLdBZ",
    ),
    f"backward {BATCH} --upstream {HELD_OUT}": (
        f"`{HELD_OUT}` has shape (30, 32) where `{BATCH}` has (48, 32)",
        "the upstream gradient has one value for each value of the input",
    ),
    f"gradcheck {BATCH} --upstream {HELD_OUT}": (
        f"`{HELD_OUT}` has shape (30, 32) where `{BATCH}` has (48, 32)",
        "the upstream gradient has one value for each value of the input",
    ),
    f"gradcheck {BATCH} {BATCH} --upstream {UPSTREAM}": (
        "there are 2 inputs for one upstream gradient",
        "check them one by one",
    ),
    f"forward {WINE} --state {STATE}": (
        f"`{STATE}:BW` has shape (1, 32), expected (1, 13)",
        "use the state of a layer with as many features as the input has columns",
    ),
    f"forward {WINE} --state missing.npz": (
        "`missing.npz` does not exist",
        "check the name and the folder",
    ),
    f"forward {WINE} -o missing/BZ.npy": (
        "`missing/BZ.npy` cannot be written: there is no folder `missing`",
        "make the folder first, or choose another",
    ),
    f"forward {WINE} -o sample_data/wine.csv/BZ.npy": (
        "`sample_data/wine.csv/BZ.npy` cannot be written: not a directory",
        "choose another folder or name, or make room",
    ),
    f"forward {WINE} -o BZ.xlsx": (
        "`BZ.xlsx` has an ending that cannot be written here",
        "end the name in .npy or .csv",
    ),
    f"forward {WINE} --save-state missing/s.npz": (
        "`missing/s.npz` cannot be written: there is no folder `missing`",
        "make the folder first, or choose another",
    ),
    f"forward {BATCH} {BATCH} -o BZ.npy": (
        "there are 2 inputs for one file `BZ.npy`",
        "name a folder with -o; each output gets its input's name there",
    ),
    f"forward {BATCH} {BATCH} -o BZ": (
        "two inputs would both go to `BZ/digits_batch_1.npy`",
        "rename one of them, or run them one at a time",
    ),
    "forward - -": ("stdin is named twice", "it can be read once only"),
    f"forward {WINE} --alpha 1.5": (
        "alpha is 1.5, expected 0 to 1",
        "it is the weight of the old running statistics",
    ),
    f"gradcheck {WINE} --rtol 0": (
        "rtol is 0, expected a positive number",
        "the tolerance is 1e-6 without it",
    ),
    f"gradcheck {WINE} --mode test": (
        "invalid value for `--mode`: `test` is not one of `train`, `eval`",
        "see `bncheck gradcheck --help`",
    ),
    f"gradcheck {WINE} --tolerance 1": (
        "no such option: --tolerance",
        "see `bncheck gradcheck --help`",
    ),
    "gradcheck": ("missing argument `INPUT...`", "see `bncheck gradcheck --help`"),
    "frobnicate": ("no such command `frobnicate`", "see `bncheck --help`"),
}


@pytest.fixture(params=["words", "json"])
def refused(request: pytest.FixtureRequest, bncheck):
    """Asserts that a command is refused with this error, and leaves no file behind."""

    def refused(arguments: list[str], message: str, help_: str) -> None:
        before = sorted(Path.cwd().rglob("*"))
        result = bncheck(*arguments, *(["--json"] if request.param == "json" else []))
        assert result.status == 2
        if request.param == "json":
            assert json.loads(result.stdout) == {
                "schema": "bncheck/error/1",
                "version": __version__,
                "error": {"message": message, "help": help_},
            }
            assert result.stderr == ""
        else:
            assert result.stderr == f"bncheck: error: {message}\n  help: {help_}\n"
            assert result.stdout == ""
        assert sorted(Path.cwd().rglob("*")) == before

    return refused


@pytest.mark.parametrize("name", FILES)
def test_file(name: str, refused) -> None:
    make, message, help_ = FILES[name]
    make(Path(name))
    refused(["forward", name], message, help_)


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, refused) -> None:
    refused(command.split(), *COMMANDS[command])


@pytest.mark.parametrize(
    "arguments",
    [
        ["eval", "bad.csv", "--state", STATE],
        ["backward", "bad.csv", "--upstream", UPSTREAM],
        ["backward", BATCH, "--upstream", "bad.csv"],
        ["gradcheck", "bad.csv"],
        ["gradcheck", WINE, "bad.csv"],
    ],
)
def test_every_command_refuses_a_bad_file(arguments: list[str], refused) -> None:
    Path("bad.csv").write_text("1,2\n3\n", "utf-8")
    refused(
        arguments,
        "`bad.csv`, line 2: 1 value where the first row has 2",
        "check for a missing or an extra delimiter",
    )


@pytest.mark.parametrize(
    ("arguments", "fact", "meant"),
    [
        (["check"], "no such command `check`", "gradcheck"),
        (["gradcheck", WINE, "--rtoll", "1"], "no such option: --rtoll", "--rtol"),
    ],
)
def test_what_may_be_meant_is_help_and_not_part_of_the_fact(
    arguments: list[str], fact: str, meant: str, bncheck
) -> None:
    first, second = bncheck(*arguments).stderr.splitlines()
    assert first == f"bncheck: error: {fact}"
    assert meant in second


@pytest.mark.parametrize("option", ["--quiet", "-q"])
def test_quiet_does_not_silence_errors(option: str, bncheck) -> None:
    result = bncheck("gradcheck", "missing.csv", option)
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr.startswith("bncheck: error: `missing.csv` does not exist\n")


@pytest.mark.parametrize("option", ["--json", "--quiet"])
def test_stdout_cannot_be_asked_for_twice(option: str, bncheck) -> None:
    result = bncheck("forward", WINE, "-o", "-", option)
    assert result.status == 2
    assert f"-o - cannot be used with {option}" in result.stdout + result.stderr


def test_stdout_takes_one_matrix(bncheck) -> None:
    result = bncheck("forward", BATCH, BATCH, "-o", "-")
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == (
        "bncheck: error: there are 2 inputs for one stdout\n"
        "  help: name a folder with -o, or run one input at a time\n"
    )


def test_a_failed_run_leaves_existing_outputs_alone(bncheck) -> None:
    Path("BZ.csv").write_text("old", "utf-8")
    assert bncheck("forward", WINE, "-o", "BZ.csv", "--save-state", "missing/s.npz").status == 2
    assert Path("BZ.csv").read_text("utf-8") == "old"

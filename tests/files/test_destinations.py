import os
from pathlib import Path

import numpy as np
import pytest

from bncheck.errors import InputError
from bncheck.files.destinations import becomes_npy, ending_of, targets_of

NAMES = {
    "a.csv": "a.csv",
    "b/a.tsv": "a.csv",
    "a.txt": "a.csv",
    "a.NPY": "a.npy",
    "a.npz": "a.npy",
    "a.npz:Z": "a_Z.npy",
    "b/a.npz:Z": "a_Z.npy",
    "a.npz:g/Z": "a_g_Z.npy",
    "a.npz:g/h/Z": "a_g_h_Z.npy",
    "a.npz:Z.1": "a_Z.1.npy",
    "a.npz:Z.csv": "a_Z.csv.npy",
    "a.npz:g:Z": "a_g_Z.npy",
    "a.npz:g\\Z": "a_g_Z.npy",
    "a.npz:../Z": "a_.._Z.npy",
    "a.b.npz:Z": "a.b_Z.npy",
    "a.NPZ:Z": "a_Z.npy",
    "stdin": "stdin.csv",
}
"""Inputs, and what their outputs are called."""


@pytest.mark.parametrize("source", NAMES)
def test_an_output_is_named_after_its_input(source: str) -> None:
    assert targets_of("out/", [source]) == [os.path.join("out/", NAMES[source])]
    assert Path("out").is_dir()
    is_npy = NAMES[source].endswith(".npy")
    assert becomes_npy("out/", source, alone=True) == is_npy
    assert becomes_npy("out", source, alone=False) == is_npy


def test_a_file_whose_name_looks_like_a_member_is_a_file() -> None:
    Path("a.npz:Z.csv").touch()
    assert targets_of("out/", ["a.npz:Z.csv"]) == ["out/a.npz:Z.csv"]


def test_one_input_goes_to_the_file_that_is_named() -> None:
    assert targets_of("BZ.npy", ["a.csv"]) == ["BZ.npy"]
    assert becomes_npy("BZ.NPY", "a.csv", alone=True)
    assert not becomes_npy("BZ.csv", "a.npy", alone=True)


def test_a_folder_that_exists_needs_no_slash() -> None:
    Path("out.npy").mkdir()
    assert targets_of("out.npy", ["a.csv"]) == ["out.npy/a.csv"]
    assert not becomes_npy("out.npy", "a.csv", alone=True)


def refusal(output: str, *sources: str) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        targets_of(output, sources)
    return caught.value.message, caught.value.help


def test_several_inputs_for_one_file_are_refused() -> None:
    assert refusal("BZ.npy", "a.csv", "b.csv") == (
        "there are 2 inputs for one file `BZ.npy`",
        "name a folder with -o; each output gets its input's name there",
    )


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ("a.csv", "b/a.csv", "out/a.csv"),
        ("a.csv", "a.tsv", "out/a.csv"),
        ("a.npz:g/Z", "a.npz:g_Z", "out/a_g_Z.npy"),
        ("a_g.npz:Z", "a.npz:g/Z", "out/a_g_Z.npy"),
        ("a_Z.npy", "a.npz:Z", "out/a_Z.npy"),
    ],
)
def test_two_inputs_for_one_name_are_refused(first: str, second: str, both: str) -> None:
    assert refusal("out", first, second) == (
        f"two inputs would both go to `{both}`",
        "rename one of them, or run them one at a time",
    )
    assert not Path("out").exists()


@pytest.mark.parametrize("output", [".", "./", "link"])
def test_a_derived_name_never_replaces_an_input(output: str) -> None:
    Path("a.csv").touch()
    Path("link").symlink_to(".")
    expected = (
        f"`{os.path.join(output, 'a.csv')}` is an input, and an output would replace it",
        "name another folder with -o",
    )
    assert refusal(output, "a.csv") == expected
    assert refusal(output, "f/b.csv", "a.csv") == expected
    np.savez("b.npz", Z=np.ones((1, 1)))
    assert targets_of(output, ["b.npz:Z"]) == [os.path.join(output, "b_Z.npy")]


def test_a_folder_that_cannot_be_made_is_refused() -> None:
    Path("file").touch()
    assert refusal("file/out/", "a.csv") == (
        "the folder `file/out/` cannot be made: not a directory",
        "choose another",
    )


def test_an_ending_is_one_of_those_that_can_be_written() -> None:
    assert ending_of("a.b/BZ.CSV", ".npy", ".csv") == ".csv"
    with pytest.raises(InputError) as caught:
        ending_of("BZ.txt", ".npy", ".csv")
    assert caught.value.message == "`BZ.txt` has an ending that cannot be written here"
    assert caught.value.help == "end the name in .npy or .csv"


def test_members_of_archives_through_the_program(bncheck) -> None:
    np.savez("a.npz", **{"g/Z": np.eye(3), "Z.1": np.eye(3)})
    result = bncheck("forward", "a.npz:g/Z", "a.npz:Z.1", "-q", "-o", "out/")
    assert (result.status, result.stderr) == (0, "")
    assert sorted(os.listdir("out")) == ["a_Z.1.npy", "a_g_Z.npy"]
    assert np.load("out/a_g_Z.npy").shape == (3, 3)

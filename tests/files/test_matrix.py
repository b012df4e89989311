import io
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bncheck.errors import InputError
from bncheck.files import sources
from bncheck.files.matrix import Matrix, read_archive, read_matrix
from tests.files.samples import Z, npy, npz


def refusal(argument: str, columns: str | None = None) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        read_matrix(argument, columns)
    return caught.value.message, caught.value.help


# What is read


@pytest.mark.parametrize("name", ["Z.npy", "Z.NPY"])
def test_npy(name: str) -> None:
    Path(name).write_bytes(npy(Z))
    matrix = read_matrix(name)
    assert np.array_equal(matrix.values, Z)
    assert (matrix.names, matrix.source, matrix.shape) == (None, name, (2, 3))


@pytest.mark.parametrize("dtype", [">f4", "f2", "i8", "u1"])
def test_every_type_becomes_float64(dtype: str) -> None:
    Path("Z.npy").write_bytes(npy(Z.astype(dtype)))
    values = read_matrix("Z.npy").values
    assert values.dtype == np.float64
    assert np.array_equal(values, Z)


def test_fortran_order_becomes_c_order() -> None:
    Path("Z.npy").write_bytes(npy(np.asfortranarray(Z)))
    values = read_matrix("Z.npy").values
    assert np.array_equal(values, Z)
    assert values.flags.c_contiguous


@pytest.mark.parametrize("name", ["Z.csv", "Z.tsv", "Z.txt", "Z.CSV"])
def test_text(name: str) -> None:
    Path(name).write_text("a,b,c\n1,2,3\n4,5,6\n")
    matrix = read_matrix(name)
    assert np.array_equal(matrix.values, Z)
    assert (matrix.names, matrix.source) == (("a", "b", "c"), name)


def test_the_one_matrix_of_an_archive_needs_no_name() -> None:
    Path("batch.npz").write_bytes(npz(y=np.ones(2), Z=Z))
    matrix = read_matrix("batch.npz")
    assert np.array_equal(matrix.values, Z)
    assert matrix.source == "batch.npz"


@pytest.mark.parametrize("name", ["Y", "a/b:c"])
def test_an_array_is_picked_from_an_archive(name: str) -> None:
    Path("batch.npz").write_bytes(npz(X=Z + 1, **{name: Z}))
    matrix = read_matrix(f"batch.npz:{name}")
    assert np.array_equal(matrix.values, Z)
    assert matrix.source == f"batch.npz:{name}"


def test_a_bad_array_beside_the_picked_one_does_no_harm() -> None:
    Path("batch.npz").write_bytes(npz(Z=Z, labels=np.array([["a"], ["b"]])))
    assert np.array_equal(read_matrix("batch.npz:Z").values, Z)


def test_columns_of_an_array_are_picked_by_position() -> None:
    Path("Z.npy").write_bytes(npy(Z))
    assert np.array_equal(read_matrix("Z.npy", "3,1").values, Z[:, [2, 0]])


def test_nan_in_columns_that_are_not_picked_does_no_harm() -> None:
    Path("Z.npy").write_bytes(npy(np.array([[1.0, np.nan, 3.0]])))
    assert np.array_equal(read_matrix("Z.npy", "1,3").values, [[1, 3]])


def test_a_fifo_is_read_once() -> None:
    os.mkfifo("Z.npy")
    writer = threading.Thread(target=Path("Z.npy").write_bytes, args=[npy(Z)])
    writer.start()
    matrix = read_matrix("Z.npy")
    writer.join()
    assert np.array_equal(matrix.values, Z)


def test_an_undecodable_name_is_read() -> None:
    name = os.fsdecode(b"Z\xff.npy")
    Path(name).write_bytes(npy(Z))
    assert np.array_equal(read_matrix(name).values, Z)


# Standard input


def read_stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> Matrix:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    return read_matrix("-")


@pytest.mark.parametrize(
    "content", [npy(Z), npz(Z=Z), b"1,2,3\n4,5,6\n"], ids=["npy", "npz", "text"]
)
def test_stdin_is_told_apart_by_its_first_bytes(
    monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    matrix = read_stdin(monkeypatch, content)
    assert np.array_equal(matrix.values, Z)
    assert matrix.source == "stdin"


@pytest.mark.parametrize(
    ("content", "message", "help_"),
    [
        (b"", "`stdin` is empty", "check the program that should write it"),
        (
            b"1,2\n3\n",
            "`stdin`, line 2: 1 value where the first row has 2",
            "check for a missing or an extra delimiter",
        ),
        (
            npz(X=Z, Z=Z),
            "`stdin` has 2 arrays: `X`, `Z`",
            "save it as a file and pick one, as in `file.npz:X`",
        ),
        (
            npy(np.ones(2)),
            "`stdin` has shape (2,), expected (N, C)",
            "save it with shape (N, 1) for one feature, as A.reshape(-1, 1) does",
        ),
    ],
)
def test_errors_in_stdin(
    monkeypatch: pytest.MonkeyPatch, content: bytes, message: str, help_: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_stdin(monkeypatch, content)
    assert (caught.value.message, caught.value.help) == (message, help_)


def test_closed_stdin_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert refusal("-") == ("`stdin` is closed", "pipe a matrix into it, or name a file")


# What is refused: files


@pytest.mark.parametrize(
    ("argument", "message", "help_"),
    [
        ("none.csv", "`none.csv` does not exist", "check the name and the folder"),
        ("none.npz:Z", "`none.npz` does not exist", "check the name and the folder"),
        ("folder", "`folder` is a folder", "name a file in it"),
        ("folder.npy", "`folder.npy` is a folder", "name a file in it"),
        ("empty.npy", "`empty.npy` is empty", "check the program that should write it"),
        ("empty.csv", "`empty.csv` is empty", "check the program that should write it"),
        (
            "Z.h5",
            "`Z.h5` has an unknown ending",
            "it can be .npy, .npz, .csv, .tsv, .txt; - reads stdin",
        ),
        (
            "empty.npy/Z.npy",
            "`empty.npy/Z.npy` cannot be read: not a directory",
            "check its name and its permissions",
        ),
        ("a\nb\udcff.npy", r"`a\nb\udcff.npy` does not exist", "check the name and the folder"),
        (
            "a\0.npy",
            r"`a\x00.npy` cannot be read: embedded null byte",
            "check its name and its permissions",
        ),
    ],
)
def test_a_file_that_cannot_be_read(argument: str, message: str, help_: str) -> None:
    Path("folder").mkdir()
    Path("folder.npy").mkdir()
    Path("empty.npy").touch()
    Path("empty.csv").touch()
    assert refusal(argument) == (message, help_)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission() -> None:
    Path("Z.npy").touch(mode=0o000)
    assert refusal("Z.npy") == (
        "`Z.npy` cannot be read: permission denied",
        "check its name and its permissions",
    )


# What is refused: arrays


@pytest.mark.parametrize(
    ("shape", "message", "help_"),
    [
        (
            (),
            "`Z.npy` has shape (), expected (N, C)",
            "save it with shape (N, 1) for one feature, as A.reshape(-1, 1) does",
        ),
        (
            (5,),
            "`Z.npy` has shape (5,), expected (N, C)",
            "save it with shape (N, 1) for one feature, as A.reshape(-1, 1) does",
        ),
        (
            (2, 3, 4),
            "`Z.npy` has shape (2, 3, 4), expected (N, C)",
            "save it with the features as columns, as in A.reshape(-1, 4)",
        ),
        (
            (0, 3),
            "`Z.npy` holds no numbers: its shape is (0, 3)",
            "check the program that should write it",
        ),
        (
            (3, 0),
            "`Z.npy` holds no numbers: its shape is (3, 0)",
            "check the program that should write it",
        ),
    ],
)
def test_other_shapes(shape: tuple[int, ...], message: str, help_: str) -> None:
    Path("Z.npy").write_bytes(npy(np.ones(shape)))
    assert refusal("Z.npy") == (message, help_)


def test_nan_is_told_by_its_place_in_the_file() -> None:
    Path("Z.npy").write_bytes(npy(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, np.nan]])))
    assert refusal("Z.npy", "3,1") == (
        "`Z.npy`: nan in row 1, column 2 (counting from 0)",
        "only finite numbers can be used: leave such rows or columns out",
    )


def test_a_column_that_an_array_does_not_have() -> None:
    Path("Z.npy").write_bytes(npy(Z))
    assert refusal("Z.npy", "ash") == ("`Z.npy` has no column `ash`", "it has 3 columns")


# What is refused: archives


@pytest.mark.parametrize(
    ("arrays", "argument", "message", "help_"),
    [
        (
            {"X": Z, "Z": Z, "y": np.ones(2)},
            "batch.npz",
            "`batch.npz` has 2 arrays: `X`, `Z`",
            "pick one, as in `batch.npz:X`",
        ),
        (
            {"x": np.ones(2), "y": np.ones(2)},
            "batch.npz",
            "`batch.npz` has 2 arrays: `x`, `y`",
            "pick one, as in `batch.npz:x`",
        ),
        ({"X": Z}, "batch.npz:Z", "`batch.npz` has no array `Z`", "it has `X`"),
        ({"X": Z}, "batch.npz:", "`batch.npz` has no array ``", "it has `X`"),
        ({}, "batch.npz", "`batch.npz` holds no array", "save some with np.savez"),
        (
            {"y": np.ones(2)},
            "batch.npz",
            "`batch.npz:y` has shape (2,), expected (N, C)",
            "save it with shape (N, 1) for one feature, as A.reshape(-1, 1) does",
        ),
        (
            {"Z": Z * np.inf},
            "batch.npz",
            "`batch.npz:Z`: inf in row 0, column 0 (counting from 0)",
            "only finite numbers can be used: leave such rows or columns out",
        ),
    ],
)
def test_an_archive_without_the_matrix(
    arrays: dict[str, NDArray[Any]], argument: str, message: str, help_: str
) -> None:
    Path("batch.npz").write_bytes(npz(**arrays))
    assert refusal(argument) == (message, help_)


# What is held in memory


@pytest.mark.parametrize("name", ["Z.npy", "Z.npz", "Z.csv"])
def test_a_large_matrix_stays_in_a_file_and_is_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"Z.npy": npy(Z), "Z.npz": npz(Z=Z), "Z.csv": b"1,2,3\n4,5,6\n"}
    Path(name).write_bytes(files[name])
    assert isinstance(read_matrix(name).rows, np.ndarray)
    monkeypatch.setattr(sources, "IN_MEMORY", 40)
    matrix = read_matrix(name)
    assert not isinstance(matrix.rows, np.ndarray)
    assert np.array_equal(matrix.rows[1:2], Z[1:2])
    assert np.array_equal(matrix.values, Z)


def test_an_archive_is_read_by_names() -> None:
    Path("results.npz").write_bytes(npz(dLdBW=np.ones(3), BZ=Z))
    archive = read_archive("results.npz")
    assert archive.names == ("dLdBW", "BZ")
    assert archive.shape("BZ") == (2, 3)
    assert np.array_equal(archive.read("BZ"), Z)

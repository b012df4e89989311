import errno
import os
import shutil
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.errors import InputError
from bncheck.files.matrix import read_matrix
from bncheck.files.write import Outputs, matrix_texts, refuse_without_room

Z = np.array([[0.1, -2.0], [1e-300, 1 / 3]])

matrices = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=5),
    elements=st.floats(allow_nan=False, allow_infinity=False),
)


def files() -> list[str]:
    return sorted(os.listdir())


def write_matrices(*paths: str, error: type[BaseException] | None = None) -> None:
    with Outputs() as outputs:
        for path in paths:
            outputs.matrix(path, Z)
        if error is not None:
            raise error


def refusal(path: str) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        write_matrices(path)
    return caught.value.message, caught.value.help


@pytest.mark.parametrize("path", ["A.npy", "A.csv"])
@given(A=matrices)
def test_a_matrix_is_read_back_bit_by_bit(tmp_path_factory, path, A) -> None:  # type: ignore[no-untyped-def]
    file = str(tmp_path_factory.mktemp("round-trip") / path)
    with Outputs() as outputs:
        outputs.matrix(file, A)
    assert read_matrix(file).values.tobytes() == A.tobytes()


@given(st.lists(st.text(st.characters(codec="utf-8")).map(str.strip), min_size=1, max_size=4))
def test_names_are_read_back(tmp_path_factory, names) -> None:  # type: ignore[no-untyped-def]
    file = str(tmp_path_factory.mktemp("round-trip") / "A.csv")
    # One name that is no number makes the row a header. Of line ends only the kind is lost.
    names = ["feature", *(name.replace("\r", "") for name in names)]
    with Outputs() as outputs:
        outputs.matrix(file, np.ones((2, len(names))), names)
    assert read_matrix(file).names == tuple(names)


def test_csv_has_a_header_and_the_shortest_decimals() -> None:
    names = ["ash", "a, b", "#c", 'd "e"', ""]
    A = np.array([[0.1, 1e-9, 3.0, -0.0, 1 / 3]])
    assert "".join(matrix_texts(A, names)) == (
        'ash,"a, b","#c","d ""e""",""\n0.1,1e-09,3.0,-0.0,0.3333333333333333\n'
    )


def test_csv_without_names_has_no_header() -> None:
    assert "".join(matrix_texts(np.array([[1.0, 2.0], [3.0, 4.0]]))) == "1.0,2.0\n3.0,4.0\n"


def test_an_archive_holds_arrays_by_name() -> None:
    with Outputs() as outputs:
        outputs.archive("A.npz", {"Z": Z, "alpha": 0.9, "file": [1, 2]})
    with np.load("A.npz", allow_pickle=False) as archive:
        assert archive.files == ["Z", "alpha", "file"]
        assert np.array_equal(archive["Z"], Z)
        assert archive["alpha"] == 0.9


def test_the_same_archive_has_the_same_bytes() -> None:
    for name in ("A.npz", "B.npz"):
        with Outputs() as outputs:
            outputs.archive(name, {"Z": Z})
    assert Path("A.npz").read_bytes() == Path("B.npz").read_bytes()


def test_nothing_appears_before_the_end() -> None:
    with Outputs() as outputs:
        outputs.matrix("A.npy", Z)
        assert not Path("A.npy").exists()
    assert files() == ["A.npy"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_run_leaves_everything_as_it_was(error: type[BaseException]) -> None:
    Path("old.npy").write_bytes(b"old")
    with pytest.raises(error):
        write_matrices("old.npy", "new.csv", error=error)
    assert files() == ["old.npy"]
    assert Path("old.npy").read_bytes() == b"old"


def test_an_output_that_cannot_be_written_undoes_the_others() -> None:
    with pytest.raises(InputError):
        write_matrices("A.npy", "missing/B.npy")
    assert files() == []


def test_a_full_disk_leaves_an_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    Path("A.npy").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    assert refusal("A.npy") == (
        "`A.npy` cannot be written: no space left on device",
        "choose another folder or name, or make room",
    )
    assert files() == ["A.npy"]
    assert Path("A.npy").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("path", "message", "help_"),
    [
        (
            "A.txt",
            "`A.txt` has an ending that cannot be written here",
            "end the name in .npy or .csv",
        ),
        (
            "missing/A.npy",
            "`missing/A.npy` cannot be written: there is no folder `missing`",
            "make the folder first, or choose another",
        ),
        ("folder.npy", "`folder.npy` is a folder", "name a file in it"),
        ("pipe.npy", "`pipe.npy` is not a regular file", "choose another name"),
        (
            "file/A.npy",
            "`file/A.npy` cannot be written: not a directory",
            "choose another folder or name, or make room",
        ),
        (
            "a\n\0.npy",
            r"`a\n\x00.npy` cannot be written: embedded null byte",
            "choose another folder or name, or make room",
        ),
    ],
)
def test_what_cannot_be_written_is_refused(path: str, message: str, help_: str) -> None:
    Path("folder.npy").mkdir()
    Path("file").touch()
    os.mkfifo("pipe.npy")
    before = files()
    assert refusal(path) == (message, help_)
    assert files() == before


def test_an_archive_ends_in_npz() -> None:
    with pytest.raises(InputError) as caught, Outputs() as outputs:
        outputs.archive("A.npy", {"Z": Z})
    assert caught.value.help == "end the name in .npz"


def test_one_name_for_two_outputs_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        write_matrices("A.npy", "./A.npy")
    assert caught.value.message == "`./A.npy` is named for two outputs"
    assert files() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_file_is_not_replaced() -> None:
    Path("A.npy").write_bytes(b"old")
    Path("A.npy").chmod(0o444)
    assert refusal("A.npy") == (
        "`A.npy` cannot be written: it is read-only",
        "choose another name, or change its permissions",
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused() -> None:
    Path("folder").mkdir(mode=0o555)
    assert refusal("folder/A.npy") == (
        "`folder/A.npy` cannot be written: permission denied",
        "choose a folder that you may write to",
    )


def test_a_symbolic_link_stays_and_its_target_is_replaced() -> None:
    Path("folder").mkdir()
    Path("link.npy").symlink_to("folder/A.npy")
    write_matrices("link.npy")
    assert Path("link.npy").is_symlink()
    assert np.array_equal(np.load("folder/A.npy"), Z)


def test_a_new_file_has_the_permissions_of_any_other() -> None:
    Path("other").touch()
    write_matrices("A.npy")
    assert mode_of("A.npy") == mode_of("other")


def test_an_old_file_keeps_its_permissions() -> None:
    Path("A.npy").touch()
    Path("A.npy").chmod(0o640)
    write_matrices("A.npy")
    assert mode_of("A.npy") == 0o640


def mode_of(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f8", ">f4", "f2"])
def test_a_matrix_keeps_its_type_in_npy(order: Any, dtype: str) -> None:
    A = np.arange(6.0).reshape(2, 3).astype(dtype, order=order)
    with Outputs() as outputs:
        outputs.matrix("A.npy", A)
    read = np.load("A.npy")
    assert read.dtype == np.dtype(dtype)
    assert np.array_equal(read, A)


def test_a_large_matrix_is_written_block_by_block() -> None:
    A = np.random.default_rng(0).standard_normal((30_000, 5))
    with Outputs() as outputs:
        outputs.matrix("A.npy", A)
        outputs.matrix("A.csv", A)
    assert np.array_equal(np.load("A.npy"), A)
    assert np.array_equal(np.loadtxt("A.csv", delimiter=","), A)


def test_rows_that_are_computed_are_written_as_they_come() -> None:
    Z = np.random.default_rng(0).standard_normal((30_000, 5))
    layer = BatchNorm1d(5)
    BZ = layer.forward_rows(Z)
    with Outputs() as outputs:
        outputs.matrix("BZ.npy", BZ)
        outputs.matrix("BZ.csv", BZ, list("abcde"))
    assert np.array_equal(np.load("BZ.npy"), BZ.array())
    assert np.array_equal(read_matrix("BZ.csv").values, BZ.array())


def test_a_bug_while_content_is_made_is_no_fault_of_the_file() -> None:
    class Rows(np.ndarray):
        def __getitem__(self, _: object) -> Any:
            raise ValueError("a bug")

    with pytest.raises(ValueError, match=r"^a bug$") as caught, Outputs() as outputs:
        outputs.matrix("A.npy", np.ones((2, 2)).view(Rows))
    assert not isinstance(caught.value, InputError)
    assert files() == []


def test_an_object_is_never_pickled() -> None:
    with pytest.raises(ValueError, match="pickle"), Outputs() as outputs:
        outputs.archive("A.npz", {"A": np.array([object()])})
    assert files() == []


@pytest.mark.parametrize("output", ["A.npy", "folder"])
def test_a_disk_without_room_is_told(output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("folder").mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=160))
    refuse_without_room(output, [(5, 2), (5, 2)])
    with pytest.raises(InputError) as caught:
        refuse_without_room(output, [(5, 2), (5, 2), (1, 1)])
    assert caught.value.message == (
        f"`{output}` cannot be written: no space left on device: it takes 168 B, and 160 B are free"
    )
    assert caught.value.help == "choose another folder, or make room"


def test_a_folder_that_is_missing_is_told_later() -> None:
    refuse_without_room("missing/A.npy", [(10**9, 10**9)])

import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bncheck.errors import InputError
from bncheck.files import sources
from bncheck.files.matrix import read_matrix
from bncheck.files.npy import Archive, open_npy
from bncheck.files.sources import InputFile
from tests.files.samples import Z, npy, npy_with_header, npz


def refusal(argument: str) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        read_matrix(argument)
    return caught.value.message, caught.value.help


def archive_of(content: bytes) -> Archive:
    return Archive(InputFile(content, "batch.npz"))


@pytest.mark.parametrize("A", [Z, np.asfortranarray(Z), Z[0], Z[0, 0], Z[None].astype(">i4")])
def test_an_array_of_any_shape_order_and_type(A: NDArray[Any]) -> None:
    stored = open_npy(InputFile(npy(A), "A.npy"), "`A.npy`")
    assert (stored.shape, stored.dtype) == (np.shape(A), np.asarray(A).dtype)
    assert np.array_equal(stored.array(), A)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format(version: tuple[int, int]) -> None:
    Path("Z.npy").write_bytes(npy(Z, version))
    assert np.array_equal(read_matrix("Z.npy").values, Z)


def test_a_header_of_python_2() -> None:
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2L, 3L), }"
    Path("Z.npy").write_bytes(npy_with_header(header, Z.tobytes()))
    assert np.array_equal(read_matrix("Z.npy").values, Z)


@pytest.mark.parametrize(
    ("A", "dtype"),
    [
        (np.array([[True]]), "bool"),
        (np.array([["a"]]), "<U1"),
        (np.array([[1j]]), "complex128"),
        (np.zeros((1, 1), [("a", "f8")]), "[('a', '<f8')]"),
    ],
)
def test_other_types(A: NDArray[Any], dtype: str) -> None:
    np.save("Z.npy", A)
    message, _ = refusal("Z.npy")
    assert message == f"`Z.npy` has dtype `{dtype}`, expected real numbers"


def test_a_pickle_is_not_opened() -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return Path.touch, (Path("exploded"),)  # type: ignore[return-value]

    Path("Z.npy").write_bytes(npy(np.array([[Bomb()]], dtype=object), pickle=True))
    assert refusal("Z.npy") == (
        "`Z.npy` has dtype `object`, expected real numbers",
        "save it as numbers, with A.astype(np.float64)",
    )
    assert not Path("exploded").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy(Z)[:-1], "`Z.npy` has 47 bytes of numbers where its header promises 48"),
        (npy(Z) + b"\n", "`Z.npy` has 49 bytes of numbers where its header promises 48"),
        (
            npy_with_header(
                "{'descr': '<f8', 'fortran_order': True, 'shape': (1000000000000000000, 2), }",
                b"12",
            ),
            "`Z.npy` has 2 bytes of numbers where its header promises 16000000000000000000",
        ),
    ],
)
def test_a_size_that_is_not_that_of_the_header(content: bytes, message: str) -> None:
    Path("Z.npy").write_bytes(content)
    assert refusal("Z.npy") == (message, "the file is damaged or incomplete; save or copy it again")


@pytest.mark.parametrize(
    "content",
    [
        npy(Z)[:7],
        npy(Z)[:20],
        npy(Z).replace(b"\x01\x00", b"\x09\x00", 1),
        npy_with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-2, -3), }", bytes(48)),
        npy_with_header("{'descr': ('<f8',), 'fortran_order': False, 'shape': (2, 3), }"),
        npy_with_header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {(1,) * 65}, }}"),
        npy_with_header("(" * 9000),
        npy_with_header("[" * 20000),
    ],
)
def test_a_header_that_cannot_be_read(content: bytes) -> None:
    Path("Z.npy").write_bytes(content)
    assert refusal("Z.npy") == (
        "`Z.npy` has a header that cannot be read",
        "save it again with np.save",
    )


def test_a_file_of_another_format() -> None:
    Path("Z.npy").write_bytes(b"1,2\n3,4\n")
    assert refusal("Z.npy") == ("`Z.npy` is not in NumPy's .npy format", "save it with np.save")


def test_damaged_archives_are_refused() -> None:
    whole = npz(Z=np.random.default_rng(0).normal(size=(20, 20)))
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    for content in (whole[:-30], flipped, b"PK\x03\x04", b"no archive at all"):
        Path("batch.npz").write_bytes(content)
        assert refusal("batch.npz:Z") == (
            "`batch.npz` is not an .npz archive, or a damaged one",
            "save it again with np.savez",
        )


def test_a_member_that_is_no_array_is_refused() -> None:
    with zipfile.ZipFile("batch.npz", "w") as archive:
        archive.writestr("Z.npy", b"1,2\n3,4\n")
    assert refusal("batch.npz") == (
        "`batch.npz:Z` is not in NumPy's .npy format",
        "save it with np.save",
    )


def test_no_flipped_byte_of_a_file_is_an_error_of_ours() -> None:
    content = npy(np.array([[1, 2], [3, 4]], dtype=np.int8))
    for place in range(len(content)):
        for flip in (1, 8, 32, 128):
            flipped = bytearray(content)
            flipped[place] ^= flip
            with suppress(InputError):
                open_npy(InputFile(flipped, "Z.npy"), "`Z.npy`").array()


def test_an_archive_names_its_arrays_in_order() -> None:
    archive = archive_of(npz(dLdBW=np.ones(3), BZ=Z))
    assert archive.names == ("dLdBW", "BZ")
    assert archive.where("BZ") == "`batch.npz:BZ`"
    assert archive.shape("BZ") == (2, 3)
    assert np.array_equal(archive.read("BZ"), Z)


def test_a_large_array_is_unpacked_into_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    A = np.arange(1e5)
    content = npz(A=A)
    monkeypatch.setattr(sources, "IN_MEMORY", 1000)
    assert np.array_equal(archive_of(content).read("A"), A)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused() -> None:
    with zipfile.ZipFile("batch.npz", "w") as archive:
        for A in (Z, Z + 1):
            archive.writestr("Z.npy", npy(A))
    assert refusal("batch.npz") == (
        "`batch.npz` has 2 arrays with the name `Z`",
        "save it again with np.savez",
    )

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bncheck.errors import InputError
from bncheck.files.sources import InputFile
from bncheck.files.stored import StoredArray, StoredRows

A = np.arange(12.0).reshape(4, 3)
HEADER = b"what comes before"


def stored(A: NDArray[Any], order: str = "C") -> StoredArray:
    file = InputFile(HEADER + A.tobytes(order), "A.npy")  # type: ignore[arg-type]
    return StoredArray(file, len(HEADER), A.shape, A.dtype, order == "F")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f8", ">f4", "u2"])
def test_rows_and_columns_of_any_order_and_type(order: str, dtype: str) -> None:
    array = stored(A.astype(dtype), order)
    assert np.array_equal(array.array(), A)
    assert array.array().dtype == np.dtype(dtype)
    assert np.array_equal(array.rows(1, 3), A[1:3])
    assert np.array_equal(array.rows(0, 4, [2, 0]), A[:, [2, 0]])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("columns", [range(3), [1], [2, 0], [0, 1, 2]])
def test_rows_are_sliced_as_those_of_an_array(order: str, columns: Any) -> None:
    rows = StoredRows(stored(A.astype("f4"), order), columns, "`A.npy`")
    expected = A[:, list(columns)]
    assert (rows.shape, rows.dtype) == (expected.shape, np.float64)
    for part in (slice(None), slice(1, 3), slice(2, None), slice(-1, None), slice(4, 4)):
        assert np.array_equal(rows[part], expected[part])
    assert rows[:].flags.c_contiguous
    rows[:][:] = 0  # a copy
    assert np.array_equal(rows[:], expected)


def test_a_number_that_is_not_finite_is_told_by_its_place_in_the_file() -> None:
    wrong = A.copy()
    wrong[3, 1] = np.nan
    rows = StoredRows(stored(wrong), [0, 1], "`A.npy`")
    assert np.array_equal(rows[:3], A[:3, :2])
    with pytest.raises(InputError, match=r"^`A\.npy`: nan in row 3, column 1 \(counting from 0\)$"):
        rows[2:]
    assert np.array_equal(StoredRows(stored(wrong), [0, 2], "`A.npy`")[:], A[:, [0, 2]])


def test_an_integer_that_float64_cannot_hold_is_told_by_its_place_in_the_file() -> None:
    wrong = A.astype(np.int64)
    wrong[3, 1] = 2**53 + 1
    rows = StoredRows(stored(wrong), [0, 1], "`A.npy`")
    with pytest.raises(InputError, match=r"9007199254740993 in row 3, column 1 \("):
        rows[2:]

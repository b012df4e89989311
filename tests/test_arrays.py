"""What all rooms mean by rows of a matrix, and by a large one."""

import numpy as np
import pytest

from bncheck.arrays import EPS, FLOAT64, LARGE, LazyRows, RowsByFunction, is_large


@pytest.mark.parametrize(
    ("shape", "large"),
    [
        ((LARGE, 1), False),
        ((LARGE + 1, 1), True),
        ((1, LARGE), False),
        ((LARGE // 8, 8), False),
        ((LARGE // 8 + 1, 8), True),
        ((0, 5), False),
    ],
)
def test_a_matrix_is_large_by_its_number_of_entries(shape: tuple[int, int], large: bool) -> None:
    assert is_large(shape) is large


def test_large_begins_where_blocks_pay() -> None:
    assert LARGE == 2**21


def test_the_limit_is_asked_for_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bncheck.arrays.LARGE", 5)
    assert is_large((3, 2))


@pytest.mark.parametrize(
    "rows", [slice(None), slice(2, None), slice(3), slice(1, 4), slice(4, 99), slice(-2, None)]
)
def test_a_function_gives_the_rows_that_a_slice_asks_for(rows: slice) -> None:
    Z = np.arange(12.0).reshape(6, 2)
    asked = []

    def give(some: slice) -> np.ndarray:
        asked.append(some)
        return Z[some]

    matrix = RowsByFunction(Z.shape, give)
    assert np.array_equal(matrix[rows], Z[rows])
    assert asked == [slice(*rows.indices(6)[:2])]
    assert isinstance(matrix, LazyRows)


def test_rows_have_the_type_that_is_told() -> None:
    assert RowsByFunction((1, 1), lambda _: np.ones((1, 1))).dtype is FLOAT64
    assert RowsByFunction((1, 1), lambda _: np.ones((1, 1), "f4"), np.dtype("f4")).dtype == "f4"


def test_rows_of_nothing_in_particular_cannot_be_given() -> None:
    with pytest.raises(NotImplementedError):
        LazyRows()[:]


def test_the_precision_is_that_of_float64() -> None:
    assert 1 + EPS > 1
    assert 1 + EPS / 2 == 1

"""The judge's own sums: exact to a few roundings, in an order of its own, on all threads."""

import math

import numpy as np
import pytest

from bncheck import progress
from bncheck.arrays import LARGE, RowsByFunction
from bncheck.reference.sums import (
    AT_ONCE,
    AT_ONCE_OF_LARGE,
    GROUP,
    column_mean,
    column_sum,
    largest,
    reduce_rows,
    slices_of,
    sum_of_products,
    sweep,
    sweep_columns,
)

EPS = np.finfo(float).eps
LENGTHS = [1, 2, GROUP - 1, GROUP, GROUP + 1, 2 * GROUP, 3 * GROUP + 7, GROUP**2, GROUP**2 + 300]
LARGE_SHAPE = (LARGE // 7 + 1, 7)


@pytest.mark.parametrize("N", LENGTHS)
@pytest.mark.parametrize("C", [1, 3])
def test_a_column_is_added_up_to_a_few_roundings(N: int, C: int) -> None:
    A = np.random.default_rng(N).standard_normal((N, C)) + 3
    total = column_sum(A)
    assert total.shape == (1, C)
    for column in range(C):
        exact = math.fsum(A[:, column])
        size = math.fsum(np.abs(A[:, column]))
        assert abs(total[0, column] - exact) <= 16 * EPS * size
        assert column_mean(A)[0, column] == pytest.approx(exact / N, rel=16 * EPS)


def test_the_error_of_a_sum_does_not_grow_with_the_rows() -> None:
    A = np.full((2_000_000, 2), 0.1)  # added one after the other these are off by 1e-11
    exact = math.fsum(A[:, 0])
    assert column_sum(A)[0] == pytest.approx(exact, rel=64 * EPS, abs=0)
    assert np.add.reduce(A, axis=0) != pytest.approx(exact, rel=64 * EPS, abs=0)


@pytest.mark.parametrize("N", LENGTHS)
@pytest.mark.parametrize("row", [0, -1, "middle"])
def test_every_row_counts_once(N: int, row: int | str) -> None:
    A = np.zeros((N, 2))
    A[N // 2 if row == "middle" else row] = [1, -7]
    assert reduce_rows(np.add, A).tolist() == [[1, -7]]
    assert reduce_rows(np.minimum, A)[0, 1] == -7
    assert reduce_rows(np.maximum, A)[0, 0] == 1
    assert largest(A).tolist() == [[1, 7]]


def test_the_largest_is_that_of_absolute_values() -> None:
    A = np.array([[-3.0, 2.0, -0.0, np.nan], [1.0, -1.0, 0.0, 1.0]])
    found = largest(A)
    assert found[0, :3].tolist() == [3, 2, 0]
    assert not np.signbit(found[0, 2])
    assert np.isnan(found[0, 3])
    assert largest(A[:, :3], at_least=2.5).tolist() == [[3, 2.5, 2.5]]
    assert not np.signbit(largest(np.array([[-0.0]])))


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (5, 3), (AT_ONCE, 1), (AT_ONCE + 1, 1), (3, 100_000), (20_000, 13), LARGE_SHAPE],
)
def test_the_slices_have_every_row_once(shape: tuple[int, int]) -> None:
    N, C = shape
    slices = slices_of(shape)
    assert [rows.start for rows in slices] == [0, *(rows.stop for rows in slices[:-1])]
    assert slices[-1].stop == N
    limit = AT_ONCE_OF_LARGE if N * C > LARGE else AT_ONCE
    assert all((rows.stop - rows.start) * C <= max(limit, C) for rows in slices)
    assert all((rows.stop - rows.start + 1) * C > limit for rows in slices[:-1])


@pytest.mark.parametrize("shape", [(5, 3), (90_000, 2), LARGE_SHAPE])
def test_a_sweep_goes_over_the_rows_in_order_and_tells_how_far_it_is(
    shape: tuple[int, int],
) -> None:
    heard: list[int] = []
    with progress.heard_by(lambda planned, done: heard.append(done)):
        assert list(sweep(lambda rows: rows, shape)) == slices_of(shape)
    assert len(heard) == len(slices_of(shape))
    assert sum(heard) == 8 * shape[0] * shape[1]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_last_bit_does_not_depend_on_the_threads(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    A = np.random.default_rng(0).standard_normal(LARGE_SHAPE)
    usual = sum_of_products(A, A)
    monkeypatch.setattr("bncheck.threads.cores", lambda: threads)
    assert np.array_equal(sum_of_products(A, A), usual)


@pytest.mark.parametrize("shape", [(5, 3), (90_000, 2)])
def test_columns_are_reduced_each_in_its_own_way(shape: tuple[int, int]) -> None:
    A = np.random.default_rng(1).standard_normal(shape)
    asked = []

    def look(rows: slice) -> tuple[np.ndarray, ...]:
        asked.append(rows)
        return column_sum(A[rows]), largest(A[rows]), reduce_rows(np.minimum, A[rows])

    total, most, least = sweep_columns(look, shape, np.add, np.maximum, np.minimum)
    assert asked == slices_of(shape)  # once each
    assert total == pytest.approx(A.sum(axis=0, keepdims=True), rel=1e-11)
    assert np.array_equal(most, np.abs(A).max(axis=0, keepdims=True))
    assert np.array_equal(least, A.min(axis=0, keepdims=True))


def test_as_many_results_as_ways_to_reduce_them_are_asked_for() -> None:
    with pytest.raises(ValueError, match="zip"):
        sweep_columns(lambda rows: (np.ones((1, 1)),), (3, 1), np.add, np.add)


@pytest.mark.parametrize("shape", [(5, 3), (90_000, 2)])
def test_a_sum_of_products_takes_arrays_and_rows(shape: tuple[int, int]) -> None:
    A, B = np.random.default_rng(2).standard_normal((2, *shape))
    right = [
        math.fsum(a * b for a, b in zip(*pair, strict=True)) for pair in zip(A.T, B.T, strict=True)
    ]
    size = np.abs(A * B).sum(axis=0)
    rows = RowsByFunction(shape, lambda some: A[some])
    for found in (sum_of_products(A, B), sum_of_products(rows, B)):
        assert found.shape == (1, shape[1])
        assert (np.abs(found - right) <= 16 * EPS * size).all()

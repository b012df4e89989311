"""The stages of the definition: sums that do not lose digits, statistics that ignore an offset."""

import math

import numpy as np
import pytest

from bncheck.batchnorm.formulas import (
    BLOCK,
    centre,
    change_of_reciprocal_root,
    column_sum,
    variance,
    weighted_mean,
)


@pytest.mark.parametrize("N", [1, 2, BLOCK, BLOCK + 1, 3 * BLOCK, BLOCK**2 + 7])
def test_column_sum_is_the_exact_sum_to_a_few_roundings(N: int) -> None:
    A = np.random.default_rng(N).standard_normal((N, 2))
    exact = [math.fsum(column) for column in A.T]
    size = [math.fsum(abs(column)) for column in A.T]
    assert (np.abs(column_sum(A) - exact) <= 1e-15 * np.array(size)).all()


def test_a_long_sum_of_equal_terms_is_more_exact_than_numpys() -> None:
    A = np.full((1_000_000, 2), 0.1)
    exact = math.fsum(A[:, 0])
    assert abs(column_sum(A)[0, 0] - exact) < abs(A.sum(axis=0)[0] - exact)


@pytest.mark.parametrize("value", [0.1, -7.3e12, 1e-300])
def test_a_constant_column_is_centred_to_exact_zeros(value: float) -> None:
    M, X = centre(np.full((37, 1), value))
    assert M == value
    assert not X.any()


@pytest.mark.parametrize("offset", [2.0**20, -(2.0**30), 2.0**40])
def test_an_offset_does_not_change_the_centred_columns(offset: float) -> None:
    Z = np.random.default_rng(0).integers(-1000, 1000, (50, 3)) / 1024
    _, X = centre(Z)
    _, moved = centre(Z + offset)
    assert (X == moved).all()
    assert (variance(X) == variance(moved)).all()


def test_the_change_of_the_reciprocal_root_does_not_cancel() -> None:
    root, change = np.array([3.0]), np.array([1e-14])
    # -change / (2 root**3) to first order; the second is 1e-14 times smaller.
    assert change_of_reciprocal_root(change, root) == pytest.approx(-1e-14 / 54, rel=1e-13)


def test_alpha_weighs_the_old_value() -> None:
    assert weighted_mean(np.array([10.0]), np.array([0.0]), 0.9) == 9

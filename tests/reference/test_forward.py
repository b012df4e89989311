"""The definition's forward against sixty digits: values, scales, and what cannot be represented."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bncheck.arrays import RowsByFunction
from bncheck.errors import InputError
from bncheck.reference.forward import (
    Parameters,
    ReferenceForward,
    apply_definition,
    find_statistics,
)
from tests.planted.data import ALPHA, DATA_SETS, Case, case
from tests.planted.truth import truth_of

VALUES = ("BZ", "running_M", "running_V")
Z = np.random.default_rng(0).standard_normal((6, 2)) * [1, 100] + [5, 0]
UPSTREAM = np.random.default_rng(1).standard_normal((6, 2))
START = Parameters(
    BW=np.array([[-2.0, 0.5]]),
    Bb=np.array([[-1.0, 3.0]]),
    running_M=np.array([[-9.0, 300.0]]),
    running_V=np.array([[4.0, 9.0]]),
    alpha=0.75,
    eps=0.5,
)


def reference_of(trial: Case) -> ReferenceForward:
    parameters = Parameters(**trial.state, alpha=ALPHA, eps=trial.eps)
    return apply_definition(trial.Z, trial.dLdBZ, lambda _: parameters, eval=trial.mode == "eval")


def reference(mode: str = "train", Z: np.ndarray = Z, **changes: object) -> ReferenceForward:
    start = replace(START, **changes)
    return apply_definition(Z, UPSTREAM[: len(Z)], lambda _: start, eval=mode == "eval")


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", DATA_SETS)
def test_values_and_scales_are_those_of_the_definition(name: str, mode: str) -> None:
    trial = case(name, mode, 5, np.dtype(float))
    r, truth = reference_of(trial), truth_of(trial)
    values = {"BZ": r.BZ(), "running_M": r.running_M, "running_V": r.running_V}
    for quantity in VALUES:
        error = np.abs(values[quantity] - truth.values[quantity])
        assert (error <= 2e-15 * truth.scales[quantity]).all(), quantity
        assert values[quantity].shape == r.shape_of(quantity)
    assert r.scales.keys() == truth.scales.keys()
    for quantity, scale in truth.scales.items():
        assert r.scales[quantity] == pytest.approx(scale, rel=1e-13, abs=0), quantity
        assert r.scales[quantity].shape == (1, trial.Z.shape[1])


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("rows", [6, 40_000])
def test_what_is_known_of_the_columns(rows: int, mode: str) -> None:
    Z = np.random.default_rng(0).normal([5, 0], [1, 100], (rows, 2))
    upstream = np.random.default_rng(1).standard_normal((rows, 2))
    # Extremes in the first rows of one column and in the last ones of the other.
    Z[[0, -1], [0, 1]] = [20, -1e3]
    upstream[[0, -1, 1, -2], [0, 1, 1, 0]] = [9, -9, 7, -7]
    r = apply_definition(Z, upstream, lambda _: START, eval=mode == "eval")
    M, V = Z.mean(axis=0, keepdims=True), Z.var(axis=0, keepdims=True)
    used_M, used_V = (M, V) if mode == "train" else (START.running_M, START.running_V)
    X = Z - used_M
    NZ = X / np.sqrt(used_V + 0.5)
    known = {
        "N": rows,
        "M": M,
        "V": V,
        "used_V": used_V,
        "root": np.sqrt(used_V + 0.5),
        "reciprocal_root": 1 / np.sqrt(used_V + 0.5),
        "largest_Z": np.abs(Z).max(axis=0, keepdims=True),
        "largest_NZ": np.maximum(np.abs(NZ).max(axis=0, keepdims=True), 1),
        "largest_dLdBZ": np.abs(upstream).max(axis=0, keepdims=True),
        "range_dLdBZ": np.ptp(upstream, axis=0, keepdims=True),
        "sum_dLdBZ": upstream.sum(axis=0, keepdims=True),
        "total_dLdBZ": np.abs(upstream).sum(axis=0, keepdims=True),
        "sum_dLdBZ_X": (upstream * X).sum(axis=0, keepdims=True),
    }
    relative = (upstream / known["largest_dLdBZ"]) ** 2
    known |= {
        "squares": relative.sum(axis=0, keepdims=True),
        "products": (relative * NZ**2).sum(axis=0, keepdims=True),
    }
    for name, value in known.items():
        assert getattr(r, name) == pytest.approx(value, rel=1e-11, abs=1e-9), name
    assert r.X() == pytest.approx(X)
    assert r.NZ() == pytest.approx(NZ)
    assert r.BZ() == pytest.approx(NZ * START.BW + START.Bb)


def test_the_running_statistics_are_updated_in_training_alone() -> None:
    r = reference()
    assert r.running_M == pytest.approx(0.75 * START.running_M + 0.25 * Z.mean(axis=0))
    assert r.running_V == pytest.approx(0.75 * START.running_V + 0.25 * Z.var(axis=0))
    r = reference("eval")
    assert r.running_M is START.running_M
    assert r.running_V is START.running_V


def test_the_length_over_which_the_loss_bends() -> None:
    r = reference()
    assert r.length_scale == pytest.approx(np.sqrt(6 * (Z.var(axis=0, keepdims=True) + 0.5)))
    r = reference("eval")
    assert r.length_scale == pytest.approx(r.root * r.largest_NZ)


def test_the_condition_is_that_of_all_that_is_subtracted() -> None:
    size = np.abs(Z).max(axis=0, keepdims=True)
    assert reference().condition == pytest.approx(size / np.sqrt(Z.var(axis=0) + 0.5))
    # In inference mode the running mean is one of the two.
    assert size[0, 0] > 4
    r = reference("eval", running_M=np.array([[-4.0, 3e5]]))
    assert r.condition == pytest.approx([[size[0, 0], 3e5]] / np.sqrt(START.running_V + 0.5))


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("rows", [slice(None), slice(2, 5), slice(0, 1)])
def test_some_rows_are_those_of_all(mode: str, rows: slice) -> None:
    r = reference(mode)
    for matrix in (r.X, r.NZ, r.BZ):
        assert np.array_equal(matrix(rows), matrix()[rows])
    r.BZ()[:] = 0
    r.X()[:] = 0  # which are arrays of their own
    assert np.array_equal(r.Z, Z)


@pytest.mark.parametrize("rows", [6, 40_000])
def test_rows_of_a_file_are_as_good_as_an_array(rows: int) -> None:
    Z, D = np.random.default_rng(3).standard_normal((2, rows, 2))
    lazy = [RowsByFunction(A.shape, lambda some, A=A: A[some]) for A in (Z, D)]
    array = apply_definition(Z, D, lambda _: START, eval=False)
    file = apply_definition(*lazy, lambda _: START, eval=False)
    assert np.array_equal(array.BZ(), file.BZ(slice(0, rows)))
    assert array.scales.keys() == file.scales.keys()
    assert all(np.array_equal(array.scales[name], file.scales[name]) for name in array.scales)
    assert array.scales["dLdZ"] == pytest.approx(
        np.abs(START.BW) / np.sqrt(Z.var(axis=0) + 0.5) * np.abs(D).max(axis=0), rel=1e-12
    )


def test_the_parameters_may_depend_on_the_statistics() -> None:
    seen = []

    def parameters_for(statistics: object) -> Parameters:
        seen.append((statistics.M, statistics.V))  # type: ignore[attr-defined]
        return START

    r = apply_definition(Z, UPSTREAM, parameters_for, eval=False)
    assert len(seen) == 1
    assert seen[0][0] == pytest.approx(r.M)
    assert seen[0][1] == pytest.approx(r.V)


# Statistics


@pytest.mark.parametrize("offset", [0, 1e8, -1e15])
def test_statistics_lose_no_digits_to_a_large_mean(offset: float) -> None:
    Z = np.array([[1.0], [-3.0], [2.0]]) + offset
    statistics, largest_Z = find_statistics(Z)
    assert statistics.M == offset
    assert statistics.V == pytest.approx(14 / 3, rel=1e-15)
    assert largest_Z == np.abs(Z).max()


@pytest.mark.parametrize("rows", [3, 100_000])
def test_a_constant_column_has_no_variance(rows: int) -> None:
    Z = np.full((rows, 3), [0.1, 1e15, 0.0])
    statistics, _ = find_statistics(Z)
    assert statistics.M.tolist() == [[0.1, 1e15, 0.0]]
    assert statistics.V.tolist() == [[0, 0, 0]]
    assert not statistics.mean.any()
    r = apply_definition(Z, np.ones_like(Z), lambda _: START_OF_THREE, eval=False)
    assert not r.X().any()
    assert np.array_equal(r.BZ(), np.broadcast_to(START_OF_THREE.Bb, Z.shape))


START_OF_THREE = Parameters(
    *(np.full((1, 3), value) for value in (2.0, 0.3, 0.0, 1.0)), alpha=0.9, eps=1e-8
)


def test_statistics_of_many_rows_are_exact_too() -> None:
    Z = np.random.default_rng(4).standard_normal((150_000, 1)) + 1e6
    statistics, _ = find_statistics(Z)
    mean = math.fsum(Z[:, 0]) / len(Z)
    V = math.fsum((Z[:, 0] - mean) ** 2) / len(Z)
    assert statistics.M[0, 0] == pytest.approx(mean, rel=1e-15)
    assert statistics.V[0, 0] == pytest.approx(V, rel=1e-13)


def test_a_buffer_of_rows_that_is_filled_again_does_no_harm() -> None:
    buffer = np.empty((6, 2))

    def give(rows: slice) -> np.ndarray:
        part = buffer[: rows.stop - rows.start]
        part[:] = Z[rows]
        return part

    rows = RowsByFunction(Z.shape, give)
    statistics, _ = find_statistics(rows)
    again, _ = find_statistics(Z)
    buffer[:] = 0
    assert np.array_equal(statistics.M, again.M)
    assert np.array_equal(statistics.V, again.V)


def test_rows_that_are_lost_are_a_bug() -> None:
    lost = RowsByFunction((6, 2), lambda rows: Z[rows][:5])
    with pytest.raises(RuntimeError, match=r"5.* of 6 rows"):
        find_statistics(lost)


# What cannot be represented


@pytest.mark.parametrize(
    ("Z", "message"),
    [
        ([[1.0, 1e200], [2.0, -1e200]], "V of column 1 is beyond the largest float64"),
        ([[1.7e308, 1.0], [-1.7e308, 1.0]], "M of column 0 is beyond the largest float64"),
    ],
)
def test_statistics_beyond_float64_are_refused(Z: list[list[float]], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        find_statistics(np.array(Z))
    assert raised.value.help == "scale the input down, or leave the column out with --columns"


def test_a_sum_with_eps_beyond_float64_is_refused() -> None:
    beyond = pytest.raises(InputError, match="V \\+ eps of column 0 is beyond the largest float64")
    with beyond, np.errstate(over="ignore"):
        reference(Z=np.array([[1e153, 0.0], [-1e153, 0.0]]), eps=1.797e308)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_variance_of_nothing_needs_an_eps(mode: str) -> None:
    constant = np.array([[1.0, 5.0], [2.0, 5.0]])
    start = {"eps": 0.0, "running_V": np.array([[1.0, 0.0]])}
    with pytest.raises(InputError, match="V \\+ eps of column 1 is 0") as raised:
        reference(mode, Z=constant, **start)
    assert raised.value.help == "pass an --eps above 0"
    # Only the variance in use is divided by.
    start["running_V"] = np.array([[1.0, float(mode == "eval")]])
    constant = constant if mode == "eval" else np.array([[1.0, 5.0], [2.0, 6.0]])
    assert reference(mode, Z=constant, **start).root.min() > 0


def test_an_upstream_gradient_of_nothing_has_no_scale() -> None:
    r = apply_definition(Z, np.zeros_like(Z), lambda _: START, eval=False)
    for name in ("dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM", "dLdZ"):
        assert not r.scales[name].any()
    assert not np.signbit(r.largest_dLdBZ).any()


@pytest.mark.parametrize("size", [1e-300, 1e200])
def test_an_upstream_gradient_of_any_size_has_a_scale(size: float) -> None:
    r = apply_definition(Z, size * UPSTREAM, lambda _: START, eval=False)
    usual = reference()
    for name in ("dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM", "dLdZ"):
        assert r.scales[name] / size == pytest.approx(usual.scales[name], rel=1e-12)

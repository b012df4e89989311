"""Sums and results block by block are those of all rows at once, and the same on every thread."""

from collections.abc import Iterator

import numpy as np
import pytest

from bncheck import BatchNorm1d
from bncheck.arrays import RowsByFunction
from bncheck.batchnorm import blocks
from bncheck.batchnorm.blocks import blocks_of
from bncheck.batchnorm.sweeps import (
    Affine,
    Centred,
    ComputedRows,
    InputGradient,
    gradient_sums,
    moments,
    survey,
)
from tests.planted.data import DATA_SETS, case
from tests.planted.truth import truth_of

SHAPES = [(1, 1), (7, 3), (300, 2), (4097, 5), (100_000, 1), (3, 70_000), (1023, 129)]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Blocks of a few rows, some of them side by side, on all threads."""
    monkeypatch.setattr("bncheck.arrays.LARGE", 0)
    for limit, entries in {"ENTRIES": 16, "WIDTH": 6, "ENTRIES_OF_LARGE": 16}.items():
        monkeypatch.setattr(blocks, limit, entries)
    blocks_of.cache_clear()
    yield
    blocks_of.cache_clear()


def drawn(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.standard_normal(shape) + 3, rng.standard_normal(shape)


# Sums


@pytest.mark.parametrize("shape", SHAPES)
def test_mean_and_squares_are_those_of_all_rows(shape: tuple[int, int]) -> None:
    Z, _ = drawn(shape)
    found = moments(Z)
    assert found.N == len(Z)
    assert np.allclose(found.mean + Z[:1], Z.mean(axis=0), rtol=1e-14)
    assert np.allclose(found.squares, Z.var(axis=0) * len(Z), rtol=1e-13, atol=1e-25)
    if found.X is not None:
        assert np.allclose(found.X, Z - Z.mean(axis=0), rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_survey_has_the_extremes_too(shape: tuple[int, int]) -> None:
    Z, _ = drawn(shape)
    found, low, high = survey(Z)
    assert np.allclose(found.mean, moments(Z).mean, rtol=1e-13, atol=1e-14)
    assert np.allclose(found.squares, moments(Z).squares, rtol=1e-13)
    assert found.N == len(Z)
    assert np.array_equal(low, Z.min(axis=0, keepdims=True))
    assert np.array_equal(high, Z.max(axis=0, keepdims=True))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kept", [False, True])
def test_the_sums_of_the_backward(shape: tuple[int, int], kept: bool) -> None:
    Z, D = drawn(shape)
    X = Centred(Z, Z[:1], moments(Z).mean)
    if kept:
        X.keep()
    T, S = gradient_sums(X, D)
    right = ((Z - Z.mean(axis=0)) * D).sum(axis=0, keepdims=True)
    assert np.allclose(T, D.sum(axis=0, keepdims=True), rtol=1e-12, atol=1e-10)
    assert np.allclose(S, right, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("rows", [50, 50_000])
def test_a_constant_column_has_no_variance_in_any_block(rows: int) -> None:
    Z = np.full((rows, 4), 1e15) + np.array([0, 0.1, 1 / 3, 7])
    assert np.array_equal(moments(Z).squares, np.zeros((1, 4)))


# Rows that are computed


@pytest.mark.parametrize("shape", [(7, 3), (4097, 5), (1023, 129)])
@pytest.mark.parametrize("rows", [slice(None), slice(2, 5), slice(6, None), slice(4, 4)])
def test_some_rows_are_those_of_all(shape: tuple[int, int], rows: slice) -> None:
    Z, D = drawn(shape)
    row = np.random.default_rng(2).standard_normal((3, 1, shape[1]))
    X = Centred(Z, Z[:1], row[0])
    centred = Z - Z[:1] - row[0]
    for computed, right in (
        (X, centred),
        (Affine(X, row[1], row[2]), centred * row[1] + row[2]),
        (InputGradient(X, D, *row), row[2] * (D - centred * row[0] - row[1])),
    ):
        assert computed.shape == right.shape
        assert computed.dtype == right.dtype
        assert np.allclose(computed[rows], right[rows], rtol=1e-13, atol=1e-13)
        assert np.allclose(computed.array(), right, rtol=1e-13, atol=1e-13)
        assert np.array_equal(np.concatenate(list(computed.blocks())), computed.array())


def test_what_is_kept_does_not_change_with_the_input() -> None:
    Z = np.arange(12.0).reshape(4, 3)
    X = Centred(Z.copy(), Z[:1], None)
    X.keep()
    kept = X.array().copy()
    X.keep()
    assert np.array_equal(kept, Z - Z[:1])
    of_file = RowsByFunction(Z.shape, lambda rows: Z[rows])
    assert np.array_equal(Centred(of_file, Z[:1], None)[1:], kept[1:])


def test_rows_of_nothing_in_particular_cannot_be_computed() -> None:
    with pytest.raises(NotImplementedError):
        ComputedRows().compute(blocks.Block(0, 1, 1), None)


def test_another_matrix_is_transformed_in_the_same_way() -> None:
    Z, other = np.random.default_rng(3).standard_normal((2, 9, 2))
    first, mean, scale, shift = np.random.default_rng(4).standard_normal((4, 1, 2))
    for centre in (None, mean):
        BZ = Affine(Centred(Z, first, centre), scale, shift)
        right = (other - first - (0 if centre is None else centre)) * scale + shift
        assert np.allclose(BZ.apply_to(other), right, rtol=1e-14)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_complex_stays_complex(which: int) -> None:
    Z, row = np.arange(6.0).reshape(3, 2), np.array([[1.0, 2.0]])
    parts = [Z, row, row]
    parts[which] = parts[which] + 1j
    BZ = Affine(Centred(parts[0], 0 * parts[0][:1], None), parts[1], parts[2])
    right = parts[0] * parts[1] + parts[2]
    assert BZ.dtype == complex
    assert np.array_equal(BZ.array(), right)
    assert np.array_equal(BZ[1:], right[1:])


# The layer


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_last_bit_does_not_depend_on_the_threads(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    Z, D = rng.standard_normal((2, 250_000, 9))

    def results() -> list[np.ndarray]:
        layer = BatchNorm1d(9)
        return [layer.forward(Z), layer.backward(D), layer.dLdBW, layer.running_V]

    usual = results()
    monkeypatch.setattr("bncheck.threads.cores", lambda: threads)
    for again, first in zip(results(), usual, strict=True):
        assert np.array_equal(again, first)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", DATA_SETS)
@pytest.mark.usefixtures("small_blocks")
def test_the_layer_in_many_blocks_is_as_exact_as_in_one(name: str, mode: str) -> None:
    trial = case(name, mode, 4, np.dtype(float))
    truth = truth_of(trial)
    layer = BatchNorm1d(trial.Z.shape[1], eps=trial.eps)
    for quantity, value in trial.state.items():
        setattr(layer, quantity, value)
    layer.forward(trial.Z, eval=mode == "eval")
    layer.backward(trial.dLdBZ)
    for quantity, true in truth.values.items():
        error = np.abs(getattr(layer, quantity) - true)
        assert (error <= 1e-14 * truth.scales[quantity]).all(), quantity


@pytest.mark.parametrize("eval", [False, True])
def test_rows_of_a_file_give_the_last_bit_of_an_array(eval: bool) -> None:  # noqa: A002
    Z, D = drawn((5000, 7))
    results = []
    for give in (lambda A: A, lambda A: RowsByFunction(A.shape, lambda rows: A[rows])):
        layer = BatchNorm1d(7)
        BZ = layer.forward_rows(give(Z), eval=eval).array()
        dLdZ = layer.backward_rows(give(D)).array()
        results.append([BZ, dLdZ, layer.dLdBW, layer.dLdBb, layer.running_M, layer.running_V])
    assert all(map(np.array_equal, *results))


def test_no_thread_warns_of_what_is_told_as_an_error() -> None:
    Z = np.random.default_rng(0).choice([-1.7e308, 1.7e308], (800_000, 3))
    with pytest.raises(ValueError, match="V \\+ eps is"):  # and no warning, which would be raised
        BatchNorm1d(3).forward(Z)

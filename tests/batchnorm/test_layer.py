"""BatchNorm1d against the definition in sixty digits, and its manners."""

import numpy as np
import pytest

from bncheck import BatchNorm1d
from tests.planted.data import ALPHA, DATA_SETS, Case, case
from tests.planted.truth import error_of, truth_of

RESULTS = ("BZ", "running_M", "running_V", "dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM", "dLdZ")


def layer_for(trial: Case) -> BatchNorm1d:
    layer = BatchNorm1d(trial.Z.shape[1], ALPHA, eps=trial.eps)
    for name, value in trial.state.items():
        setattr(layer, name, value.copy())
    return layer


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", DATA_SETS)
def test_every_result_is_right_to_fourteen_digits(name: str, mode: str) -> None:
    trial = case(name, mode, 3, np.dtype(float))
    layer = layer_for(trial)
    layer.forward(trial.Z, eval=mode == "eval")
    layer.backward(trial.dLdBZ)
    truth = truth_of(trial)
    errors = {result: error_of(result, getattr(layer, result), truth) for result in RESULTS}
    assert max(errors.values()) < 1e-14, errors


def test_the_hand_computed_case() -> None:
    layer = BatchNorm1d(2)
    layer.BW, layer.Bb = np.array([[2.0, 5.0]]), np.array([[-1.0, 2.0]])
    BZ = layer.forward([[1, 4], [7, 0], [1, 0], [7, 4]])
    dLdZ = layer.backward([[-6, 2], [-12, 16], [-12, 20], [-6, 2]])
    np.testing.assert_allclose(BZ, [[-3, 7], [1, -3], [-3, -3], [1, 7]], atol=5e-5)
    np.testing.assert_allclose(dLdZ, [[2, 0], [-2, -5], [-2, 5], [2, 0]], atol=5e-5)


def test_inference_backward_needs_no_training_forward() -> None:
    layer = BatchNorm1d(2)
    Z, dLdBZ = np.array([[3.0, -1.0], [5.0, 0.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])
    layer.forward(Z, eval=True)
    np.testing.assert_allclose(layer.backward(dLdBZ), dLdBZ / np.sqrt(1 + 1e-8), rtol=1e-15)


def test_inference_changes_no_running_statistic() -> None:
    layer = BatchNorm1d(2)
    layer.forward(np.array([[3.0, -1.0], [5.0, 0.0]]), eval=True)
    assert (layer.running_M == 0).all()
    assert (layer.running_V == 1).all()


def test_running_statistics_are_carried_along() -> None:
    layer = BatchNorm1d(1, alpha=0.75)
    layer.forward([[0.0], [2.0]])  # M = 1, V = 1
    layer.forward([[4.0], [8.0]])  # M = 6, V = 4
    assert layer.running_M == 0.75 * 0.25 + 0.25 * 6
    assert layer.running_V == 0.75 * 1 + 0.25 * 4


def test_one_row_has_no_gradient() -> None:
    layer = BatchNorm1d(3)
    layer.BW, layer.Bb = np.array([[0.3, -7.0, 1e5]]), np.array([[1.0, 2.0, 3.0]])
    assert (layer.forward([[1.1, 1e12, -3e-9]]) == layer.Bb).all()
    assert not layer.backward([[0.7, -0.1, 1e3]]).any()


@pytest.mark.parametrize("eval", [False, True])
def test_the_callers_arrays_are_never_changed(eval: bool) -> None:  # noqa: A002
    rng = np.random.default_rng(0)
    Z, dLdBZ = rng.standard_normal((2, 5, 3))
    before = Z.copy(), dLdBZ.copy()
    for A in (Z, dLdBZ):
        A.flags.writeable = False
    layer = BatchNorm1d(3)
    layer.forward(Z, eval=eval)
    layer.backward(dLdBZ)
    assert (Z == before[0]).all()
    assert (dLdBZ == before[1]).all()


@pytest.mark.parametrize("form", ["fortran", "big-endian", "strided", "list", "integer"])
def test_the_form_of_an_array_makes_no_difference(form: str) -> None:
    Z = np.random.default_rng(1).integers(-9, 9, (300, 4)).astype(float)
    forms = {
        "fortran": np.asfortranarray(Z),
        "big-endian": Z.astype(">f8"),
        "strided": np.repeat(Z, 2, axis=1)[:, ::2],
        "list": Z.tolist(),
        "integer": Z.astype(int),
    }
    results = []
    for each in (Z, forms[form]):
        layer = BatchNorm1d(4)
        results.append((layer.forward(each), layer.backward(each)))
    assert (results[0][0] == results[1][0]).all()
    assert (results[0][1] == results[1][1]).all()


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 3e-6), ("float16", 2e-2)])
def test_coarser_types_are_right_to_their_own_rounding(dtype: str, bound: float) -> None:
    trial = case("100 rows", "train", 0, np.dtype(float))
    exact = trial.Z.astype(dtype).astype(float)
    layer, oracle = BatchNorm1d(exact.shape[1], dtype=dtype), BatchNorm1d(exact.shape[1])
    BZ, true = layer.forward(exact.astype(dtype)), oracle.forward(exact)
    assert BZ.dtype == dtype
    assert np.abs(BZ - true).max() < bound
    upstream = trial.dLdBZ.astype(dtype)
    dLdZ, true = layer.backward(upstream), oracle.backward(upstream.astype(float))
    assert dLdZ.dtype == dtype
    assert np.abs(dLdZ - true).max() < bound * np.abs(true).max()


def test_a_complex_input_stays_complex() -> None:
    Z = np.random.default_rng(1).standard_normal((6, 2))
    assert BatchNorm1d(2).forward(Z + 1e-30j).dtype == complex


@pytest.mark.parametrize(
    ("Z", "message"),
    [
        ([1.0, 2.0], r"Z has shape \(2,\), expected \(N, 2\)"),
        ([[1.0], [2.0]], r"Z has shape \(2, 1\), expected \(N, 2\)"),
        (np.empty((0, 2)), r"Z has shape \(0, 2\), expected \(N, 2\)"),
        ([[1e200, 0.0], [-1e200, 0.0]], r"V \+ eps is inf in column 0"),
    ],
)
def test_an_input_that_cannot_be_normalised_is_refused(Z: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BatchNorm1d(2).forward(Z)


def test_a_constant_column_needs_an_eps() -> None:
    with pytest.raises(ValueError, match=r"V \+ eps is 0 in column 1"):
        BatchNorm1d(2, eps=0).forward([[1.0, 5.0], [2.0, 5.0]])


def test_backward_needs_a_forward_of_the_same_shape() -> None:
    layer = BatchNorm1d(2)
    with pytest.raises(RuntimeError, match="before forward"):
        layer.backward([[1.0, 2.0]])
    layer.forward([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match="dLdBZ has 1 rows, expected 2"):
        layer.backward([[1.0, 2.0]])


@pytest.mark.parametrize(
    "options", [{"alpha": -0.1}, {"alpha": 1.1}, {"eps": -1e-8}, {"eps": np.nan}]
)
def test_settings_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        BatchNorm1d(2, **options)


# What the caller does with the arrays meanwhile

SIZES = {"small": (10, 3), "one block": (5000, 3), "blocks": (30_000, 3), "large": (700_000, 3)}


@pytest.mark.parametrize("eval", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_buffer_may_be_used_again_between_forward_and_backward(
    size: str,
    eval: bool,  # noqa: A002
) -> None:
    Z, dLdBZ = np.random.default_rng(8).standard_normal((2, *SIZES[size]))
    usual, reusing = BatchNorm1d(3), BatchNorm1d(3)
    buffer = Z.copy()
    usual.forward(Z, eval)
    BZ = reusing.forward(buffer, eval).copy()
    buffer[:] = dLdBZ  # as a framework that has one buffer for both
    assert np.array_equal(reusing.BZ, BZ)
    assert np.array_equal(reusing.backward(buffer), usual.backward(dLdBZ))
    for name in ("NZ", "dLdBW", "dLdBb", "dLdV", "dLdM", "dLdNZ"):
        assert np.array_equal(getattr(reusing, name), getattr(usual, name)), name


@pytest.mark.parametrize("eval", [False, True])
@pytest.mark.parametrize("size", ["small", "blocks"])
def test_results_are_the_callers_to_change(size: str, eval: bool) -> None:  # noqa: A002
    Z, dLdBZ = np.random.default_rng(9).standard_normal((2, *SIZES[size]))
    usual, changed = BatchNorm1d(3), BatchNorm1d(3)
    usual.forward(Z, eval)
    BZ = changed.forward(Z, eval)
    BZ *= 7
    changed.NZ[:] = 7
    dLdZ = changed.backward(dLdBZ)
    assert np.array_equal(dLdZ, usual.backward(dLdBZ))
    dLdZ *= 7
    assert np.array_equal(changed.backward(dLdBZ), usual.dLdZ)


@pytest.mark.parametrize("eval", [False, True])
def test_the_parameters_may_change_before_the_results_are_asked_for(eval: bool) -> None:  # noqa: A002
    Z, dLdBZ = np.random.default_rng(10).standard_normal((2, 6, 2))
    layer = BatchNorm1d(2)
    layer.forward(Z, eval)
    layer.backward(dLdBZ)
    names = ("NZ", "dLdNZ", "dLdV", "dLdM", "M", "V")
    before = {name: getattr(layer, name).copy() for name in names}
    for name in ("BW", "Bb", "running_M", "running_V"):
        getattr(layer, name)[:] = 5
    assert [name for name in names if not np.array_equal(before[name], getattr(layer, name))] == []


# What is computed when it is asked for


def test_gradients_stay_those_of_the_last_backward() -> None:
    rng = np.random.default_rng(5)
    layer = BatchNorm1d(3)
    layer.forward(rng.standard_normal((10, 3)))
    layer.backward(rng.standard_normal((10, 3)))
    before = [layer.dLdV, layer.dLdM, layer.dLdNZ]
    layer.forward(rng.standard_normal((20, 3)))
    assert all(map(np.array_equal, before, [layer.dLdV, layer.dLdM, layer.dLdNZ]))


def test_running_statistics_may_change_between_an_inference_forward_and_its_backward() -> None:
    rng = np.random.default_rng(6)
    Z, dLdBZ = rng.standard_normal((2, 12, 3))
    results = []
    for shift in (0.0, 1.0):
        layer = BatchNorm1d(3)
        layer.forward(Z, eval=True)
        layer.running_M += shift
        layer.backward(dLdBZ)
        results.append((layer.dLdBW, layer.NZ))
    assert all(map(np.array_equal, *results))


@pytest.mark.parametrize("rows", [10, 30_000])
@pytest.mark.parametrize("inference", [False, True])
def test_parameters_without_a_row_axis_are_taken_at_any_size(rows: int, inference: bool) -> None:
    Z = np.random.default_rng(7).standard_normal((rows, 3))
    flat, usual = BatchNorm1d(3), BatchNorm1d(3)
    for name in ("BW", "Bb", "running_M", "running_V"):
        value = np.array([[0.5, 2.0, 3.0]])
        setattr(usual, name, value)
        setattr(flat, name, value[0])
    assert np.array_equal(flat.forward(Z, inference), usual.forward(Z, inference))
    assert np.array_equal(flat.backward(Z), usual.backward(Z))


def test_a_negative_variance_is_refused() -> None:
    layer = BatchNorm1d(2)
    layer.running_V = np.array([[1.0, -1.0]])
    with pytest.raises(ValueError, match="V \\+ eps is -1 in column 1"):
        layer.forward(np.ones((3, 2)), eval=True)

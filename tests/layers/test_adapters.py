"""The interface that every layer has for a check, and the built-in layer behind it."""

from typing import Any

import numpy as np
import pytest

from bncheck import BatchNorm1d
from bncheck.arrays import LazyRows, RowsByFunction
from bncheck.errors import InputError
from bncheck.layers.adapters import BuiltInAdapter, LayerAdapter, cast_like, setting
from bncheck.layers.objects import ObjectAdapter
from tests.planted.layers import Textbook

ROWS = {"small": 12, "blocks": 30_000}


def built_in(C: int = 3, **options: Any) -> BuiltInAdapter:
    rng = np.random.default_rng(0)
    layer = BatchNorm1d(C, **options)
    for name in ("BW", "Bb", "running_M", "running_V"):
        setattr(layer, name, rng.uniform(0.5, 2, (1, C)).astype(layer.dtype) * [[-1], [1]][C % 2])
    return BuiltInAdapter(layer)


def drawn(rows: int = 12, C: int = 3) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((rows, C)) + 4


def test_an_interface_without_a_layer_does_nothing() -> None:
    nothing = LayerAdapter()
    for call in (
        lambda: nothing.takes("BW"),
        lambda: nothing.get("BW"),
        lambda: nothing.set("BW", 1),
        nothing.copy,
        lambda: nothing.source_of("forward"),
        lambda: nothing.call_forward(drawn(), eval=False),
        lambda: nothing.call_backward(drawn()),
    ):
        with pytest.raises(NotImplementedError):
            call()
    assert nothing.as_function(eval=False) is None
    assert not nothing.takes_rows
    assert not nothing.keeps_promises


# The built-in layer


def test_the_built_in_layer_is_read_and_written_by_its_own_names() -> None:
    adapter = built_in()
    assert (adapter.name, adapter.has_eval, adapter.keeps_promises) == (
        "built-in layer",
        True,
        True,
    )
    assert adapter.source_of("forward") is adapter.source_of("backward") is None
    adapter.set("BW", np.array([1.0, 2.0, 3.0]))
    adapter.set("alpha", 0.5)
    assert adapter.get("BW").tolist() == [[1, 2, 3]]
    assert adapter.get("alpha") == 0.5
    assert adapter.takes("running_V")
    assert adapter.get("nix") is None
    assert not adapter.takes("nix")


@pytest.mark.parametrize(("dtype", "rows"), [("float64", True), ("float32", False)])
def test_rows_of_a_file_are_for_a_layer_of_float64(dtype: str, rows: bool) -> None:
    adapter = built_in(dtype=dtype)
    assert adapter.dtype == dtype
    assert adapter.takes_rows is rows
    assert (adapter.as_function(eval=False) is not None) is rows


def test_a_copy_shares_nothing() -> None:
    adapter = built_in()
    copied, before = adapter.copy(), {name: adapter.get(name) for name in ("BW", "running_M")}
    copied.set("BW", np.zeros((1, 3)))
    copied.forward(drawn(), eval=False)
    assert all(adapter.get(name) is value for name, value in before.items())
    assert adapter.get("Z") is None


@pytest.mark.parametrize("eval", [False, True])
def test_a_large_matrix_is_computed_row_by_row(
    eval: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Z, dLdBZ = drawn(), drawn()[::-1]
    arrays, rows = built_in(), built_in()
    results = [arrays.forward(Z, eval=eval), arrays.backward(dLdBZ), arrays.get("dLdNZ")]
    monkeypatch.setattr("bncheck.arrays.LARGE", 0)
    lazy = [rows.forward(Z, eval=eval), rows.backward(dLdBZ), rows.get("dLdNZ")]
    assert all(isinstance(each, np.ndarray) for each in results)
    assert all(isinstance(each, LazyRows) for each in lazy)
    assert all(np.array_equal(a, b[:]) for a, b in zip(results, lazy, strict=True))
    assert np.array_equal(arrays.get("dLdBW"), rows.get("dLdBW"))
    coarse = built_in(dtype="float32")
    assert isinstance(coarse.forward(Z, eval=eval), np.ndarray)
    assert isinstance(coarse.backward(dLdBZ), np.ndarray)


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("eval", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_features_are_told_by_their_statistics_and_extremes(
    dtype: str,
    eval: bool,
    rows: int,
) -> None:
    Z = drawn(rows)
    for adapter in (built_in(dtype=dtype), ObjectAdapter(Textbook(3))):
        BZ, features = adapter.forward_features(Z, eval=eval)
        values = BZ[:].astype(float)
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        assert features["M"].ravel() == pytest.approx(Z.mean(axis=0), rel=tolerance)
        assert features["V"].ravel() == pytest.approx(Z.var(axis=0), rel=tolerance)
        assert np.array_equal(features["BZ_min"].ravel(), values.min(axis=0))
        assert np.array_equal(features["BZ_max"].ravel(), values.max(axis=0))
        assert features["BZ_min"].shape == features["BZ_max"].shape


@pytest.mark.parametrize("eval", [False, True])
def test_a_forward_as_a_function_keeps_nothing(eval: bool) -> None:
    adapter, Z = built_in(eps=0.25), drawn()
    function = adapter.as_function(eval=eval)
    assert function is not None
    state = {name: adapter.get(name) for name in ("BW", "Bb", "running_M", "running_V")}
    right = adapter.copy().forward(Z, eval=eval)
    assert np.array_equal(function(Z, state)[:], right)
    assert np.array_equal(function(Z, {})[:], right)
    assert adapter.get("Z") is None
    other = function(Z, state | {"BW": np.array([[9.0, 9, 9]])})[:]
    assert not np.allclose(other, right)
    # Each column by itself, of any number of them.
    wide = function(np.tile(Z, 4), {name: np.tile(A, 4) for name, A in state.items()})[:]
    assert np.allclose(wide, np.tile(right, 4), rtol=1e-13)
    assert np.iscomplexobj(function(Z + 1e-30j, state)[:])


def test_an_eps_for_each_feature_is_one_number_to_the_function() -> None:
    adapter = built_in()
    adapter.set("eps", np.full((1, 3), 0.5))
    function = adapter.as_function(eval=False)
    assert function is not None
    state = {name: np.ones((1, 6)) for name in ("BW", "Bb", "running_M", "running_V")}
    assert function(np.tile(drawn(), 2), state)[:].shape == (12, 6)


# Values in the place of others


@pytest.mark.parametrize(
    ("like", "value", "result"),
    [
        (np.zeros((1, 2)), [[1, 2]], np.array([[1.0, 2.0]])),
        (np.zeros(2), [[1, 2]], np.array([1.0, 2.0])),
        (np.zeros((2, 1)), [[1, 2]], np.array([[1.0], [2.0]])),
        (np.zeros(2, np.float32), [[1.0, 2.0]], np.array([1, 2], np.float32)),
        (np.zeros(2, int), [[1.5, 2.5]], np.array([1.5, 2.5])),  # not cut off
        (None, [[1.0, 2.0]], np.array([1.0, 2.0])),
        (0.0, [[1.0, 2.0]], np.array([1.0, 2.0])),
        (0.0, [[1.0]], np.array(1.0)),
        (np.zeros((1, 1)), [[1.0, 2.0]], np.array([[1.0, 2.0]])),
        (np.zeros(1), [[1.0, 2.0]], np.array([1.0, 2.0])),
        (np.zeros((1, 2)), [[1 + 2j, 0]], np.array([[1 + 2j, 0]])),
        (np.zeros(2, np.float32), [[1j, 0]], np.array([1j, 0])),
    ],
)
def test_a_value_takes_the_form_of_what_it_replaces(
    like: object, value: object, result: np.ndarray
) -> None:
    value = np.asarray(value)
    found = cast_like(like, value)
    assert (found.shape, found.dtype) == (result.shape, result.dtype)
    assert np.array_equal(found, result)
    assert not np.shares_memory(found, value)


def test_a_number_stays_the_number_that_it_is() -> None:
    assert cast_like(np.float32(0.9), 0.3) == 0.3
    assert cast_like(None, 1e-5) == 1e-5


# Settings


class WithSettings(Textbook):
    def __init__(self, alpha: object, eps: object) -> None:
        super().__init__(2)
        self.alpha, self.eps = alpha, eps  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("value", "number"),
    [(0.25, 0.25), (np.float32(0.5), 0.5), (np.full((1, 2), 0.75), 0.75), ([0.5], 0.5), (0, 0)],
)
def test_a_setting_is_one_number(value: object, number: float) -> None:
    assert setting(ObjectAdapter(WithSettings(value, 1)), "alpha") == number
    assert setting(ObjectAdapter(WithSettings(1, value)), "eps") == number


def test_what_a_layer_does_not_show_is_what_is_usual() -> None:
    adapter = ObjectAdapter(WithSettings(None, None))
    assert (setting(adapter, "alpha"), setting(adapter, "eps")) == (0.9, 1e-8)


@pytest.mark.parametrize("value", [[1e-5, 1e-3], -1.0, np.nan, np.inf, []])
def test_another_setting_is_refused(value: object) -> None:
    adapter = ObjectAdapter(WithSettings(0.9, value), "mine")
    with pytest.raises(InputError, match=r"eps of mine is .*, expected one number") as raised:
        setting(adapter, "eps")
    assert raised.value.help == "mend the layer's eps"


def test_the_rows_of_a_file_go_in_as_they_are() -> None:
    Z = drawn(30_000)
    lazy = RowsByFunction(Z.shape, lambda rows: Z[rows])
    BZ, features = built_in().forward_features(lazy, eval=False)
    right, same = built_in().forward_features(Z, eval=False)
    assert np.array_equal(BZ[:], right[:])
    assert all(np.array_equal(features[name], same[name]) for name in same)

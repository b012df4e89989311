"""An object, whatever its class and its names, behind the interface of a layer."""

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bncheck import BatchNorm1d, Verdict, gradcheck
from bncheck.layers.adapters import BuiltInAdapter
from bncheck.layers.objects import ObjectAdapter, adapter_of
from tests.planted.layers import Textbook

Z = np.random.default_rng(0).standard_normal((6, 2)) + 3


def test_the_built_in_layer_is_known_by_its_class() -> None:
    assert isinstance(adapter_of(BatchNorm1d(2)), BuiltInAdapter)
    assert adapter_of(BatchNorm1d(2)).name == "built-in layer"


def test_what_is_an_adapter_already_is_taken_as_it_is() -> None:
    adapter = adapter_of(BatchNorm1d(2))
    assert adapter_of(adapter) is adapter


class Inherited(BatchNorm1d):
    pass


def with_a_backward_of_its_own() -> BatchNorm1d:
    layer = BatchNorm1d(2)
    layer.backward = lambda dLdBZ: 7 * dLdBZ  # type: ignore[method-assign]
    return layer


def with_a_forward_of_its_own() -> BatchNorm1d:
    layer = BatchNorm1d(2)
    layer.forward = lambda Z: 7 * Z  # type: ignore[method-assign]
    return layer


@pytest.mark.parametrize(
    "make", [lambda: Inherited(2), with_a_backward_of_its_own, with_a_forward_of_its_own]
)
def test_a_method_of_somebodys_own_is_not_the_built_in_layers(make: Any) -> None:
    adapter = adapter_of(make())
    assert isinstance(adapter, ObjectAdapter)
    assert not adapter.keeps_promises
    assert not adapter.takes_rows


# A layer around another one


class Wrapper:
    """A layer that hands everything on to another one, but for a mistake of its own."""

    def __init__(self, inner: BatchNorm1d, factor: float) -> None:
        vars(self).update(inner=inner, layer=inner, factor=factor)

    def __getattr__(self, name: str) -> Any:
        if "inner" not in vars(self):  # a copy that is being made
            raise AttributeError(name)
        return getattr(self.inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.inner, name, value)

    def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:
        return self.inner.forward(Z, eval)

    def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
        return self.factor * self.inner.backward(dLdBZ)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(("factor", "verdict"), [(1, Verdict.PASS), (2, Verdict.FAIL)])
def test_a_wrapper_is_judged_as_itself(
    factor: float, verdict: Verdict, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr("bncheck.arrays.LARGE", 0)
    report = gradcheck(Wrapper(BatchNorm1d(2), factor), Z)
    assert report.verdict is verdict
    assert report.inputs[0].layer == "Wrapper"
    failed = {check.name for check in report.inputs[0].checks if not check.passed}
    assert failed == (set() if factor == 1 else {"dLdZ"})


# Names


SPELLINGS = {
    "BW": "gamma",
    "Bb": "beta",
    "running_M": "running_mean",
    "running_V": "moving_var",
    "eps": "epsilon",
}


def spelled(**more: Any) -> SimpleNamespace:
    values = {"gamma": np.ones(2), "beta": np.zeros(2), "epsilon": 1e-5}
    values |= {"running_mean": np.zeros(2, np.float32), "moving_var": np.ones((2, 1))}
    layer = SimpleNamespace(**(values | more))
    layer.forward = lambda x, training=True: x if training else -x
    layer.backward = lambda dout: (2 * dout, np.ones(2), np.zeros(2))
    return layer


@pytest.mark.parametrize("quantity", SPELLINGS)
def test_quantities_are_found_under_other_names(quantity: str) -> None:
    layer = spelled()
    adapter = ObjectAdapter(layer)
    before = getattr(layer, SPELLINGS[quantity])
    assert adapter.takes(quantity)
    assert adapter.get(quantity) is before
    value = 0.25 if quantity == "eps" else np.array([[3.0, 4.0]])
    adapter.set(quantity, value)
    after = getattr(layer, SPELLINGS[quantity])
    assert np.ravel(after).tolist() == np.ravel(value).tolist()
    assert np.shape(after) == np.shape(before)
    if quantity != "eps":
        assert after is before  # written in place: other names of the array stay its names


def test_what_is_not_there_is_not_found() -> None:
    adapter = ObjectAdapter(spelled())
    assert adapter.get("alpha") is None
    assert not adapter.takes("alpha")
    assert adapter.get("nix") is None
    with pytest.raises(AttributeError, match="SimpleNamespace has no alpha"):
        adapter.set("alpha", 0.5)


def test_a_method_is_no_quantity() -> None:
    layer = spelled()
    layer.dgamma = lambda: None
    assert ObjectAdapter(layer).get("dLdBW") is None


def test_our_own_name_comes_before_others() -> None:
    adapter = ObjectAdapter(spelled(BW=np.full(2, 5.0)))
    assert adapter.get("BW").tolist() == [5, 5]


def test_an_array_that_does_not_fit_is_replaced() -> None:
    read_only = np.ones(2)
    read_only.flags.writeable = False
    layer = spelled(gamma=read_only, beta=np.zeros(2, int), running_mean=0.0)
    adapter = ObjectAdapter(layer)
    for quantity in ("BW", "Bb", "running_M"):
        adapter.set(quantity, np.array([[1.5, 2.5]]))
        assert adapter.get(quantity).tolist() == [1.5, 2.5]
    assert read_only.tolist() == [1, 1]


def test_a_property_is_written_only_where_it_can_be() -> None:
    class Fixed(Textbook):
        @property
        def eps(self) -> float:
            return 1e-3

        @eps.setter
        def eps(self, value: float) -> None:
            self.told = value

        @property
        def gamma(self) -> np.ndarray:
            return np.ones((1, 2))

    layer = Fixed(2)
    del layer.BW
    adapter = ObjectAdapter(layer)
    assert adapter.takes("eps")
    assert adapter.get("BW").tolist() == [[1, 1]]
    assert not adapter.takes("BW")


@pytest.mark.parametrize(
    ("name", "value", "alpha"),
    [
        ("momentum", 0.1, 0.9),
        ("momentum", 0.9, 0.9),
        ("alpha", 0.1, 0.1),
        ("decay", 0.3, 0.3),
        ("momentum", 0.0, 1.0),
    ],
)
def test_a_small_momentum_weighs_the_new_statistics(name: str, value: float, alpha: float) -> None:
    layer = spelled(**{name: value})
    adapter = ObjectAdapter(layer)
    assert adapter.get("alpha") == pytest.approx(alpha)
    adapter.set("alpha", 0.75)
    assert adapter.get("alpha") == 0.75
    assert getattr(layer, name) == (0.75 if alpha == value else 0.25)


# Calls


def test_a_layer_may_only_be_called() -> None:
    class Called:
        def __call__(self, x: np.ndarray) -> np.ndarray:
            return 3 * x

        def backward(self, dout: np.ndarray) -> np.ndarray:
            return dout

    adapter = ObjectAdapter(Called())
    assert adapter.name == "Called"
    assert not adapter.has_eval
    assert np.array_equal(adapter.forward(Z, eval=False), 3 * Z)
    assert adapter.source_of("forward") is Called.__call__


def test_the_code_of_a_method_can_be_asked_for() -> None:
    layer = Textbook(2)
    adapter = ObjectAdapter(layer, "mine")
    assert adapter.name == "mine"
    assert adapter.source_of("forward") == layer.forward
    assert adapter.source_of("backward") == layer.backward


@pytest.mark.parametrize("eval", [False, True])
def test_the_mode_is_told_at_each_call(eval: bool) -> None:
    adapter = ObjectAdapter(spelled())
    assert adapter.has_eval
    assert np.array_equal(adapter.forward(Z, eval=eval), -Z if eval else Z)


def test_gradients_that_are_returned_are_read_like_others() -> None:
    adapter = ObjectAdapter(spelled())
    assert adapter.get("dLdBW") is None
    assert np.array_equal(adapter.backward(Z), 2 * Z)
    assert adapter.get("dLdBW").tolist() == [1, 1]
    assert adapter.get("dLdBb").tolist() == [0, 0]
    assert adapter.copy().get("dLdBW") is None


def test_gradients_that_are_local_are_read_like_others() -> None:
    class Local(Textbook):
        def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
            dLdV = np.full((1, 2), 7.0)
            return dLdBZ * dLdV

    adapter = ObjectAdapter(Local(2))
    adapter.backward(Z)
    assert adapter.get("dLdV").tolist() == [[7, 7]]


# Copies


def test_a_copy_shares_nothing_that_can_be_changed() -> None:
    layer = Textbook(2)
    layer.cache = {"x": np.zeros(2), "list": [np.zeros(2)]}  # type: ignore[attr-defined]
    layer.view = np.zeros((2, 2))[0]  # type: ignore[attr-defined]
    adapter = ObjectAdapter(layer)
    copied = adapter.copy()
    other = copied.source_of("forward").__self__  # type: ignore[attr-defined]
    assert other is not layer
    for mine, theirs in (
        (layer.BW, other.BW),
        (layer.cache["x"], other.cache["x"]),  # type: ignore[attr-defined]
        (layer.cache["list"][0], other.cache["list"][0]),  # type: ignore[attr-defined]
        (layer.view, other.view),  # type: ignore[attr-defined]
    ):
        theirs += 1
        assert not np.array_equal(mine, theirs)
    assert other.alpha == layer.alpha


def test_two_names_of_one_thing_stay_two_names_of_one_thing() -> None:
    layer = Textbook(2)
    layer.parameters = {"gamma": layer.BW, "self": layer}  # type: ignore[attr-defined]
    layer.alias = layer.Bb  # type: ignore[attr-defined]
    other = ObjectAdapter(layer).copy().source_of("forward").__self__  # type: ignore[attr-defined]
    assert other.parameters["gamma"] is other.BW
    assert other.alias is other.Bb
    assert other.parameters["self"] is other


def test_what_cannot_be_copied_is_shared() -> None:
    layer = Textbook(2)
    layer.xp, layer.lock = np, threading.Lock()  # type: ignore[attr-defined]
    layer.lines = (line for line in ())  # type: ignore[attr-defined]
    other = ObjectAdapter(layer).copy().source_of("forward").__self__  # type: ignore[attr-defined]
    assert other.lock is layer.lock  # type: ignore[attr-defined]
    assert other.xp is np
    assert other.BW is not layer.BW


def test_objects_without_a_dictionary_are_copied_too() -> None:
    class Slotted:
        __slots__ = ("BW",)

        def __init__(self) -> None:
            self.BW = np.ones(2)

        def forward(self, Z: np.ndarray) -> np.ndarray:
            return Z * self.BW

        def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
            return dLdBZ

    layer = Slotted()
    copied = ObjectAdapter(layer).copy()
    copied.set("BW", np.array([[5.0, 5.0]]))
    assert layer.BW.tolist() == [1, 1]
    assert copied.get("BW").tolist() == [5, 5]

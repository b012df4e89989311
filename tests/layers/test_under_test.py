"""The layer under test begins every evaluation in its starting state."""

from typing import Any

import numpy as np
import pytest

from bncheck import BatchNorm1d
from bncheck.arrays import LazyRows
from bncheck.errors import LayerError
from bncheck.layers.objects import ObjectAdapter, adapter_of
from bncheck.layers.under_test import LayerUnderTest
from tests.planted.layers import Textbook

Z = np.random.default_rng(0).standard_normal((6, 2)) + 3
UPSTREAM = np.random.default_rng(1).standard_normal((6, 2))
STATE = {"BW": np.array([[2.0, -3.0]]), "running_M": np.array([[5.0, 6.0]]), "nix": 1}
FORWARD = ("BZ", "running_M", "running_V")
BACKWARD = ("dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM", "dLdZ")


def under_test(layer: Any, **state: Any) -> LayerUnderTest:
    return LayerUnderTest(adapter_of(layer), STATE | state)


@pytest.fixture(params=[BatchNorm1d, Textbook])
def layer(request: pytest.FixtureRequest) -> Any:
    return request.param(2)


def test_the_layer_handed_in_is_never_changed(layer: Any) -> None:
    before = {name: getattr(layer, name).copy() for name in ("BW", "Bb", "running_M", "running_V")}
    tested = under_test(layer)
    tested.run(Z, UPSTREAM, eval=False)
    tested.forward(Z, eval=False, BW=np.zeros((1, 2)))
    assert all(np.array_equal(getattr(layer, name), A) for name, A in before.items())
    assert not hasattr(layer, "N")


def test_the_state_is_that_of_every_evaluation(layer: Any) -> None:
    tested = under_test(layer)
    for _ in range(2):
        fresh = tested.fresh()
        assert fresh.get("BW").tolist() == [[2, -3]]
        assert fresh.get("running_M").tolist() == [[5, 6]]
        fresh.set("BW", np.zeros((1, 2)))
        fresh.forward(Z, eval=False)
    first = tested.run(Z, UPSTREAM, eval=False)
    again = tested.run(Z, UPSTREAM, eval=False)
    assert first.results.keys() == again.results.keys()
    assert all(np.array_equal(first.results[name], again.results[name]) for name in first.results)


def test_some_of_the_state_may_be_replaced(layer: Any) -> None:
    tested = under_test(layer)
    other = tested.with_state(BW=np.array([[7.0, 7.0]]), eps=0.5)
    assert other.fresh().get("BW").tolist() == [[7, 7]]
    assert other.fresh().get("eps") == 0.5
    assert other.fresh().get("running_M").tolist() == [[5, 6]]
    assert tested.fresh().get("BW").tolist() == [[2, -3]]


def test_what_the_layer_has_a_place_for() -> None:
    tested = under_test(Textbook(2))
    assert tested.has("BW")
    assert not tested.has("nix")
    assert (tested.name, tested.has_eval) == ("Textbook", True)
    assert (tested.takes_rows, tested.keeps_promises) == (False, False)
    built_in = under_test(BatchNorm1d(2))
    assert (built_in.name, built_in.takes_rows, built_in.keeps_promises) == (
        "built-in layer",
        True,
        True,
    )


# Forward


@pytest.mark.parametrize("eval", [False, True])
def test_a_forward_is_that_of_a_fresh_layer(layer: Any, eval: bool) -> None:
    tested = under_test(layer)
    right = tested.fresh().forward(Z, eval=eval)
    assert np.array_equal(tested.forward(Z, eval=eval), right)
    other = tested.forward(Z, eval=eval, Bb=np.array([[1.0, 2.0]]))
    assert other == pytest.approx(right + np.array([1, 2]))
    assert np.array_equal(tested.forward(Z, eval=eval), right)


@pytest.mark.parametrize("copied", [False, True])
def test_a_forward_gets_a_copy_or_the_array_itself(copied: bool) -> None:
    seen = []

    class Watched(Textbook):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:
            seen.append(Z)
            return super().forward(Z, eval)

    under_test(Watched(2)).forward(Z, eval=False, copied=copied)
    assert (seen[0] is Z) is not copied


@pytest.mark.parametrize(
    ("BZ", "shape"), [(np.ones((2, 6)), (2, 6)), (np.ones(6), (6,)), (1.0, ()), (Z[:5], (5, 2))]
)
def test_another_shape_is_told_at_each_call(BZ: Any, shape: tuple[int, ...]) -> None:
    class Misshapen(Textbook):
        def forward(self, Z: np.ndarray, eval: bool = False) -> Any:
            return BZ

    tested = under_test(Misshapen(2))
    with pytest.raises(LayerError) as raised:
        tested.forward(Z, eval=False)
    assert str(raised.value) == (
        f"forward returned an array of shape {shape}, expected (6, 2) as Z has"
    )


# The type


@pytest.mark.parametrize(
    ("made", "given", "working"),
    [
        ("float64", "float64", "float64"),
        ("float32", "float64", "float32"),
        ("float64", "float32", "float32"),
        ("float16", "float32", "float16"),
        ("int64", "float32", "float32"),
        ("complex128", "float64", "float64"),
    ],
)
def test_the_type_is_the_coarser_of_input_and_output(made: str, given: str, working: str) -> None:
    class Typed(Textbook):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:
            return Z.astype(made)

    assert under_test(Typed(2)).working_type(Z.astype(given)) == working


def test_a_layer_with_a_type_of_its_own_says_it() -> None:
    assert under_test(BatchNorm1d(2, dtype="float32")).working_type(Z) == "float32"
    assert under_test(BatchNorm1d(2)).working_type(Z.astype("float32")) == "float64"


def test_a_layer_that_raises_has_the_type_of_its_input() -> None:
    class Raising(Textbook):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:
            raise ZeroDivisionError

    assert under_test(Raising(2)).working_type(Z.astype("float32")) == "float32"


@pytest.mark.parametrize("eval", [False, True])
def test_only_a_forward_that_is_a_function_can_be_called_as_one(eval: bool) -> None:
    assert under_test(Textbook(2)).function(eval=eval) is None
    function = under_test(BatchNorm1d(2)).function(eval=eval)
    assert function is not None
    right = under_test(BatchNorm1d(2)).forward(Z, eval=eval)
    assert np.array_equal(function(Z, {})[:], right)


# One forward and one backward


@pytest.mark.parametrize("eval", [False, True])
def test_a_run_has_all_that_the_layer_computed(layer: Any, eval: bool) -> None:
    run = under_test(layer).run(Z, UPSTREAM, eval=eval)
    there = set(FORWARD + BACKWARD)
    if eval and isinstance(layer, Textbook):
        there -= {"dLdV", "dLdM"}
    assert set(run.results) == there
    assert list(run.results)[:3] == list(FORWARD)
    assert list(run.results)[-1] == "dLdZ"
    assert run.error is None
    fresh = under_test(layer).fresh()
    assert np.array_equal(run.results["BZ"], fresh.forward(Z, eval=eval))
    assert np.array_equal(run.results["dLdZ"], fresh.backward(UPSTREAM))
    assert np.array_equal(run.results["running_V"], fresh.get("running_V"))


def test_a_run_keeps_what_later_calls_may_change() -> None:
    class InPlace(Textbook):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:
            self.running = self.running_M
            BZ = super().forward(Z, eval)
            self.running[:] = self.running_M
            self.running_M = self.running
            self.kept = BZ
            return BZ

        def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
            self.kept[:] = 0
            self.running_M[:] = 0
            return super().backward(dLdBZ)

    run = under_test(InPlace(2)).run(Z, UPSTREAM, eval=False)
    assert run.results["BZ"].any()
    assert run.results["running_M"].any()


def test_a_run_has_the_arguments_as_they_are_afterwards() -> None:
    class Changing(Textbook):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:
            BZ = super().forward(Z.copy(), eval)
            Z[0] = 7
            return BZ

    run = under_test(Changing(2)).run(Z, UPSTREAM, eval=False)
    assert run.Z is not None
    assert run.dLdBZ is not None
    assert (run.Z[:1] == 7).all()
    assert not (Z[0] == 7).any()
    assert np.array_equal(run.dLdBZ[:], UPSTREAM)
    assert run.layer is not None
    assert run.layer.get("N") == 6
    assert under_test(BatchNorm1d(2)).run(Z, UPSTREAM, eval=False).layer is None


def test_a_run_that_is_cut_off_has_what_was_there_until_then() -> None:
    class NoBackward(Textbook):
        def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
            raise ZeroDivisionError

    run = under_test(NoBackward(2)).run(Z, UPSTREAM, eval=False)
    assert set(run.results) == set(FORWARD)
    assert run.error is not None
    assert run.error.method == "backward"

    class NoForward(Textbook):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:
            raise ZeroDivisionError

    run = under_test(NoForward(2)).run(Z, UPSTREAM, eval=False)
    assert run.results == {}
    assert run.error is not None
    assert run.error.method == "forward"


def test_a_place_that_stays_empty_is_there_all_the_same() -> None:
    class Unfinished(Textbook):
        def __init__(self, num_features: int) -> None:
            super().__init__(num_features)
            self.dLdBW = self.dLdV = None  # type: ignore[assignment]

        def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
            return dLdBZ

    run = under_test(Unfinished(2)).run(Z, UPSTREAM, eval=False)
    assert run.results["dLdBW"].shape == ()
    assert run.results["dLdBW"].dtype == object
    assert "dLdV" not in run.results  # a value on the way, which a layer need not show
    assert "dLdBb" not in run.results


def test_a_large_matrix_stays_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bncheck.arrays.LARGE", 0)
    run = under_test(BatchNorm1d(2)).run(Z, UPSTREAM, eval=False)
    for name in ("BZ", "dLdZ", "dLdNZ"):
        assert isinstance(run.results[name], LazyRows)


def test_state_takes_the_form_of_what_it_replaces() -> None:
    class Flat(Textbook):
        def __init__(self, num_features: int) -> None:
            super().__init__(num_features)
            self.BW = np.ones(num_features, np.float32)

    fresh = LayerUnderTest(ObjectAdapter(Flat(2)), STATE).fresh()
    assert fresh.get("BW").tolist() == [2, -3]
    assert fresh.get("BW").dtype == np.float32

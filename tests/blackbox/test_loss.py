"""How a layer's loss grows: the same whether its forward is a method or a function."""

from typing import Any

import numpy as np
import pytest

from bncheck import BatchNorm1d, progress
from bncheck.arrays import Array, LazyRows, RowsByFunction
from bncheck.blackbox.loss import (
    SIDE_BY_SIDE,
    FunctionLosses,
    LayerLosses,
    Losses,
    losses_of,
)
from bncheck.check.setup import CheckSetup
from bncheck.errors import InputError, LayerError
from tests.blackbox.made import loss_of, made_ready
from tests.planted.layers import Textbook

SHAPES = {"side by side": (7, 3), "row by row": (200, 100), "one row": (1, 2)}
LAYERS = {"method": Textbook, "function": BatchNorm1d}


def losses_for(setup: CheckSetup) -> Losses:
    assert setup.layer is not None
    BZ = setup.layer.forward(setup.Z[:], eval=setup.options.eval)
    return losses_of(setup.layer, setup.Z, BZ, setup.reference)


def drawn(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape) + 2


@pytest.fixture(params=["train", "eval"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=LAYERS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> tuple[int, int]:
    return SHAPES[request.param]


@pytest.fixture
def setup(kind: str, shape: tuple[int, int], mode: str) -> CheckSetup:
    return made_ready(LAYERS[kind](shape[1]), drawn(shape), mode)


def tolerance(setup: CheckSetup) -> np.ndarray:
    return 1e-12 * setup.reference.total_dLdBZ * np.abs(setup.reference.scales["BZ"])


def test_a_layer_that_is_a_function_is_called_as_one(kind: str, setup: CheckSetup) -> None:
    losses = losses_for(setup)
    assert isinstance(losses, FunctionLosses if kind == "function" else LayerLosses)


def test_the_sizes_are_on_both_sides_of_what_is_put_side_by_side() -> None:
    sizes = [N * C for N, C in SHAPES.values()]
    assert min(sizes) < SIDE_BY_SIDE // 2 < SIDE_BY_SIDE < max(sizes)


def test_one_row_after_the_other_is_replaced(setup: CheckSetup) -> None:
    r, Z = setup.reference, setup.Z
    rows = np.random.default_rng(1).integers(0, len(Z), 9)
    nodes = np.random.default_rng(2).standard_normal((9, Z.shape[1]))
    losses = losses_for(setup)
    found = losses.replace_rows(rows, nodes)
    assert found.shape == nodes.shape
    for at, (row, node) in enumerate(zip(rows, nodes, strict=True)):
        moved = Z.copy()
        moved[row] = node
        right = loss_of(r, moved) - loss_of(r, Z)
        assert (np.abs(found[at] - right) <= tolerance(setup)).all()
    assert np.array_equal(losses.replace_rows(rows[:2], nodes[:2]), found[:2])


def test_as_many_rows_as_fit_are_replaced_at_a_time(mode: str) -> None:
    shape = (64, 16)  # sixteen of them fit
    setup = made_ready(BatchNorm1d(16), drawn(shape), mode)
    assert SIDE_BY_SIDE // (64 * 16) == 16
    rows, nodes = np.arange(40), np.random.default_rng(3).standard_normal((40, 16))
    together = losses_for(setup).replace_rows(rows, nodes)
    one_by_one = [
        losses_for(setup).replace_rows(rows[at : at + 1], nodes[at : at + 1]) for at in rows
    ]
    assert (np.abs(together - np.concatenate(one_by_one)) <= tolerance(setup)).all()


@pytest.mark.parametrize("name", ["BW", "Bb"])
def test_a_parameter_is_replaced(name: str, setup: CheckSetup) -> None:
    r, Z = setup.reference, setup.Z
    row = np.random.default_rng(4).standard_normal((1, Z.shape[1]))
    found = losses_for(setup).replace_parameter(name, row)
    right = loss_of(r, Z, **{name: row}) - loss_of(r, Z)
    assert found.shape == right.shape
    assert (np.abs(found - right) <= tolerance(setup) * (1 + np.abs(row))).all()


def test_all_rows_are_moved_along_a_direction(setup: CheckSetup) -> None:
    r, Z = setup.reference, setup.Z
    rng = np.random.default_rng(5)
    direction = rng.choice(np.array([-1, 1], np.int8), Z.shape)
    step = rng.uniform(-1, 1, (1, Z.shape[1]))
    found = losses_for(setup).move_along(direction, step)
    right = loss_of(r, Z + step * direction) - loss_of(r, Z)
    assert (np.abs(found - right) <= tolerance(setup)).all()


def test_nothing_moves_where_nothing_is_replaced(setup: CheckSetup) -> None:
    Z, losses = setup.Z, losses_for(setup)
    rows = np.array([len(Z) - 1, 0])
    assert not losses.replace_rows(rows, Z[rows]).any()
    assert not losses.replace_parameter("BW", setup.reference.parameters.BW).any()
    assert not losses.move_along(np.ones_like(Z), np.zeros((1, Z.shape[1]))).any()


def test_the_complex_step_is_differenced(setup: CheckSetup, kind: str) -> None:
    if kind == "method":
        setup = made_ready(Plain(setup.Z.shape[1]), setup.Z, setup.options.mode)
    Z, r, losses = setup.Z, setup.reference, losses_for(setup)
    h = 2.0**-100
    found = losses.replace_rows(np.array([0]), Z[:1] + 1j * h).imag / h
    step = 1e-6
    right = [
        loss_of(r, np.vstack([Z[:1] + sign * step, Z[1:]])) / (2 * sign * step) for sign in (1, -1)
    ]
    assert (np.abs(found - sum(right)) <= 1e-8 * np.abs(r.scales["dLdZ"])).all()
    found = losses.replace_parameter("Bb", r.parameters.Bb + 1j * h).imag / h
    assert found == pytest.approx(r.sum_dLdBZ, rel=1e-12)
    direction = np.ones_like(Z)
    found = losses.move_along(direction, np.full((1, Z.shape[1]), 1j * h)).imag / h
    moved = [loss_of(r, Z + sign * step) / (2 * sign * step) for sign in (1, -1)]
    assert (np.abs(found - sum(moved)) <= 1e-7 * r.N * np.abs(r.scales["dLdZ"])).all()


class Plain(BatchNorm1d):
    """A forward that takes complex numbers, behind the interface of any object."""


def test_the_rows_of_a_file_may_be_replaced(mode: str) -> None:
    Z = drawn((90_000, 2))
    setup = made_ready(BatchNorm1d(2), Z, mode)
    layer, r = setup.layer, setup.reference
    assert layer is not None
    BZ = layer.forward(Z, eval=r.eval)

    def lazy(A: Array) -> LazyRows:
        return RowsByFunction(A.shape, lambda some: A[some])

    losses = losses_of(layer, lazy(Z), lazy(BZ.copy()), r)
    rows, nodes = np.array([0, 89_999]), np.array([[1.0, 2.0], [3.0, -4.0]])
    found = losses.replace_rows(rows, nodes)
    of_array = losses_of(layer, Z, BZ, r).replace_rows(rows, nodes)
    assert np.array_equal(found, of_array)
    moved = Z.copy()
    moved[-1] = nodes[1]
    right = loss_of(r, moved) - loss_of(r, Z)
    assert (np.abs(found[1] - right) <= tolerance(setup)).all()


@pytest.mark.parametrize("kind", ["method"])
def test_the_layers_own_type_is_kept(mode: str, kind: str) -> None:
    class Float32(Textbook):
        dtype = np.float32

        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:  # noqa: A002
            assert Z.dtype == np.float32
            return super().forward(Z, eval)

    setup = made_ready(Float32(3), drawn((6, 3)).astype(np.float32), mode)
    losses = losses_for(setup)
    node = np.array([[1, 2, 3]], np.float32)
    assert losses.replace_rows(np.array([1]), node).dtype == float
    moved = losses.move_along(np.ones((6, 3), np.int8), np.full((1, 3), 0.1))
    assert moved.dtype == float


# Layers that misbehave


def test_a_layer_may_change_its_argument(mode: str) -> None:
    class Changing(Textbook):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:  # noqa: A002
            BZ = super().forward(Z.copy(), eval)
            Z *= 0
            return BZ

    Z = drawn((5, 2))
    losses = losses_for(made_ready(Changing(2), Z, mode))
    usual = losses_for(made_ready(Textbook(2), Z, mode))
    rows, nodes = np.array([0, 3, 3]), np.ones((3, 2))
    assert np.array_equal(losses.replace_rows(rows, nodes), usual.replace_rows(rows, nodes))
    row = np.array([[3.0, 4.0]])
    assert np.array_equal(losses.replace_parameter("BW", row), usual.replace_parameter("BW", row))
    direction = np.ones((5, 2))
    assert np.array_equal(losses.move_along(direction, row), usual.move_along(direction, row))
    assert np.array_equal(losses.replace_rows(rows, nodes), usual.replace_rows(rows, nodes))


def test_a_layer_may_keep_one_array_for_its_output(mode: str) -> None:
    class OneBuffer(Textbook):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:  # noqa: A002
            buffer[:] = super().forward(Z, eval)
            return buffer

    buffer = np.empty((5, 2))
    Z = drawn((5, 2))
    losses = losses_for(made_ready(OneBuffer(2), Z, mode))
    usual = losses_for(made_ready(Textbook(2), Z, mode))
    rows, nodes = np.array([0, 3]), np.ones((2, 2))
    assert np.array_equal(losses.replace_rows(rows, nodes), usual.replace_rows(rows, nodes))


@pytest.mark.parametrize("what", ["rows", "parameter", "along"])
def test_a_forward_that_drops_the_imaginary_part_is_refused(what: str) -> None:
    losses = losses_for(made_ready(RealOnly(2), drawn((4, 2))))
    with pytest.raises(InputError, match="needs a forward that computes in complex") as raised:
        moved_in_each_way(losses, what, 1j)
    assert raised.value.help == ("leave --method out, or write the variance as mean((Z - M) ** 2)")


@pytest.mark.parametrize("what", ["rows", "parameter", "along"])
@pytest.mark.parametrize("misbehaviour", ["raises", "other shape", "no numbers"])
def test_a_layer_that_gives_no_output_is_told_of(what: str, misbehaviour: str) -> None:
    losses = losses_for(made_ready(Failing(2), drawn((4, 2))))
    Failing.how = misbehaviour
    with pytest.raises(LayerError) as raised:
        moved_in_each_way(losses, what, 1.0)
    Failing.how = ""
    assert raised.value.method == "forward"


def moved_in_each_way(losses: Losses, what: str, size: Any) -> None:
    row = np.full((1, 2), size)
    if what == "rows":
        losses.replace_rows(np.array([1]), row)
    elif what == "parameter":
        losses.replace_parameter("BW", row)
    else:
        losses.move_along(np.ones((4, 2)), row)


class RealOnly(Textbook):
    def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:  # noqa: A002
        self.BW = self.BW.real
        return super().forward(Z.real, eval)


class Failing(Textbook):
    how = ""

    def forward(self, Z: np.ndarray, eval: bool = False) -> Any:  # noqa: A002
        BZ = super().forward(Z, eval)
        outputs = {"": BZ, "other shape": BZ[:3], "no numbers": None}
        if self.how == "raises":
            raise ZeroDivisionError
        return outputs[self.how]


# How far the work has come


def test_every_entry_that_is_computed_is_told(kind: str, mode: str) -> None:
    setup = made_ready(LAYERS[kind](3), drawn((7, 3)), mode)
    losses = losses_for(setup)
    heard: list[int] = []
    with progress.heard_by(lambda planned, done: heard.append(done)):
        losses.replace_rows(np.array([1, 2, 3, 4]), np.ones((4, 3)))
        assert sum(heard) == 8 * 7 * 3 * 4
        losses.replace_parameter("BW", np.ones((1, 3)))
        losses.move_along(np.ones((7, 3)), np.ones((1, 3)))
        assert sum(heard) == 8 * 7 * 3 * 6


def test_along_the_imaginary_axis_too() -> None:
    losses = losses_for(made_ready(Plain(3), drawn((7, 3))))
    heard: list[int] = []
    with progress.heard_by(lambda planned, done: heard.append(done)):
        losses.replace_rows(np.array([1, 2]), np.ones((2, 3)) + 1j)
    assert sum(heard) == 8 * 7 * 3 * 2

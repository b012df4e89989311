from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.batchnorm.quantities import QUANTITIES, STATE
from bncheck.errors import InputError
from bncheck.files.state import read_state, state_arrays
from bncheck.files.write import Outputs

NAMES = {
    "bncheck": ("BW", "Bb", "running_M", "running_V"),
    "course code": ("gamma", "beta", "running_mean", "running_var"),
    "PyTorch": ("weight", "bias", "running_mean", "running_var"),
}


def save(**arrays: ArrayLike) -> None:
    np.savez("state.npz", **{name: np.asarray(A) for name, A in arrays.items()})


def refusal(num_features: int = 2) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        read_state("state.npz", num_features)
    return caught.value.message, caught.value.help


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES.keys())
@pytest.mark.parametrize("shape", [(2,), (1, 2)])
@pytest.mark.parametrize("dtype", ["f8", ">f4", "i8"])
def test_every_spelling_shape_and_type(names: tuple[str, ...], shape: Any, dtype: str) -> None:
    rows = [[1, 2], [3, 4], [-5, 6], [7, 8]]
    save(
        **{name: np.array(row, dtype).reshape(shape) for name, row in zip(names, rows, strict=True)}
    )
    state = read_state("state.npz", 2)
    for A, row in zip((state.BW, state.Bb, state.running_M, state.running_V), rows, strict=True):
        assert A is not None
        assert A.dtype == np.float64
        assert np.array_equal(A, [row])


def test_what_is_not_in_the_file_is_none() -> None:
    save(Bb=[1.0, 2.0])
    state = read_state("state.npz", 2)
    assert state.BW is state.running_M is state.running_V is state.alpha is state.eps is None


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_alpha_and_eps_are_numbers(shape: tuple[int, ...]) -> None:
    save(alpha=np.full(shape, 0.5), eps=np.full(shape, 0))
    state = read_state("state.npz", 2)
    assert (state.alpha, state.eps) == (0.5, 0.0)
    assert isinstance(state.alpha, float)


def test_other_arrays_are_left_alone() -> None:
    np.savez("state.npz", BW=[1.0, 2.0], num_batches_tracked=3, notes=np.array(["x"]))
    assert np.array_equal(read_state("state.npz", 2).BW, [[1, 2]])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arrays", "message", "help_"),
    [
        (
            {"W": [1.0], "b": [2.0]},
            "`state.npz` has nothing of a layer's state: it has `W`, `b`",
            "give the arrays names such as BW, Bb, running_M, running_V",
        ),
        (
            {"gamma": [1.0, 2.0], "BW": [1.0, 2.0]},
            "`state.npz` has the same thing under two names: `BW`, `gamma`",
            "keep one of them, best BW",
        ),
        (
            {"gamma": [1.0, 2.0, 3.0]},
            "`state.npz:gamma` has shape (3,), expected (1, 2)",
            "use the state of a layer with as many features as the input has columns",
        ),
        (
            {"gamma": [[1.0], [2.0]]},
            "`state.npz:gamma` has shape (2, 1), expected (1, 2)",
            "use the state of a layer with as many features as the input has columns",
        ),
        (
            {"bias": [1.0, np.nan]},
            "`state.npz:bias`: nan in row 0, column 1 (counting from 0)",
            "only finite numbers can be used: leave such rows or columns out",
        ),
        (
            {"running_var": [1.0, -0.5]},
            "`state.npz:running_var`: -0.5 in column 1 (counting from 0)",
            "a variance is 0 or more",
        ),
        (
            {"running_M": np.array(["a", "b"])},
            "`state.npz:running_M` has dtype `<U1`, expected real numbers",
            "save it as numbers, with A.astype(np.float64)",
        ),
        ({"alpha": 1.5}, "`state.npz:alpha` is 1.5", "alpha is from 0 to 1"),
        ({"alpha": np.nan}, "`state.npz:alpha` is nan", "alpha is from 0 to 1"),
        ({"eps": -1e-8}, "`state.npz:eps` is -1e-08", "eps is finite, 0 or more"),
        ({"eps": np.inf}, "`state.npz:eps` is inf", "eps is finite, 0 or more"),
        (
            {"eps": [1.0, 2.0]},
            "`state.npz:eps` has shape (2,), expected one number",
            "save eps as a number",
        ),
    ],
)
def test_what_no_layer_can_have_is_refused(
    arrays: dict[str, ArrayLike], message: str, help_: str
) -> None:
    save(**arrays)
    assert refusal() == (message, help_)


def test_a_missing_file_is_refused() -> None:
    assert refusal() == ("`state.npz` does not exist", "check the name and the folder")


def test_a_layer_is_read_back_as_it_was_written() -> None:
    rng = np.random.default_rng(0)
    layer = BatchNorm1d(3, alpha=0.7, eps=1e-5)
    layer.BW, layer.Bb = rng.normal(size=(2, 1, 3))
    layer.forward(rng.normal(size=(5, 3)))
    with Outputs() as outputs:
        outputs.archive("state.npz", state_arrays(lambda part: getattr(layer, part)))
    state = read_state("state.npz", 3)
    assert (state.alpha, state.eps) == (0.7, 1e-5)
    for name in ("BW", "Bb", "running_M", "running_V"):
        assert getattr(state, name).tobytes() == getattr(layer, name).tobytes()


def test_the_parameters_of_a_state_are_the_arrays_that_there_are() -> None:
    save(gamma=[1.0, 2.0], running_var=[3.0, 4.0], alpha=0.5)
    assert set(read_state("state.npz", 2).parameters) == {"BW", "running_V"}


@pytest.mark.parametrize("part", STATE)
def test_every_spelling_of_the_table_of_quantities_is_read(part: str) -> None:
    for name in QUANTITIES[part].names:
        save(**{name: [1.0, 2.0]})
        assert list(read_state("state.npz", 2).parameters) == [part]


@pytest.mark.parametrize(
    ("name", "value", "alpha"),
    [
        ("alpha", 0.1, 0.1),
        ("decay", 0.1, 0.1),
        ("rho", 0.9, 0.9),
        ("momentum", 0.9, 0.9),
        ("momentum", 0.5, 0.5),
        ("momentum", 0.1, 0.9),  # PyTorch's
        ("momentum", 0.0, 1.0),
    ],
)
def test_momentum_is_the_weight_of_the_old_or_of_the_new(
    name: str, value: float, alpha: float
) -> None:
    save(**{name: value})
    assert read_state("state.npz", 2).alpha == alpha


@pytest.mark.parametrize("name", QUANTITIES["eps"].names)
def test_every_spelling_of_eps(name: str) -> None:
    save(**{name: 1e-5})
    assert read_state("state.npz", 2).eps == 1e-5


@pytest.mark.parametrize(("name", "value"), [("momentum", 1.5), ("decay", -0.1), ("rho", np.nan)])
def test_a_weight_beyond_0_and_1_is_refused_in_every_spelling(name: str, value: float) -> None:
    save(**{name: value})
    assert refusal() == (f"`state.npz:{name}` is {value}", f"{name} is from 0 to 1")


def test_two_spellings_of_one_quantity_are_refused() -> None:
    save(momentum=0.1, decay=0.9)
    assert refusal() == (
        "`state.npz` has the same thing under two names: `momentum`, `decay`",
        "keep one of them, best momentum",
    )

"""The one table of quantities says what the layer really does."""

import re

import numpy as np
import pytest

from bncheck import BatchNorm1d
from bncheck.batchnorm.quantities import (
    GRADIENTS,
    INTERMEDIATES,
    OUTPUTS,
    PARAMETERS,
    QUANTITIES,
    RESULTS,
    SETTINGS,
    STATE,
    STATISTICS,
    Shape,
    canonical,
    formula_of,
    is_per_feature,
    is_pytorch_momentum,
)

N, C = 7, 3


def trained(*, eval: bool) -> BatchNorm1d:  # noqa: A002
    rng = np.random.default_rng(0)
    layer = BatchNorm1d(C, 0.7, eps=0.1)
    for name in STATE:
        setattr(layer, name, rng.uniform(0.5, 2, (1, C)))
    layer.forward(rng.standard_normal((N, C)) + 3, eval=eval)
    layer.backward(rng.standard_normal((N, C)))
    return layer


@pytest.mark.parametrize("eval", [False, True])
@pytest.mark.parametrize("name", QUANTITIES)
def test_the_layer_has_every_quantity_in_its_shape(name: str, eval: bool) -> None:  # noqa: A002
    shapes = {Shape.MATRIX: (N, C), Shape.ROW: (1, C), Shape.NUMBER: ()}
    assert np.shape(getattr(trained(eval=eval), name)) == shapes[QUANTITIES[name].shape]
    assert is_per_feature(name) == (QUANTITIES[name].shape is Shape.ROW)


def test_a_quantity_that_is_not_known_is_not_one_of_the_features() -> None:
    assert not is_per_feature("dLdZ_along_1")


@pytest.mark.parametrize("eval", [False, True])
def test_every_formula_computes_what_the_layer_has(eval: bool) -> None:  # noqa: A002
    rng = np.random.default_rng(0)
    start = {name: rng.uniform(0.5, 2, (1, C)) for name in STATE}
    Z, dLdBZ = rng.standard_normal((N, C)) + 3, rng.standard_normal((N, C))
    functions = {"mean": np.mean, "sum": np.sum, "sqrt": np.sqrt}
    values = start | {"Z": Z, "dLdBZ": dLdBZ, "N": N, "alpha": 0.7, "eps": 0.1}
    layer = trained(eval=eval)
    computed = []
    for name in QUANTITIES:
        formula = formula_of(name, eval=eval)
        if " = " in formula:
            assert formula.startswith(f"{name} = ")
            exec(formula, functions, values)
            computed.append(name)
        elif eval and name in ("dLdV", "dLdM"):  # "in inference mode dLdV is 0"
            assert formula == f"in inference mode {name} is 0"
            values[name] = np.zeros((1, C))
        elif eval and name in STATISTICS:
            assert formula == f"in inference mode {name} stays as it is"
        else:
            assert formula == ""
            continue
        right = getattr(layer, name)
        assert values[name] == pytest.approx(right.reshape(np.shape(values[name])), rel=1e-12), name
    assert computed[:4] == ["M", "V", "NZ", "BZ"]
    assert len(computed) == (8 if eval else 12)


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_gradient_follows_those_that_its_formula_has(name: str) -> None:
    words = set(re.findall(r"\w+", QUANTITIES[name].formula.partition("=")[2]))
    assert set(QUANTITIES[name].follows) == words & set(GRADIENTS)


@pytest.mark.parametrize("name", [*SETTINGS, *STATE])
def test_a_new_layer_has_the_starting_values(name: str) -> None:
    assert np.all(getattr(BatchNorm1d(2), name) == QUANTITIES[name].start)


def test_every_quantity_is_in_the_group_that_it_belongs_to() -> None:
    assert PARAMETERS == ("BW", "Bb")
    assert STATISTICS == ("running_M", "running_V")
    assert STATE == (*PARAMETERS, *STATISTICS)
    assert OUTPUTS == ("BZ", "running_M", "running_V")
    assert GRADIENTS == ("dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM", "dLdZ")
    assert INTERMEDIATES == ("dLdNZ", "dLdV", "dLdM")
    assert RESULTS == OUTPUTS + GRADIENTS
    assert {name for name in QUANTITIES if QUANTITIES[name].method == "backward"} == set(GRADIENTS)


def test_no_spelling_is_that_of_two_quantities() -> None:
    spellings = [name for quantity in QUANTITIES.values() for name in quantity.names]
    assert len(spellings) == len(set(spellings))
    assert all(canonical(name) == each for each in QUANTITIES for name in QUANTITIES[each].names)
    assert canonical("nix") is None


@pytest.mark.parametrize(
    ("names", "quantities"),
    [
        ("gamma beta running_mean running_var", "BW Bb running_M running_V"),
        ("weight bias running_mean running_var momentum", "BW Bb running_M running_V alpha"),
        ("dgamma dbeta dx", "dLdBW dLdBb dLdZ"),
        ("grad_weight grad_bias", "dLdBW dLdBb"),
    ],
)
def test_what_people_call_them(names: str, quantities: str) -> None:
    assert [canonical(name) for name in names.split()] == quantities.split()


@pytest.mark.parametrize(
    ("name", "value", "new"),
    [
        ("momentum", 0.1, True),
        ("momentum", 0.49, True),
        ("momentum", 0.5, False),
        ("momentum", 0.9, False),
        ("momentum", 0, True),
        ("momentum", None, False),
        ("momentum", "0.1", False),
        ("alpha", 0.1, False),
        ("decay", 0.1, False),
        (None, 0.1, False),
    ],
)
def test_a_small_momentum_weighs_the_new_statistics(
    name: str | None, value: object, new: bool
) -> None:
    assert is_pytorch_momentum(name, value) is new

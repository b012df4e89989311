"""The definition's derivatives against sixty digits: what is stated of their errors is so."""

from fractions import Fraction

import numpy as np
import pytest

from bncheck.numdiff import DEFINITION, FINITE_DIFFERENCES, FORMULAS, Derivative
from bncheck.reference.derivatives import (
    Numeric,
    change_of_reciprocal_root,
    difference_definition,
    difference_stages,
    fixed,
)
from bncheck.reference.forward import Parameters, ReferenceForward, apply_definition
from tests.planted.data import ALPHA, DATA_SETS, Case, case
from tests.planted.truth import truth_of

EPS = np.finfo(float).eps


def reference_of(trial: Case) -> ReferenceForward:
    parameters = Parameters(**trial.state, alpha=ALPHA, eps=trial.eps)
    return apply_definition(trial.Z, trial.dLdBZ, lambda _: parameters, eval=trial.mode == "eval")


def assert_honest(derivatives: dict[str, Numeric], trial: Case, known_to: float) -> None:
    """Every error is within its uncertainty, and that is small."""
    truth = truth_of(trial)
    for name, give in derivatives.items():
        numeric = give(slice(0, len(trial.Z)))
        true, scale = truth.values[name], truth.scales[name]
        rounding = 4e-16 * np.abs(true)
        assert numeric.value.shape == true.shape
        assert (np.abs(numeric.value - true) <= numeric.uncertainty + rounding).all(), name
        assert (numeric.uncertainty <= known_to * scale).all(), name


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", DATA_SETS)
def test_the_definition_in_closed_form(name: str, mode: str) -> None:
    trial = case(name, mode, 4, np.dtype(float))
    assert_honest(difference_definition(reference_of(trial)), trial, known_to=1e-13)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", DATA_SETS)
def test_the_stages_of_the_definition(name: str, mode: str) -> None:
    trial = case(name, mode, 4, np.dtype(float))
    formula = FORMULAS["richardson"]
    assert_honest(difference_stages(reference_of(trial), formula), trial, known_to=1e-8)


def test_the_stages_bend_as_is_known_of_them() -> None:
    trial = case("16 rows", "train", 4, np.dtype(float))
    r = reference_of(trial)
    stages = difference_stages(r, FORMULAS["richardson"])
    for name, known_to in {"dLdNZ": 1e-11, "dLdV": 2e-10, "dLdM": 2e-10}.items():
        assert (stages[name](slice(0, 16)).uncertainty <= known_to * r.scales[name]).all(), name


def test_the_stages_have_the_rounding_of_their_last_operations() -> None:
    shares: dict[str, list[np.ndarray]] = {"dLdNZ": [], "dLdV": [], "dLdM": []}
    for name in ("16 rows", "six scales", "dLdBZ 1"):
        r = reference_of(case(name, "train", 4, np.dtype(float)))
        BW = np.abs(r.parameters.BW)
        of_sum = 8 * EPS * BW * np.sqrt(r.N) * r.scales["dLdBb"]
        of_entry = 4 * EPS * BW * r.largest_NZ * r.largest_dLdBZ
        for stage, give in difference_stages(r, FORMULAS["richardson"]).items():
            found, noise = give(slice(0, r.N)), of_entry if stage == "dLdNZ" else of_sum
            shares[stage].append(found.uncertainty * found.step / (1.5 * noise))
    # What is left is the truncation error, which is nothing in some of the columns.
    least = {stage: np.concatenate(each, axis=1).min() for stage, each in shares.items()}
    assert least == pytest.approx(dict.fromkeys(least, 1), rel=0.05)
    assert min(least.values()) > 0.999


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize(
    ("formula", "known_to"), [("central", 1e-7), ("forward", 1e-5), ("complex", 1e-12)]
)
def test_the_stages_are_differenced_by_the_formula_asked_for(
    formula: str, known_to: float, mode: str
) -> None:
    for name in ("16 rows", "six scales", "mean/std 10"):
        trial = case(name, mode, 4, np.dtype(float))
        stages = difference_stages(reference_of(trial), FORMULAS[formula])
        assert_honest(stages, trial, known_to)
        if formula == "forward" and mode == "train":  # which sees where the loss bends
            error = stages["dLdV"](slice(0, 1)).value - truth_of(trial).values["dLdV"]
            assert (np.abs(error) > 1e-10 * truth_of(trial).scales["dLdV"]).all()


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("rows", [slice(0, 1), slice(3, 7), slice(0, 16)])
def test_some_rows_are_those_of_all(mode: str, rows: slice) -> None:
    r = reference_of(case("16 rows", mode, 4, np.dtype(float)))
    everything = difference_definition(r) | difference_stages(r, FORMULAS["richardson"])
    assert everything.keys() == {"dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM", "dLdZ"}
    for name, give in everything.items():
        whole, some = give(slice(0, 16)).value, give(rows).value
        chosen = whole[rows] if len(whole) == 16 else whole
        assert some == pytest.approx(chosen, rel=1e-9), name


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_each_derivative_says_where_it_comes_from(mode: str) -> None:
    r = reference_of(case("16 rows", mode, 4, np.dtype(float)))
    for found, source in (
        (difference_definition(r), DEFINITION),
        (difference_stages(r, FORMULAS["richardson"]), FINITE_DIFFERENCES),
    ):
        assert {give(slice(0, 2)).source for give in found.values()} == {source}


def test_in_inference_mode_the_statistics_have_no_gradient() -> None:
    r = reference_of(case("16 rows", "eval", 4, np.dtype(float)))
    stages = difference_stages(r, FORMULAS["richardson"])
    for name in ("dLdV", "dLdM"):
        derivative = stages[name](slice(0, 16))
        assert not derivative.value.any()
        assert not derivative.uncertainty.any()


def test_many_rows_are_known_as_well_as_few() -> None:
    N = 20_000
    rng = np.random.default_rng(0)
    Z, upstream = rng.normal([3, -1], 1, (N, 2)), rng.normal([0.2, 0], 1, (N, 2))
    start = Parameters(*(np.full((1, 2), x) for x in (1.5, 0.1, 0.0, 1.0)), alpha=0.9, eps=1e-5)
    r = apply_definition(Z, upstream, lambda _: start, eval=False)
    X, D = Z.astype(np.longdouble), upstream.astype(np.longdouble)
    X -= X.mean(axis=0)
    root = np.sqrt((X**2).mean(axis=0) + 1e-5)
    right = {
        "dLdBb": D.sum(axis=0),
        "dLdBW": (D * X / root).sum(axis=0),
        "dLdZ": 1.5 / root * (D - D.mean(axis=0) - X / root**2 * (D * X).mean(axis=0)),
    }
    for name, give in difference_definition(r).items():
        numeric = give(slice(0, N))
        assert (np.abs(numeric.value - right[name]) <= numeric.uncertainty).all(), name
        assert (numeric.uncertainty <= 1e-11 * r.scales[name]).all(), name


def test_the_uncertainties_grow_with_the_root_of_the_rows() -> None:
    r = reference_of(case("100 rows", "train", 4, np.dtype(float)))
    found = {name: give(slice(0, 100)) for name, give in difference_definition(r).items()}
    for name, roundings in {"dLdBb": 4, "dLdBW": 4, "dLdZ": 16}.items():
        stated = roundings * EPS * 10 * r.scales[name]
        assert found[name].uncertainty == pytest.approx(stated, rel=1e-12, abs=0), name
    r = reference_of(case("100 rows", "eval", 4, np.dtype(float)))
    dLdZ = difference_definition(r)["dLdZ"](slice(0, 100))
    assert dLdZ.uncertainty == pytest.approx(4 * EPS * r.scales["dLdZ"], rel=1e-12, abs=0)


@pytest.mark.parametrize("scale", [1.0, 1e-120, 1e120])
@pytest.mark.parametrize("share", [2.0**-60, -(2.0**-60), 2.0**-20, -0.5, 3.0, 2.0**20])
def test_the_change_of_a_reciprocal_root_does_not_cancel(scale: float, share: float) -> None:
    root = np.array([[1.25, 3.0]]) * scale
    change = share * root**2
    found = change_of_reciprocal_root(change, root)
    # 1/sqrt(1 + share) - 1, exactly enough.
    exact = float(-Fraction(share) / 2 + 3 * Fraction(share) ** 2 / 8)
    if abs(share) > 1e-3:
        exact = 1 / np.sqrt(1 + share) - 1
    rel = 1e-15 if abs(share) < 1e-9 or abs(share) > 1e-3 else 1e-10
    assert found * root == pytest.approx(np.full((1, 2), exact), rel=rel, abs=0)


def test_one_value_for_each_feature_is_always_the_same() -> None:
    derivative = Derivative(np.ones((1, 2)), np.zeros((1, 2)))
    assert fixed(derivative)(slice(0, 1)) is fixed(derivative)(slice(5, 9)) is derivative

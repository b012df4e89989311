"""Difference formulas on functions with known derivatives: value, uncertainty, step."""

from collections.abc import Callable

import numpy as np
import pytest

from bncheck.numdiff import FORMULAS, Derivative, differentiate

EPS = np.finfo(float).eps

Function = Callable[[np.ndarray], np.ndarray]

# Each has a Taylor series with radius of convergence 1 or more, like batch normalisation in units
# of its length.
FUNCTIONS: dict[str, tuple[Function, Function]] = {
    "sine": (np.sin, np.cos),
    "reciprocal root": (lambda x: 1 / np.sqrt(4 + x), lambda x: -0.5 * (4 + x) ** -1.5),
    "square": (lambda x: x**2, lambda x: 2 * x),
    "line": (lambda x: 3 * x, lambda x: 3 + 0 * x),
    "constant": (lambda x: 1 + 0 * x, lambda x: 0 * x),
}


def derivative_of(
    function: Function,
    points: np.ndarray,
    formula: str = "richardson",
    *,
    noise: float = 2 * EPS,
    length: float = 1.0,
    smooth: bool = True,
) -> Derivative:
    """The derivative of one function at every entry, (R, C)."""
    C = points.shape[1]
    return differentiate(
        lambda row, x: function(x) - function(points[row]),
        points,
        length=np.full(C, length),
        unit=np.ones(C),
        noise=np.full(C, noise),
        formula=FORMULAS[formula],
        smooth=np.full(C, smooth),
    )


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(5).uniform(-2, 2, (40, 3))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("smooth", [True, False])
def test_the_error_is_within_the_uncertainty(
    function: str, formula: str, smooth: bool, points: np.ndarray
) -> None:
    value, slope = FUNCTIONS[function]
    numeric = derivative_of(value, points, formula, smooth=smooth)
    rounding = 4 * EPS  # of the true slope itself
    assert (np.abs(numeric.value - slope(points)) <= numeric.uncertainty + rounding).all()


@pytest.mark.parametrize(
    ("formula", "bound"),
    [("complex", 1e-15), ("richardson", 1e-11), ("central", 1e-9), ("forward", 1e-7)],
)
def test_the_uncertainty_is_as_small_as_the_formula_allows(
    formula: str, bound: float, points: np.ndarray
) -> None:
    assert derivative_of(np.sin, points, formula).uncertainty.max() < bound


@pytest.mark.parametrize("noise", [1e-12, 1e-9, 1e-6])
def test_noise_of_the_function_is_covered(noise: float, points: np.ndarray) -> None:
    rng = np.random.default_rng(0)

    def noisy(x: np.ndarray) -> np.ndarray:
        return np.sin(x) + rng.uniform(-noise / 2, noise / 2, x.shape)

    numeric = derivative_of(noisy, points, noise=noise)
    assert (np.abs(numeric.value - np.cos(points)) <= numeric.uncertainty).all()
    assert numeric.uncertainty.max() < 10 * noise**0.8


def test_a_kink_is_not_taken_for_a_smooth_function() -> None:
    points = np.full((1, 1), 1e-5)
    numeric = derivative_of(np.abs, points, smooth=False)
    assert abs(numeric.value - 1) <= numeric.uncertainty


def test_nodes_that_cannot_be_represented_cost_nothing() -> None:
    # Numbers near 1e8 lie 1.5e-8 apart: 1e8 + h is rounded for nearly every h.
    points = 1e8 + np.random.default_rng(1).uniform(-1, 1, (40, 1))
    numeric = derivative_of(lambda x: (x - 1e8) ** 2, points)
    assert np.abs(numeric.value - 2 * (points - 1e8)).max() < 1e-11


def test_where_few_values_are_left_the_uncertainty_says_so() -> None:
    points = np.full((1, 1), 1e17)  # 16 apart
    numeric = derivative_of(lambda x: np.sin(x - 1e17), points, noise=EPS)
    assert abs(numeric.value - 1) <= numeric.uncertainty


def test_columns_of_all_scales_are_differenced_together() -> None:
    length = np.array([1e-12, 1.0, 1e12])
    points = length * np.random.default_rng(2).uniform(-1, 1, (10, 3))
    numeric = differentiate(
        lambda row, x: np.sin(x / length) - np.sin(points[row] / length),
        points,
        length=length,
        unit=1 / length,
        noise=np.full(3, EPS),
        formula=FORMULAS["richardson"],
        smooth=np.ones(3, bool),
    )
    assert np.abs(numeric.value * length - np.cos(points / length)).max() < 1e-11

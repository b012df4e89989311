"""Difference formulas on functions with known derivatives: value, uncertainty, step."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bncheck.numdiff import (
    FINITE_DIFFERENCES,
    FORMULAS,
    Derivative,
    central_estimates,
    differentiate,
    power_of_two,
)

EPS = np.finfo(float).eps
REAL_FORMULAS = ("richardson", "central", "forward")

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
    unit: float = 1.0,
    smooth: bool = True,
) -> Derivative:
    """The derivative of one function at every entry, (R, C)."""
    C = points.shape[1]
    return differentiate(
        lambda rows, x: function(x) - function(points[rows]),
        points,
        length=np.full(C, length),
        unit=np.full(C, unit),
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


# Each formula is the one of its name


@pytest.mark.parametrize(
    ("formula", "error"),
    [
        ("forward", lambda x, h: 10 * x**3 * h + 10 * x**2 * h**2 + 5 * x * h**3 + h**4),
        ("central", lambda x, h: 10 * x**2 * h**2 + h**4),
        ("richardson", lambda x, h: -4 * h**4 + 0 * x),
    ],
)
def test_the_error_is_that_of_the_formula_asked_for(formula: str, error: Function) -> None:
    points = np.array([[-2.0], [0.25], [1.0], [3.0]])
    numeric = derivative_of(lambda x: x**5, points, formula, noise=2.0**-13)
    h = numeric.step[0]
    assert numeric.value - 5 * points**4 == pytest.approx(error(points, h), rel=1e-6)


@pytest.mark.parametrize(
    ("formula", "smooth", "estimate"),
    [
        ("forward", True, lambda h: 3 * 3 * h + 3 * h**2),
        ("forward", False, lambda h: 3 * 3 * h + 3 * h**2),
        ("central", True, lambda h: h**2),
        ("central", False, lambda h: h**2),
        ("richardson", True, lambda h: 12 * h**4),
        ("richardson", False, lambda h: h**2),
    ],
)
def test_the_truncation_error_is_told_by_the_step_of_twice_the_length(
    formula: str, smooth: bool, estimate: Callable[[float], float]
) -> None:
    points = np.array([[0.5], [3.0], [-2.0]])
    noise = 2.0**-13
    numeric = derivative_of(lambda x: x**3, points, formula, noise=noise, smooth=smooth)
    h = numeric.step[0]
    rounding = FORMULAS[formula].weight * noise / h
    assert numeric.uncertainty == pytest.approx(estimate(h) + rounding, rel=1e-6, abs=0)


def test_a_step_as_long_as_half_the_length_shows_no_more_than_where_nothing_is_known() -> None:
    points = np.full((1, 1), 2.0**50)  # a quarter apart, so that the step is 1 at least
    known, unknown = (
        derivative_of(lambda x: (x - 2.0**50) ** 3, points, length=4.0, smooth=smooth)
        for smooth in (True, False)
    )
    assert known.step == unknown.step == 1
    assert known.uncertainty == pytest.approx(0.75 * unknown.uncertainty)
    assert unknown.uncertainty == pytest.approx(1)


@pytest.mark.parametrize(("formula", "weight"), [("richardson", 1.5), ("central", 1)])
def test_noise_of_the_worst_signs_is_all_that_the_weight_allows(
    formula: str, weight: float
) -> None:
    noise, points = 1e-6, np.zeros((1, 1))
    signs = iter([1, -1, -1, 1])  # of each node's part in the formula
    numeric = differentiate(
        lambda rows, x: noise * next(signs) + 0 * x,
        points,
        length=np.ones(1),
        unit=np.ones(1),
        noise=np.full(1, noise),
        formula=FORMULAS[formula],
        smooth=np.zeros(1, bool),
    )
    assert numeric.value.item() == pytest.approx(weight * noise / numeric.step.item())


@pytest.mark.parametrize(
    ("formula", "weight"), [("richardson", 1.5), ("central", 1), ("forward", 2)]
)
def test_the_uncertainty_has_a_part_for_the_noise(formula: str, weight: float) -> None:
    numeric = derivative_of(lambda x: 0 * x, np.zeros((3, 2)), formula, noise=2.0**-20)
    assert numeric.uncertainty == pytest.approx(weight * 2.0**-20 / numeric.step[None])


def test_where_a_derivative_comes_from_is_told(points: np.ndarray) -> None:
    assert derivative_of(np.sin, points).source == FINITE_DIFFERENCES == "finite differences"


def test_the_formulas_are_known_by_their_names() -> None:
    assert [(name, each.name) for name, each in FORMULAS.items()] == [
        (name, name) for name in ("richardson", "central", "forward", "complex")
    ]


# The step


@pytest.mark.parametrize(
    ("formula", "smooth", "exponent"),
    [
        ("richardson", True, -8),
        ("richardson", False, -13),
        ("central", True, -13),
        ("central", False, -13),
        ("forward", True, -20),
        ("forward", False, -20),
    ],
)
@pytest.mark.parametrize(("length", "unit"), [(1.0, 1.0), (2.0**9, 1.0), (2.0**-7, 2.0**5)])
def test_the_step_balances_truncation_with_noise(
    formula: str, smooth: bool, exponent: int, length: float, unit: float
) -> None:
    numeric = derivative_of(
        lambda x: 0 * x,
        np.zeros((2, 1)),
        formula,
        noise=2.0**-40 * length * unit,
        length=length,
        unit=unit,
        smooth=smooth,
    )
    assert numeric.step == 2.0**exponent * length


@pytest.mark.parametrize("length", [1.0, 2.0**30])
def test_the_step_is_never_longer_than_a_sixteenth_of_the_length(length: float) -> None:
    numeric = derivative_of(lambda x: 0 * x, np.zeros((1, 1)), noise=0.3 * length, length=length)
    assert numeric.step == length / 16


def test_a_loss_that_never_changes_is_stepped_by_the_rounding_of_numbers() -> None:
    numeric = derivative_of(lambda x: 0 * x, np.zeros((1, 1)), noise=0.0, unit=0.0)
    assert numeric.step == 2.0**-10  # the fifth root of 2**-52
    assert numeric.value == numeric.uncertainty == 0


def test_the_step_is_four_units_in_the_last_place_of_the_columns_largest_value() -> None:
    points = np.array([[1.0, 0.0], [2.0**40, 2.0**-3], [-(2.0**41), 0.0]])
    numeric = derivative_of(lambda x: 3 * x, points, noise=2.0**-60)
    assert numeric.step.tolist() == [4 * np.spacing(2.0**41), 2.0**-12]
    assert numeric.value == pytest.approx(3.0)


def test_the_step_is_made_for_the_type_of_the_points() -> None:
    points = np.full((1, 1), 1024.0, np.float32)
    numeric = derivative_of(lambda x: 3 * x, points, noise=2.0**-40)
    assert numeric.step == 2.0**-8  # 32 units in the last place
    numeric = derivative_of(lambda x: 3 * x, points * 1024, noise=2.0**-40)
    assert numeric.step == 4 * np.spacing(points * 1024)[0]
    assert numeric.value == 3


def test_what_is_divided_by_is_the_shortest_move_that_was_made() -> None:
    # Above 2**40 numbers lie twice as far apart as below: from the last but two below it, a step
    # of four spacings is rounded to three, from the last one to five.
    spacing = np.spacing(2.0**39)
    points = np.array([[2.0**39], [2.0**40 - 3 * spacing], [2.0**40 - spacing]])
    noise = 2.0**-60
    numeric = derivative_of(lambda x: 0 * x, points, noise=noise)
    assert numeric.step == 4 * spacing
    assert numeric.uncertainty == pytest.approx(1.5 * noise / (3 * spacing), rel=1e-9, abs=0)


@pytest.mark.parametrize("row", [0, 8999])
def test_the_shortest_move_counts_wherever_it_is(row: int) -> None:
    spacing = np.spacing(2.0**39)
    points = np.full((9000, 1), 2.0**39)
    points[row] = 2.0**40 - 3 * spacing
    numeric = derivative_of(lambda x: 0 * x, points, noise=2.0**-60)
    assert numeric.uncertainty == pytest.approx(1.5 * 2.0**-60 / (3 * spacing), rel=1e-9, abs=0)


def test_nodes_are_numbers_of_the_type_of_the_points() -> None:
    points = np.random.default_rng(4).uniform(0.1, 0.9, (50, 2)).astype(np.float32)

    def increments(rows: slice, nodes: np.ndarray) -> np.ndarray:
        assert nodes.dtype == np.float32
        return nodes.astype(float) ** 2 - points[rows].astype(float) ** 2

    numeric = differentiate(
        increments,
        points,
        length=np.ones(2),
        unit=np.ones(2),
        noise=np.full(2, 2.0**-40),
        formula=FORMULAS["richardson"],
        smooth=np.ones(2, bool),
    )
    # The moves to the rounded nodes are known better than in float32.
    assert np.abs(numeric.value - 2 * points.astype(float)).max() < 1e-13


def test_a_step_of_more_than_a_quarter_of_the_length_tells_nothing() -> None:
    points = np.full((1, 1), 2.0**50)  # a quarter apart, so that the step is 1 at least
    for length, known in ((4.0, True), (3.9, False), (1.0, False)):
        numeric = derivative_of(lambda x: 3 * (x - 2.0**50), points, length=length)
        assert np.isfinite(numeric.uncertainty).all() == known


def test_a_function_that_is_nearly_all_noise_tells_nothing() -> None:
    for noise, known in ((2.0**-12, True), (2.0**-11.9, False)):
        numeric = derivative_of(lambda x: 3 * x, np.zeros((1, 1)), noise=noise)
        assert np.isfinite(numeric.uncertainty).all() == known


def test_one_column_that_tells_nothing_leaves_the_others_alone() -> None:
    points = np.array([[2.0**50, 1.0]])
    numeric = derivative_of(lambda x: 3 * x, points)
    assert np.isinf(numeric.uncertainty).tolist() == [[True, False]]


# Many entries


@pytest.mark.parametrize("shape", [(9000, 1), (4, 3000), (2, 5000)])
def test_every_entry_is_differenced_however_many_there_are(shape: tuple[int, int]) -> None:
    points = np.random.default_rng(0).uniform(-1, 1, shape)
    numeric = derivative_of(np.sin, points)
    assert numeric.value.shape == shape
    assert numeric.uncertainty.shape == (1, shape[1])
    assert np.abs(numeric.value - np.cos(points)).max() < 1e-11


@pytest.mark.parametrize("row", [0, 4500, 8999])
def test_the_uncertainty_is_that_of_the_worst_entry(row: int) -> None:
    points = np.zeros((9000, 1))
    points[row] = 2.0
    # Where x is 0 the central differences of x**4 are 0.
    numeric = derivative_of(lambda x: x**4, points, "central", noise=2.0**-13)
    h = numeric.step[0]
    assert numeric.uncertainty == pytest.approx(4 * 2 * h**2 + 2.0**-13 / h)


def test_few_entries_are_differenced_at_a_time() -> None:
    seen = []

    def increments(rows: slice, nodes: np.ndarray) -> np.ndarray:
        seen.append((rows.start, rows.stop))
        assert nodes.shape == (rows.stop - rows.start, 10)
        return 0 * nodes

    nothing = np.zeros(10)
    differentiate(
        increments,
        np.zeros((1000, 10)),
        length=nothing + 1,
        unit=nothing + 1,
        noise=nothing,
        formula=FORMULAS["forward"],
        smooth=nothing == 0,
    )
    assert seen == [pair for pair in [(0, 409), (409, 818), (818, 1000)] for _ in range(2)]


def test_rows_of_many_columns_are_differenced_one_by_one() -> None:
    seen = []

    def increments(rows: slice, nodes: np.ndarray) -> np.ndarray:
        seen.append(len(nodes))
        return 0 * nodes

    ones = np.ones(3000)
    differentiate(
        increments,
        np.zeros((3, 3000)),
        length=ones,
        unit=ones,
        noise=ones * 1e-9,
        formula=FORMULAS["central"],
        smooth=ones > 0,
    )
    assert seen == [1] * 12


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


def test_columns_of_all_scales_are_differenced_together() -> None:
    length = np.array([1e-12, 1.0, 1e12])
    points = length * np.random.default_rng(2).uniform(-1, 1, (10, 3))
    numeric = differentiate(
        lambda rows, x: np.sin(x / length) - np.sin(points[rows] / length),
        points,
        length=length,
        unit=1 / length,
        noise=np.full(3, EPS),
        formula=FORMULAS["richardson"],
        smooth=np.ones(3, bool),
    )
    assert np.abs(numeric.value * length - np.cos(points / length)).max() < 1e-11


# Along the imaginary axis


@pytest.mark.parametrize("length", [1.0, 3e-7, 1e9])
def test_the_complex_step_is_known_to_the_noise_over_the_length(length: float) -> None:
    points = length * np.random.default_rng(3).uniform(-1, 1, (5000, 1))
    numeric = differentiate(
        lambda rows, x: np.sin(x / length) - np.sin(points[rows] / length),
        points,
        length=np.full(1, length),
        unit=np.ones(1),
        noise=np.full(1, 2.0**-40),
        formula=FORMULAS["complex"],
        smooth=np.ones(1, bool),
    )
    assert np.abs(numeric.value * length - np.cos(points / length)).max() < 1e-15
    assert numeric.uncertainty == 2.0**-40 / length
    assert numeric.step == power_of_two(2.0**-100 * np.full(1, length))
    assert numeric.uncertainty.shape == (1, 1)


def test_any_formula_of_complex_nodes_is_differenced_along_the_imaginary_axis() -> None:
    twice = replace(FORMULAS["complex"], nodes=(2j,))
    numeric = differentiate(
        lambda rows, x: x**2 - 9,
        np.full((1, 1), 3.0),
        length=np.ones(1),
        unit=np.ones(1),
        noise=np.zeros(1),
        formula=twice,
        smooth=np.ones(1, bool),
    )
    assert numeric.value == 6


# What else is asked for


def test_a_power_of_two_is_the_nearest_one() -> None:
    x = np.array([1.0, 0.5, 1.4, 1.5, 6.0, 2.0**-700, 3e200])
    assert power_of_two(x).tolist() == [1, 0.5, 1, 2, 8, 2.0**-700, 2.0**666]


@pytest.mark.parametrize("moves", [(1.0, -1.0, 2.0, -2.0), (0.75, -1.25, 2.5, -1.75)])
def test_estimates_of_a_parabola_are_exact_for_any_moves(moves: tuple[float, ...]) -> None:
    moved = np.array(moves).reshape(4, 1, 1)
    near, far, extrapolated = central_estimates((5 + moved) ** 2 - 25, moved)
    assert near == far == extrapolated == 10


def test_estimates_of_a_cubic_are_extrapolated_by_the_squares_of_the_moves() -> None:
    moved = np.array([0.75, -1.25, 2.5, -1.75]).reshape(4, 1, 1)
    near, far, extrapolated = central_estimates(moved**3, moved)
    assert (near.item(), far.item()) == pytest.approx((0.75 * 1.25, 2.5 * 1.75))
    # The ratio of the squares that the two stand for is that of the products of their moves, as
    # it is for symmetric ones.
    assert extrapolated.item() == pytest.approx(0, abs=1e-15)


def test_estimates_fit_any_scale() -> None:
    moved = 1e-200 * np.array([1.0, -1.0, 2.0, -2.0]).reshape(4, 1, 1)
    assert central_estimates(3 * moved, moved)[2] == pytest.approx(3)

"""Finite differences with a stated uncertainty. Nothing here knows a backward formula.

What is differenced is one loss for each column, as a function of the entries of that column. All
columns are perturbed at once, since a column's loss depends on its own entries only: one
evaluation gives C differences.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bncheck.arrays import EPS, Array, Mask

Increments = Callable[[slice, Array], Array]
"""increments(rows, nodes): how much each column's loss grows when these rows are replaced by the
nodes, (R, C), one row after the other; (R, C) too."""

FINITE_DIFFERENCES = "finite differences"
DEFINITION = "definition"
"""Where a numeric derivative comes from."""

LONGEST_STEP = 2.0**-4
"""In units of the length over which the loss bends; the nodes reach twice as far."""

LONGEST_USEFUL_STEP = 2.0**-2
"""In units of the same length: with a longer step, forced by numbers that lie far apart, nothing is
known."""

LOUDEST_NOISE = 2.0**-12
"""In units of what the loss changes over its length: a function that is louder is not the smooth
one that differences are for, and its derivative is not known to any digit that matters."""

FEWEST_SPACINGS = 4
"""The step is at least so many units in the last place of the values that it is added to."""

AT_ONCE = 2**12
"""Entries that are differenced at once: what is known of their nodes takes room."""

COMPLEX_STEP = 2.0**-100
"""In units of the length: its square is far below the rounding of any number here."""


Estimate = Callable[[Array, Array, Array], tuple[Array, Array]]
"""estimate(increments, moves, bend) -> the derivative, (R, C), and its truncation error, (C,)."""


@dataclass(frozen=True)
class Formula:
    """A difference formula, which estimates its own truncation error.

    Attributes
    ----------
    name
        As the user asks for it.
    nodes
        Where the loss is evaluated, in units of the step h. The estimate at h is accompanied by
        one at 2h, which shows the truncation error.
    order
        The truncation error goes with this power of h.
    weight
        Sum of the absolute weights of the evaluations, times h: a noise of 1 in each of them
        becomes at most weight / h in the derivative.
    estimate
        From the increments of the loss at the nodes and the moves to them, both of the shape
        (nodes, R, C), to the derivative and its truncation error.
    """

    name: str
    nodes: tuple[complex, ...]
    order: int
    weight: float
    estimate: Estimate


@dataclass(frozen=True, eq=False)
class Derivative:
    """A numeric derivative and a bound on its error.

    Attributes
    ----------
    value
        Of the shape of what was perturbed, (R, C).
    uncertainty
        The bound, (R, C), or (1, C) where it is the same in all rows.
    step
        The one that was chosen for each column, (C,), where one was.
    source
        FINITE_DIFFERENCES or DEFINITION.
    """

    value: Array
    uncertainty: Array
    step: Array | None = None
    source: str = FINITE_DIFFERENCES


def differentiate(
    increments: Increments,
    points: Array,
    *,
    length: Array,
    unit: Array,
    noise: Array,
    formula: Formula,
    smooth: Mask,
) -> Derivative:
    """Difference each column's loss for every entry of `points`.

    Parameters
    ----------
    increments
        Of the columns' losses over their values at `points`.
    points
        Where to differentiate, (R, C).
    length
        The change of an entry over which the loss bends (the radius of convergence of its Taylor
        series), (C,).
    unit
        The size of the derivatives, (C,): the uncertainty that matters is relative to it.
    noise
        A bound on the rounding noise of the increments, (C,).
    formula
        One of `FORMULAS`.
    smooth
        Columns, (C,), in which `length` is known to hold. In the others only the difference of the
        two estimates tells the truncation error: that of the worse one, so that the step is that of
        a formula of second order.

    Returns
    -------
    Derivative
        The value (R, C), the uncertainty (1, C).

    Notes
    -----
    The step balances truncation, which goes with (h / length)**order, with noise, which goes with
    1/h: h / length = (noise / (unit * length))**(1 / (order + 1)). It is a power of two, and the
    nodes really reached are what is divided by, so that a node which was rounded costs nothing.
    W. Press et al., "Numerical Recipes", 3rd edition, 5.7; J. Moré, S. Wild, "Estimating
    Derivatives of Noisy Simulations", ACM TOMS 38 (2012), on steps from the noise.
    """
    if any(isinstance(node, complex) for node in formula.nodes):
        return _complex_step(increments, points, length, noise, formula)
    step = _step(
        points, length, unit, noise, np.where(smooth, formula.order, min(2, formula.order))
    )
    bend = np.where(smooth, np.minimum(2 * step / length, 1), 1)
    value = np.empty(points.shape)
    truncation, shortest = np.zeros_like(length), np.full_like(length, np.inf)
    # Some rows at a time: what is known of each node takes room only while it is needed.
    for rows in _slices(points.shape):
        start = points[rows]
        nodes = [start + np.real(node) * step.astype(points.dtype) for node in formula.nodes]
        grown = np.stack([increments(rows, reached) for reached in nodes])
        moves = np.stack(nodes).astype(float) - start.astype(float)
        value[rows], left_out = formula.estimate(grown, moves, bend)
        truncation = np.maximum(truncation, left_out)
        shortest = np.minimum(shortest, np.abs(moves[0]).min(axis=0))
    # Where numbers lie so far apart that the nodes reach beyond half the length, no difference of
    # estimates bounds the error.
    too_far = step > LONGEST_USEFUL_STEP * length
    too_loud = _relative_noise(length, unit, noise) > LOUDEST_NOISE
    truncation = np.where(too_far | too_loud, np.inf, truncation)
    uncertainty = truncation + formula.weight * noise / shortest
    return Derivative(value, uncertainty[None], step)


def _slices(shape: tuple[int, ...]) -> Iterator[slice]:
    """The rows of a matrix, some at a time."""
    at_once = max(AT_ONCE // shape[1], 1)
    return (slice(start, min(start + at_once, shape[0])) for start in range(0, shape[0], at_once))


def _step(points: Array, length: Array, unit: Array, noise: Array, order: Array) -> Array:
    """The step for each column, (C,), a power of two."""
    relative_noise = _relative_noise(length, unit, noise)
    relative = np.minimum(relative_noise ** (1 / (order + 1)), LONGEST_STEP)
    spacing = np.spacing(np.abs(points).max(axis=0)).astype(float)
    step: Array = np.maximum(relative * length, FEWEST_SPACINGS * spacing)
    return power_of_two(step)


def _relative_noise(length: Array, unit: Array, noise: Array) -> Array:
    """The noise in units of what the loss changes over its length, (C,)."""
    change = unit * length
    relative = np.full_like(length, EPS)
    np.divide(noise, change, out=relative, where=change > 0)
    return relative


def power_of_two(x: Array) -> Array:
    """Return the power of two nearest to each entry of x: dividing by it rounds nothing.

    >>> power_of_two(np.array([3.1, 0.2]))
    array([4.  , 0.25])
    """
    nearest: Array = np.exp2(np.round(np.log2(x)))
    return nearest


def _forward(increments: Array, moves: Array, _: Array) -> tuple[Array, Array]:
    """Forward difference; at 2h its truncation error is twice as large."""
    near, far = increments / moves
    return near, _largest_difference(near, far)


def _central(increments: Array, moves: Array, _: Array) -> tuple[Array, Array]:
    """Central difference; at 2h its truncation error is four times as large."""
    near, far, _ = central_estimates(increments, moves)
    return near, _largest_difference(near, far) / 3


def _richardson(increments: Array, moves: Array, bend: Array) -> tuple[Array, Array]:
    """Richardson's extrapolation of two central differences.

    The term in the error that is left after the one in h**2 is smaller than it by the square of
    `bend`, the longer step in units of the length over which the loss bends; three times that is
    taken, to be safe. Where nothing is known of the length (bend = 1) the extrapolation is taken to
    be no better than what it started from.
    """
    near, far, value = central_estimates(increments, moves)
    return value, _largest_difference(near, far) / 3 * np.minimum(3 * bend**2, 1)


def _imaginary(increments: Array, moves: Array, bend: Array) -> tuple[Array, Array]:
    """Im f(x + ih) / h; its truncation error is below any rounding."""
    return increments[0].imag / moves[0].imag, np.zeros_like(bend)


FORMULAS = {
    formula.name: formula
    for formula in (
        # Weights 4/3 of 1/(2h) at two nodes and 1/3 of 1/(4h) at two more.
        Formula("richardson", (1, -1, 2, -2), order=4, weight=1.5, estimate=_richardson),
        Formula("central", (1, -1, 2, -2), order=2, weight=1.0, estimate=_central),
        Formula("forward", (1, 2), order=1, weight=2.0, estimate=_forward),
        Formula("complex", (1j,), order=2, weight=1.0, estimate=_imaginary),
    )
}


def central_estimates(increments: Array, moves: Array) -> tuple[Array, Array, Array]:
    """Return central differences at h and at 2h, and Richardson's extrapolation of the two.

    Parameters
    ----------
    increments
        Of the loss at the nodes h, -h, 2h and -2h, which come first.
    moves
        How far the entry really moved to reach these nodes, of the same shape.
    """
    near = _three_points(increments[:2], moves[:2])
    far = _three_points(increments[2:], moves[2:])
    # The squares of the steps that they stand for, divided before they can overflow.
    ratio = np.prod(np.abs(moves[2:]) / np.abs(moves[:2]), axis=0)
    return near, far, near + (near - far) / (ratio - 1)


def _three_points(increments: Array, moves: Array) -> Array:
    """Central difference of one pair of nodes.

    Three points at distances a above and b below give a second-order estimate for any a and b;
    its error is that of a central difference with h**2 = a * b.
    """
    (above, below), (a, b) = increments, np.abs(moves)
    estimate: Array = (above * (b / a) - below * (a / b)) / (a + b)
    return estimate


def _largest_difference(near: Array, far: Array) -> Array:
    """The largest difference of two estimates in each column, (C,).

    Of the whole column, since in a single entry it may vanish by chance.
    """
    spread: Array = np.abs(far - near).max(axis=0)
    return spread


def _complex_step(
    increments: Increments, points: Array, length: Array, noise: Array, formula: Formula
) -> Derivative:
    """Difference along the imaginary axis: nothing cancels, and the step can be tiny.

    W. Squire, G. Trapp, "Using Complex Variables to Estimate Derivatives of Real Functions", SIAM
    Review 40 (1998). The noise of the function enters relative to its length, not to the step.
    """
    step = power_of_two(COMPLEX_STEP * length)
    value = np.empty(points.shape)
    for rows in _slices(points.shape):
        moved: Any = points[rows] + formula.nodes[0] * step
        value[rows], _ = formula.estimate(
            increments(rows, moved)[None], moved[None] - points[rows], noise
        )
    return Derivative(value, (noise / length)[None], step)

"""The definition differenced in closed form: what a finite difference would give without noise.

A perturbation of one entry changes its own column only, and by an amount that can be written down:
the differences of the loss below are exact but for the rounding of their last few operations,
whatever the step. They are differences of the definition's forward, not its backward formula.
"""

import numpy as np

from bncheck.definition import EPS, Array, change_of_reciprocal_root, column_mean, column_sum
from bncheck.expected import Expected
from bncheck.numdiff import Derivative, power_of_two

RELATIVE_STEP = 2.0**-26
"""In units of the length over which the loss bends: its square is the rounding of a float64."""


def difference_definition(expected: Expected) -> dict[str, Derivative]:
    """Differences of the definition's loss for the layer's input and its two parameters.

    BZ is linear in Bb, in BW and, in inference mode, in Z: there the difference over any step is
    the slope.
    """
    e = expected
    N = len(e.Z)
    sum_error = 4 * EPS * np.sqrt(N)
    scales = e.scales
    if e.eval:
        slope = e.parameters.BW / e.root
        dLdZ = Derivative(e.dLdBZ * slope, 4 * EPS * np.abs(e.dLdBZ * slope))
    else:
        dLdZ = difference_of_training_loss(e.X, e.V, e.parameters.BW, e.parameters.eps, e.dLdBZ)
    return {
        "dLdBb": Derivative(column_sum(e.dLdBZ), sum_error * scales["dLdBb"]),
        "dLdBW": Derivative(column_sum(e.dLdBZ * e.NZ), sum_error * scales["dLdBW"]),
        "dLdZ": dLdZ,
    }


def difference_of_training_loss(
    X: Array, V: Array, BW: Array, eps: float, dLdBZ: Array
) -> Derivative:
    """Central difference of sum(dLdBZ * BZ) for every entry of Z, (N, C), in training mode.

    Parameters
    ----------
    X, V
        Centred input, (N, C), and biased variance, (1, C).
    BW, eps
        Scale, (1, C), and what is added to the variance.
    dLdBZ
        Upstream gradient, (N, C).

    Notes
    -----
    With one entry raised by h, the mean rises by h/N and the variance to
    V' = V + 2hX/N + h**2 (1/N - 1/N**2), so with S = sum(dLdBZ * X) and G the mean of dLdBZ

        L(h) - L(0) = BW * ( (1/sqrt(V'+eps) - 1/sqrt(V+eps)) * S + h (dLdBZ - G) / sqrt(V'+eps) ).

    As a function of t = h / (sqrt(N) sqrt(V+eps)), 1/sqrt(V'+eps) is the generating function of
    the Legendre polynomials but for 1/N: its Taylor coefficients are at most 1, hence a central
    difference at t errs by t**2 of the gradient's scale.
    """
    N = len(X)
    root = np.sqrt(V + eps)
    S = column_sum(dLdBZ * X)
    G = column_mean(dLdBZ)
    h = power_of_two(RELATIVE_STEP * np.sqrt(N) * root)

    def rise(h: Array) -> Array:
        change = h * (2 * X / N + h * (1 / N - 1 / N**2))
        moved = change_of_reciprocal_root(change, root)
        return BW * (moved * S + h * (dLdBZ - G) * (1 / root + moved))

    value = (rise(h) - rise(-h)) / (2 * h)
    # A few roundings of each term, and the rounding of the two sums. The terms can be sqrt(N) times
    # as large as one entry of the direct path.
    size = np.abs(BW) / root * np.abs(dLdBZ).max(axis=0)
    return Derivative(value, 16 * EPS * np.sqrt(N) * size + np.zeros_like(value))

"""The definition differenced in closed form: what a finite difference would give without noise.

A perturbation of one entry changes its own column only, and by an amount that can be written down:
the differences of the loss below are exact but for the rounding of their last few operations,
whatever the step. They are differences of the definition's forward, not its backward formula.
"""

import numpy as np

from bncheck.arrays import EPS, Array
from bncheck.batchnorm.blocks import Block, for_each, products_of
from bncheck.batchnorm.formulas import change_of_reciprocal_root, column_sum, largest
from bncheck.numdiff import Derivative, power_of_two
from bncheck.reference.forward import Columns, Expected

RELATIVE_STEP = 2.0**-26
"""In units of the length over which the loss bends: its square is the rounding of a float64."""


def difference_definition(expected: Expected) -> dict[str, Derivative]:
    """Differences of the definition's loss for the layer's input and its two parameters."""
    e = expected
    if e.eval:
        dLdZ = difference_of_inference_loss(e.dLdBZ, e)
    else:
        dLdZ = difference_of_training_loss(e.X, e.V, e.parameters.BW, e.parameters.eps, e.dLdBZ)
    T, S = column_sum(e.dLdBZ), products_of(e.dLdBZ, e.NZ)
    return {**differences_of_parameters(T, S, e), "dLdZ": dLdZ}


def differences_of_parameters(T: Array, S: Array, columns: Columns) -> dict[str, Derivative]:
    """Of dLdBb and dLdBW, (1, C), from the sums of dLdBZ and of dLdBZ * NZ.

    BZ is linear in Bb and in BW: there the difference over any step is the slope.
    """
    sum_error = 4 * EPS * np.sqrt(columns.N)
    return {
        "dLdBb": Derivative(T, sum_error * columns.scales["dLdBb"]),
        "dLdBW": Derivative(S, sum_error * columns.scales["dLdBW"]),
    }


def difference_of_inference_loss(dLdBZ: Array, columns: Columns) -> Derivative:
    """Of some rows of dLdZ in inference mode, (R, C), where BZ is linear in Z too."""
    slope = columns.parameters.BW / columns.root
    return Derivative(dLdBZ * slope, 4 * EPS * columns.largest_dLdBZ * np.abs(slope))


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
    T, S = column_sum(dLdBZ), products_of(dLdBZ, X)
    differences = TrainingDifferences(len(X), V, BW, eps, T, S)
    value = np.empty(X.shape)

    def fill(block: Block) -> None:
        for rows in block.pieces(X.shape[1]):
            value[rows] = differences.of(X[rows], dLdBZ[rows])

    for _ in for_each(fill, X.shape):
        pass
    return Derivative(value, differences.uncertainty(largest(dLdBZ)))


class TrainingDifferences:
    """Central differences of the training loss, for some rows at a time.

    Parameters
    ----------
    N
        How many rows there are in all.
    V, BW
        Biased variance and scale, (1, C).
    eps
        What is added to the variance.
    T, S
        Sums over all rows of dLdBZ and of dLdBZ * X, (1, C).
    """

    def __init__(self, N: int, V: Array, BW: Array, eps: float, T: Array, S: Array) -> None:
        self._N, self._BW, self._G, self._S = N, BW, T / N, S
        self._root = np.sqrt(V + eps)
        self._h = power_of_two(RELATIVE_STEP * np.sqrt(N) * self._root)

    def of(self, X: Array, dLdBZ: Array) -> Array:
        """Of every entry of some rows, (R, C), from their centred input and upstream gradient."""
        h, N = self._h, self._N
        above, below = (
            change_of_reciprocal_root(s * (2 / N * X + s * (1 / N - 1 / N**2)), self._root)
            for s in (h, -h)
        )
        level = (dLdBZ - self._G) * (2 / self._root + above + below) * h
        return self._BW * ((above - below) * self._S + level) / (2 * h)

    def uncertainty(self, largest_dLdBZ: Array) -> Array:
        """What they are known to, (1, C): the rounding of each term and of the two sums.

        The terms can be sqrt(N) times as large as one entry of the direct path.
        """
        known_to: Array = (
            16 * EPS * np.sqrt(self._N) * np.abs(self._BW) / self._root * largest_dLdBZ
        )
        return known_to

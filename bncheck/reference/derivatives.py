"""The definition's derivatives, found as differences that have no rounding noise.

A perturbation of one entry changes its own column only, and by an amount that can be written down:
the differences of the loss below are exact but for the rounding of their last few operations,
whatever the step. They are differences of the definition's forward, not its backward formula.

Each is given as a `Numeric`: a function of the rows that are wanted, so that Z may be a file.
"""

from collections.abc import Callable

import numpy as np

from bncheck.arrays import EPS, Array
from bncheck.numdiff import DEFINITION, Derivative, Formula, Increments, differentiate, power_of_two
from bncheck.reference.forward import ReferenceForward

Numeric = Callable[[slice], Derivative]
"""Gives the numeric derivative for some rows; one for each feature, (1, C), is always the same."""

RELATIVE_STEP = 2.0**-26
"""In units of the length over which the loss bends: its square is the rounding of a float64."""


def fixed(derivative: Derivative) -> Numeric:
    """Return the `Numeric` of a derivative that has one value for each feature, (1, C)."""
    return lambda _: derivative


def difference_definition(reference: ReferenceForward) -> dict[str, Numeric]:
    """Difference the definition's loss for the layer's two parameters and its input.

    BZ is linear in Bb and in BW: there the difference over any step is the slope.
    """
    r = reference
    sum_error = 4 * EPS * np.sqrt(r.N)

    def total(name: str, value: Array) -> Numeric:
        return fixed(Derivative(value, sum_error * r.scales[name], source=DEFINITION))

    return {
        "dLdBb": total("dLdBb", r.sum_dLdBZ),
        "dLdBW": total("dLdBW", r.sum_dLdBZ_X * r.reciprocal_root),
        "dLdZ": _difference_inference_loss(r) if r.eval else _difference_training_loss(r),
    }


def _difference_inference_loss(r: ReferenceForward) -> Numeric:
    """In inference mode BZ is linear in Z too."""
    slope = r.parameters.BW / r.root
    uncertainty = 4 * EPS * r.largest_dLdBZ * np.abs(slope)
    return lambda rows: Derivative(r.dLdBZ[rows] * slope, uncertainty, source=DEFINITION)


def _difference_training_loss(r: ReferenceForward) -> Numeric:
    """Central difference of sum(dLdBZ * BZ) for entries of Z in training mode.

    With one entry raised by h, the mean rises by h/N and the variance to
    V' = V + 2hX/N + h**2 (1/N - 1/N**2), so with S = sum(dLdBZ * X) and G the mean of dLdBZ

        L(h) - L(0) = BW * ( (1/sqrt(V'+eps) - 1/sqrt(V+eps)) * S + h (dLdBZ - G) / sqrt(V'+eps) ).

    As a function of t = h / (sqrt(N) sqrt(V+eps)), 1/sqrt(V'+eps) is the generating function of
    the Legendre polynomials but for 1/N: its Taylor coefficients are at most 1, hence a central
    difference at t errs by t**2 of the gradient's scale.
    """
    N, BW, root = r.N, r.parameters.BW, r.root
    h = power_of_two(RELATIVE_STEP * np.sqrt(N) * root)
    S, G = r.sum_dLdBZ_X, r.sum_dLdBZ / N
    # The rounding of each term, which can be sqrt(N) times as large as one entry of the direct
    # path, and of the two sums.
    uncertainty = 16 * EPS * np.sqrt(N) * np.abs(BW) / root * r.largest_dLdBZ

    def difference(rows: slice) -> Derivative:
        slope = 2 / N * r.X(rows)
        above, below = (
            change_of_reciprocal_root(s * (slope + s * (1 / N - 1 / N**2)), root) for s in (h, -h)
        )
        level = (r.dLdBZ[rows] - G) * (2 / root + above + below) * h
        value = BW * ((above - below) * S + level) / (2 * h)
        return Derivative(value, uncertainty, source=DEFINITION)

    return difference


def change_of_reciprocal_root(change: Array, root: Array) -> Array:
    """Return 1/sqrt(V + eps + change) - 1/root, root = sqrt(V + eps), without cancellation.

    The difference of two reciprocal roots a and b is -(a**2 - b**2) / (a b (a + b)).
    """
    changed = np.sqrt(root**2 + change)
    result: Array = -(change / changed) / root / (changed + root)
    return result


def difference_stages(reference: ReferenceForward, formula: Formula) -> dict[str, Numeric]:
    """Difference the definition's stages that follow NZ, V and M, by the formula asked for.

    A layer's dLdNZ, dLdV and dLdM belong to values inside it, which cannot be perturbed from
    outside. They are checked against the definition's own stages from there to BZ.
    """
    return {
        "dLdNZ": _difference_NZ(reference, formula),
        **{
            name: fixed(derivative)
            for name, derivative in _difference_statistics(reference, formula).items()
        },
    }


def _difference_NZ(r: ReferenceForward, formula: Formula) -> Numeric:
    BW = r.parameters.BW[0]
    noise = 4 * EPS * np.abs(BW) * r.largest_NZ * r.largest_dLdBZ

    def difference(rows: slice) -> Derivative:
        NZ, upstream = r.NZ(rows), r.dLdBZ[rows]

        def increment(some: slice, nodes: Array) -> Array:
            result: Array = upstream[some] * (BW * nodes - BW * NZ[some])  # Bb drops out
            return result

        return _derivative(increment, NZ, r.largest_NZ, r.scales["dLdNZ"], noise, formula)

    return difference


def _difference_statistics(r: ReferenceForward, formula: Formula) -> dict[str, Derivative]:
    """Difference the loss for V and for M.

    With S = sum(dLdBZ * X) and T = sum(dLdBZ), the loss is BW * S / sqrt(V + eps) + Bb * T as a
    function of V. Moving M by m turns X into X - m, hence S into S - m T, and V, the mean square
    around M, into V + m**2. (The derivative of that square is the last sum of dLdM; it is 0.)
    """
    if r.eval:  # the loss does not depend on the mini-batch's statistics
        nothing = Derivative(np.zeros_like(r.V), np.zeros_like(r.V))
        return {"dLdV": nothing, "dLdM": nothing}
    BW, root, S, T = r.parameters.BW, r.root, r.sum_dLdBZ_X, r.sum_dLdBZ

    def from_V(_: slice, V: Array) -> Array:
        result: Array = BW * S * change_of_reciprocal_root(V - r.V, root)
        return result

    def from_M(_: slice, m: Array) -> Array:
        moved = change_of_reciprocal_root(m**2, root)
        result: Array = BW * (S * moved - m * T * (1 / root + moved))
        return result

    rounding = 8 * EPS * np.abs(BW) * np.sqrt(r.N) * r.scales["dLdBb"]
    # The change of M is perturbed, not M: a large mean leaves few values beside it.
    still = np.zeros_like(r.M)
    # As a function of M the loss has the slope BW * T / root, which may be larger than the scale.
    steepest = np.maximum(r.scales["dLdM"], np.abs(BW * T) / root)
    spread = r.V + r.parameters.eps
    return {
        "dLdV": _derivative(from_V, r.V, spread, r.scales["dLdV"], rounding, formula),
        "dLdM": _derivative(from_M, still, root, steepest, rounding, formula),
    }


def _derivative(
    increment: Increments, points: Array, length: Array, unit: Array, noise: Array, formula: Formula
) -> Derivative:
    return differentiate(
        increment,
        points,
        length=length[0],
        unit=unit[0],
        noise=noise[0],
        formula=formula,
        smooth=np.ones_like(length[0], bool),
    )

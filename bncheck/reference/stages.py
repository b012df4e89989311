"""Differences of the stages of the definition that follow NZ, V and M.

A layer's dLdNZ, dLdV and dLdM belong to values inside it, which cannot be perturbed from outside.
They are checked against the definition's own stages from there to BZ, at the layer's input and
parameters.
"""

import numpy as np

from bncheck.arrays import EPS, Array
from bncheck.batchnorm.blocks import products_of
from bncheck.batchnorm.formulas import change_of_reciprocal_root, column_sum
from bncheck.numdiff import Derivative, Formula, Rise, differentiate
from bncheck.reference.forward import Columns, Expected


def difference_stages(expected: Expected, formula: Formula) -> dict[str, Derivative]:
    """Numeric dLdNZ, (N, C), dLdV and dLdM, (1, C), by the difference formula asked for."""
    e = expected
    S, T = products_of(e.dLdBZ, e.X), column_sum(e.dLdBZ)
    return {
        "dLdNZ": difference_NZ(e.NZ, e.dLdBZ, e, formula),
        **difference_statistics(S, T, e, formula),
    }


def difference_NZ(NZ: Array, dLdBZ: Array, columns: Columns, formula: Formula) -> Derivative:
    """Numeric dLdNZ of some rows, (R, C)."""
    c, BW = columns, columns.parameters.BW[0]

    def rise(rows: slice, nodes: Array) -> Array:
        result: Array = dLdBZ[rows] * (BW * nodes - BW * NZ[rows])  # Bb is in both and drops out
        return result

    noise = 4 * EPS * np.abs(BW) * c.largest_NZ * c.largest_dLdBZ
    return _derivative(rise, NZ, c.largest_NZ, c.scales["dLdNZ"], noise, formula)


def difference_statistics(
    S: Array, T: Array, columns: Columns, formula: Formula
) -> dict[str, Derivative]:
    """Numeric dLdV and dLdM, (1, C).

    With S = sum(dLdBZ * X) and T = sum(dLdBZ), the loss is BW * S / sqrt(V + eps) + Bb * T as a
    function of V. Moving M by m turns X into X - m, hence S into S - m T, and V, the mean square
    around M, into V + m**2. (The derivative of that square is the last sum of dLdM; it is 0.)
    """
    c, p = columns, columns.parameters
    if c.eval:  # the loss does not depend on the mini-batch's statistics
        nothing = Derivative(np.zeros_like(c.V), np.zeros_like(c.V))
        return {"dLdV": nothing, "dLdM": nothing}
    BW, root = p.BW, c.root

    def from_V(_: slice, V: Array) -> Array:
        rise: Array = BW * S * change_of_reciprocal_root(V - c.V, root)
        return rise

    def from_M(_: slice, m: Array) -> Array:
        moved = change_of_reciprocal_root(m**2, root)
        rise: Array = BW * (S * moved - m * T * (1 / root + moved))
        return rise

    rounding = 8 * EPS * np.abs(BW) * np.sqrt(c.N) * c.scales["dLdBb"]
    # The change of M is perturbed, not M: a large mean leaves few values beside it.
    still = np.zeros_like(c.M)
    # As a function of M the loss has the slope BW * T / root, which may be larger than the scale.
    steepest = np.maximum(c.scales["dLdM"], np.abs(BW * T) / root)
    return {
        "dLdV": _derivative(from_V, c.V, c.V + p.eps, c.scales["dLdV"], rounding, formula),
        "dLdM": _derivative(from_M, still, root, steepest, rounding, formula),
    }


def _derivative(
    rise: Rise, points: Array, length: Array, unit: Array, noise: Array, formula: Formula
) -> Derivative:
    return differentiate(
        rise,
        points,
        length=length[0],
        unit=unit[0],
        noise=noise[0],
        formula=formula,
        smooth=np.ones_like(length[0], bool),
    )

"""Differences of the stages of the definition that follow NZ, V and M.

A layer's dLdNZ, dLdV and dLdM belong to values inside it, which cannot be perturbed from outside.
They are checked against the definition's own stages from there to BZ, at the layer's input and
parameters.
"""

import numpy as np

from bncheck.definition import (
    EPS,
    Array,
    change_of_reciprocal_root,
    column_sum,
    largest,
)
from bncheck.expected import Expected
from bncheck.numdiff import Derivative, Formula, Rise, differentiate


def difference_stages(expected: Expected, formula: Formula) -> dict[str, Derivative]:
    """Numeric dLdNZ, (N, C), dLdV and dLdM, (1, C), by the difference formula asked for.

    With S = sum(dLdBZ * X) and T = sum(dLdBZ), the loss is BW * S / sqrt(V + eps) + Bb * T as a
    function of V. Moving M by m turns X into X - m, hence S into S - m T, and V, the mean square
    around M, into V + m**2. (The derivative of that square is the last sum of dLdM; it is 0.)
    """
    e, p = expected, expected.parameters
    S, T = column_sum(e.dLdBZ * e.X)[0], column_sum(e.dLdBZ)[0]
    BW, root = p.BW[0], e.root[0]

    def from_NZ(row: int, NZ: Array) -> Array:
        rise: Array = e.dLdBZ[row] * (BW * NZ - BW * e.NZ[row])  # Bb is in both and drops out
        return rise

    def from_V(_: int, V: Array) -> Array:
        rise: Array = BW * S * change_of_reciprocal_root(V - e.V[0], root)
        return rise

    def from_M(_: int, m: Array) -> Array:
        moved = change_of_reciprocal_root(m**2, root)
        rise: Array = BW * (S * moved - m * T * (1 / root + moved))
        return rise

    def derivative(name: str, rise: Rise, points: Array, length: Array, noise: Array) -> Derivative:
        return differentiate(
            rise,
            points,
            length=length[0],
            unit=e.scales[name][0],
            noise=noise[0],
            formula=formula,
            smooth=np.ones_like(BW, bool),
        )

    of_entry = 4 * EPS * np.abs(p.BW) * e.largest_NZ * largest(e.dLdBZ)
    stages = {"dLdNZ": derivative("dLdNZ", from_NZ, e.NZ, e.largest_NZ, of_entry)}
    if e.eval:  # the loss does not depend on the mini-batch's statistics
        nothing = Derivative(np.zeros_like(e.V), np.zeros_like(e.V))
        return stages | {"dLdV": nothing, "dLdM": nothing}
    rounding = 8 * EPS * np.abs(p.BW) * np.sqrt(len(e.Z)) * e.scales["dLdBb"]
    return stages | {
        "dLdV": derivative("dLdV", from_V, e.V, e.V + p.eps, rounding),
        # The change of M is perturbed, not M: a large mean leaves few values beside it.
        "dLdM": derivative("dLdM", from_M, np.zeros_like(e.M), e.root, rounding),
    }

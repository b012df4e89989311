"""How large an error may be: the tolerance asked for, and the rounding that a right layer has."""

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import QUANTITIES, Loss
from bncheck.compare.comparison import Tolerance
from bncheck.reference.forward import Columns

RTOL = 1e-6
"""Default tolerance, in units of the column's scale."""

LARGEST_ACCEPTED = 1e-4
"""Rounding beyond this, in units of the column's scale, is not accepted unseen in float64 and
float32: a mistake of that size would pass with it."""

LARGEST_ACCEPTED_ROUNDINGS = 64
"""The same for types so coarse that even well-conditioned data lose more."""


def rounding_budget(N: int, condition: Array, eps: float) -> Array:
    """What rounding may do to a right layer's results, (1, C), in units of the column's scale.

    A layer that computes in a type of relative precision `eps` may lose eps times the size of the
    numbers that it subtracts, Z and its mean, in units of sqrt(V + eps): this is `condition`,
    (1, C). Over N rows such errors add up to sqrt(N) times as much where they are sums of N.
    """
    budget: Array = 2 * eps * np.sqrt(N) * (4 + condition)
    return budget


def tolerance_of(
    name: str, columns: Columns, eps: float, rtol: float, BZ_error: Array | None = None
) -> Tolerance:
    """The tolerance for a quantity of relative precision `eps`.

    Rounding is accepted on top of `rtol` up to a limit. An error that is larger, but not larger
    than rounding can explain, is neither accepted nor called a mistake.

    Parameters
    ----------
    name
        The quantity.
    columns
        What is known of the mini-batch.
    eps
        Relative precision of the type that it was computed in.
    rtol
        In units of the scale.
    BZ_error
        Largest error of the layer's BZ in each column, (1, C), in units of its scale, if known:
        what the layer lost in its forward bounds what it may have lost in its gradients.
    """
    budget = rounding_budget(columns.N, _condition(name, columns, eps, BZ_error), eps)
    limit = max(LARGEST_ACCEPTED, LARGEST_ACCEPTED_ROUNDINGS * eps)
    accepted = np.maximum(rtol, np.minimum(budget, limit))
    return Tolerance(accepted, np.maximum(rtol, budget))


def _condition(name: str, e: Columns, eps: float, BZ_error: Array | None) -> Array:
    """How many times its unit of length the numbers are that were subtracted, (1, C)."""
    nothing: Array = np.zeros_like(e.M)
    loss = QUANTITIES[name].loss if name in QUANTITIES else Loss.FORWARD
    if loss is Loss.NONE or (name == "dLdZ" and e.eval):
        return nothing
    if loss is Loss.OWN or BZ_error is None:
        return e.condition
    return np.minimum(e.condition, 4 * BZ_error / eps)

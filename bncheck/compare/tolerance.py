"""How large an error may be: the tolerance asked for, and the rounding that a right layer has."""

from dataclasses import dataclass

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import QUANTITIES, Loss
from bncheck.reference.forward import ReferenceForward

RTOL = 1e-6
"""Default tolerance, in units of the column's scale."""

LARGEST_ACCEPTED = 1e-4
"""Rounding beyond this, in units of the column's scale, is not accepted unseen in float64 and
float32: a mistake of that size would pass with it."""

LARGEST_ACCEPTED_ROUNDINGS = 64
"""The same for types so coarse that even well-conditioned data lose more."""


@dataclass(frozen=True, eq=False)
class Tolerance:
    """How large an error may be, in units of the column's scale.

    Attributes
    ----------
    accepted
        Errors up to here are accepted, (1, C).
    excusable
        Errors up to here may be the rounding of a right layer, (1, C); beyond it nothing excuses.
    """

    accepted: Array
    excusable: Array


def rounding_budget(N: int, condition: Array, eps: float) -> Array:
    """Return what rounding may do to a right layer's results, (1, C), in units of the scale.

    A layer that computes in a type of relative precision `eps` may lose eps times the size of the
    numbers that it subtracts, Z and its mean, in units of sqrt(V + eps): this is `condition`,
    (1, C). Over N rows such errors add up to sqrt(N) times as much where they are sums of N.
    """
    budget: Array = 2 * eps * np.sqrt(N) * (4 + condition)
    return budget


def tolerance_of(
    name: str,
    reference: ReferenceForward,
    eps: float,
    rtol: float,
    BZ_error: Array | None = None,
) -> Tolerance:
    """Return the tolerance for a quantity of relative precision `eps`.

    Rounding is accepted on top of `rtol` up to a limit. An error that is larger, but not larger
    than rounding can explain, is neither accepted nor called a mistake.

    Parameters
    ----------
    name
        The quantity.
    reference
        The definition's forward for the mini-batch.
    eps
        Relative precision of the type that it was computed in.
    rtol
        In units of the scale.
    BZ_error
        Largest error of the layer's BZ in each column, (1, C), in units of its scale, if known:
        what the layer lost in its forward bounds what it may have lost in its gradients.
    """
    budget = rounding_budget(reference.N, _condition(name, reference, eps, BZ_error), eps)
    limit = max(LARGEST_ACCEPTED, LARGEST_ACCEPTED_ROUNDINGS * eps)
    accepted = np.maximum(rtol, np.minimum(budget, limit))
    return Tolerance(accepted, np.maximum(rtol, budget))


def _condition(name: str, r: ReferenceForward, eps: float, BZ_error: Array | None) -> Array:
    """How many times its unit of length the numbers are that were subtracted, (1, C)."""
    nothing: Array = np.zeros_like(r.M)
    loss = QUANTITIES[name].loss if name in QUANTITIES else Loss.FORWARD
    if loss is Loss.NONE or (name == "dLdZ" and r.eval):
        return nothing
    if loss is Loss.OWN or BZ_error is None:
        return r.condition
    return np.minimum(r.condition, 4 * BZ_error / eps)

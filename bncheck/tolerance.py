"""How large an error may be: the tolerance asked for, and the rounding that a right layer has."""

import numpy as np

from bncheck.compare import Tolerance
from bncheck.definition import Array
from bncheck.expected import Expected

LARGEST_ACCEPTED = 1e-4
"""Rounding beyond this, in units of the column's scale, is not accepted unseen in float64 and
float32: a mistake of that size would pass with it."""

LARGEST_ACCEPTED_ROUNDINGS = 64
"""The same for types so coarse that even well-conditioned data lose more."""


def rounding_budget(expected: Expected, eps: float) -> Array:
    """What rounding may do to a right layer's results, (1, C), in units of the column's scale.

    A layer that computes in a type of relative precision `eps` may lose eps times the size of the
    numbers that it subtracts, Z and its mean, in units of sqrt(V + eps); over N rows such errors
    add up to sqrt(N) times as much where they are sums of N roundings.
    """
    budget: Array = 2 * eps * np.sqrt(len(expected.Z)) * (4 + expected.condition)
    return budget


def tolerance_of(expected: Expected, eps: float, rtol: float) -> Tolerance:
    """The tolerance for results of relative precision `eps`.

    Rounding is accepted on top of `rtol` up to a limit. An error that is larger, but not larger
    than rounding can explain, is neither accepted nor called a mistake.
    """
    budget = rounding_budget(expected, eps)
    limit = max(LARGEST_ACCEPTED, LARGEST_ACCEPTED_ROUNDINGS * eps)
    accepted = np.maximum(rtol, np.minimum(budget, limit))
    return Tolerance(accepted, np.maximum(rtol, budget))

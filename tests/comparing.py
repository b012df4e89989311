"""Comparisons of arrays that a test writes down."""

import numpy as np

from bncheck.compare.claims import Claim, compare
from bncheck.compare.comparison import Comparison
from bncheck.compare.tolerance import Tolerance
from bncheck.numdiff import Derivative


def compared(
    name: str,
    analytic: object,
    numeric: np.ndarray,
    *,
    scale: np.ndarray,
    uncertainty: object = 0.0,
    accepted: float = 1e-6,
    excusable: float = 1e-6,
    against: str = "",
    names: tuple[str, ...] | None = None,
) -> Comparison:
    """`analytic` against `numeric`; the uncertainty in units of the scale."""
    known_to = uncertainty * scale

    def right(rows: slice) -> Derivative:
        return Derivative(numeric[rows], known_to)

    tolerance = Tolerance(np.full(scale.shape, accepted), np.full(scale.shape, excusable))
    A = np.asarray(analytic)
    claim = Claim(name, A, right, numeric.shape, scale, tolerance, against=against)
    return compare(claim, names)

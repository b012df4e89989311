"""A layer's eps, read from its output where its code does not show it."""

from collections.abc import Callable

import numpy as np

from bncheck.arrays import Array

SPREADS = (1e-3, 1e-5)
"""Standard deviations of the inputs: so small that any usual eps shows beside their squares."""

AGREEMENT = 1e-3
"""Two readings of one eps agree to this; those of an eps at another place are far apart."""


def measure_eps(forward: Callable[..., Array], C: int) -> float | None:
    """What the forward adds to the variance under the root; None where that is not one number.

    In training mode with BW = 1 and Bb = 0, the mean square of the output is V / (V + eps) for any
    input of variance V.
    """
    readings = [_reading(forward, spread, C) for spread in SPREADS]
    first, second = readings
    if not (np.isfinite(first) and np.isfinite(second) and second > 0):
        return None
    if abs(first - second) > AGREEMENT * second:
        return None
    return float(f"{second:.3g}")


def _reading(forward: Callable[..., Array], spread: float, C: int) -> float:
    Z = np.repeat([[-spread], [spread], [-spread], [spread]], C, axis=1)
    ones = np.ones((1, C))
    BZ = forward(Z, eval=False, BW=ones, Bb=0 * ones)
    with np.errstate(all="ignore"):
        return float(spread**2 / np.mean(np.square(BZ)) - spread**2)

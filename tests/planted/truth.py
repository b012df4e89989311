"""What is right, from the formulas in sixty digits, and whether a layer's results are.

Shares no code with bncheck: the formulas are the definition's, in the order of the paper, on the
exact values of the layer's input.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from tests.planted.data import ALPHA, Array, Case

DIGITS = 60
WRONG_BEYOND = 1e-4
"""In units of the column's scale: from here on it is a mistake, whatever it comes from."""

RIGHT_WITHIN = 1e-9
WELL_CONDITIONED = 10
"""Mean over standard deviation up to which float32 is expected to give WRONG_BEYOND."""


class Status(Enum):
    RIGHT = "right"
    WRONG = "wrong"
    UNASKED = "unasked"
    """Neither a mistake nor free of rounding: no verdict is wrong."""


@dataclass(frozen=True)
class Truth:
    """True values by name, rounded to float64, and the unit of each column's errors, (1, C)."""

    values: Mapping[str, NDArray[np.float64]]
    scales: Mapping[str, NDArray[np.float64]]
    mean_over_std: float


PER_FEATURE = ("running_M", "running_V", "dLdBb", "dLdBW", "dLdV", "dLdM")
"""These may be (C,) in place of (1, C), or a scalar where C is 1."""

_exact = np.frompyfunc(lambda x: mpmath.mpf(float(x)), 1, 1)
_sqrt = np.frompyfunc(mpmath.sqrt, 1, 1)


def _sum(A: Array) -> Array:
    return A.sum(axis=0, keepdims=True)


def _largest(A: Array) -> Array:
    return abs(A).max(axis=0, keepdims=True)


@cache
def truth_of(case: Case) -> Truth:
    """The definition, forward and backward, on exact numbers."""
    with mpmath.workdps(DIGITS):
        values, scales, mean_over_std = _apply_definition(case)
    return Truth(_rounded(values), _rounded(scales), float(mean_over_std.max()))


def _apply_definition(case: Case) -> tuple[dict[str, Array], dict[str, Array], Array]:
    Z, dLdBZ = _exact(case.Z), _exact(case.dLdBZ)
    BW, Bb, old_M, old_V = (
        _exact(case.state[name]) for name in ("BW", "Bb", "running_M", "running_V")
    )
    alpha, eps, N = mpmath.mpf(ALPHA), mpmath.mpf(case.eps), len(Z)
    training = case.mode == "train"

    batch_M = _sum(Z) / N
    batch_V = _sum((Z - batch_M) ** 2) / N
    M, V = (batch_M, batch_V) if training else (old_M, old_V)
    root = _sqrt(V + eps)
    NZ = (Z - M) / root
    running_M = alpha * old_M + (1 - alpha) * batch_M if training else old_M
    running_V = alpha * old_V + (1 - alpha) * batch_V if training else old_V

    dLdNZ = dLdBZ * BW
    dLdV = -_sum(dLdNZ * (Z - M)) / (2 * root**3) if training else 0 * V
    dLdM = -_sum(dLdNZ) / root if training else 0 * M
    values = {
        "BZ": BW * NZ + Bb,
        "running_M": running_M,
        "running_V": running_V,
        "dLdBb": _sum(dLdBZ),
        "dLdBW": _sum(dLdBZ * NZ),
        "dLdNZ": dLdNZ,
        "dLdV": dLdV,
        "dLdM": dLdM,
        "dLdZ": dLdNZ / root + 2 * dLdV * (Z - M) / N + dLdM / N,
    }
    size, upstream = abs(BW), _largest(dLdBZ)
    of_Bb = _sqrt(_sum(dLdBZ**2))
    of_BW = _sqrt(_sum(dLdBZ**2 * (1 + NZ**2)))
    scales = {
        "BZ": size * np.maximum(_largest(NZ), 1) + abs(Bb),
        "running_M": alpha * abs(old_M) + (1 - alpha) * (abs(batch_M) + _sqrt(batch_V + eps)),
        "running_V": alpha * old_V + (1 - alpha) * (batch_V + eps),
        "dLdBb": of_Bb,
        "dLdBW": of_BW,
        "dLdNZ": size * upstream,
        "dLdV": size / root**2 * of_BW / 2,
        "dLdM": size / root * of_Bb,
        "dLdZ": size / root * upstream,
    }
    return values, scales, abs(batch_M) / _sqrt(batch_V + eps)


def _rounded(exact: dict[str, Array]) -> dict[str, NDArray[np.float64]]:
    return {name: A.astype(np.float64) for name, A in exact.items()}


def error_of(name: str, claimed: NDArray[Any], truth: Truth) -> float:
    """Largest error in units of the column's scale; infinite for a wrong shape or a NaN."""
    true, scale = truth.values[name], truth.scales[name]
    shapes = {true.shape}
    if name in PER_FEATURE:
        shapes |= {(true.size,), () if true.size == 1 else true.shape}
    if claimed.shape not in shapes:
        return np.inf
    with np.errstate(all="ignore"):
        error = np.abs(claimed.astype(float).reshape(true.shape) - true)
        relative = np.where(error == 0, 0, error / scale)
    return float(np.where(np.isnan(relative), np.inf, relative).max())


def status_of(results: Mapping[str, NDArray[Any]] | None, case: Case) -> Status:
    """Whether a layer's results are right; None stands for a layer that raised.

    float32 is right within WRONG_BEYOND, on data that it can handle.
    """
    truth = truth_of(case)
    coarse = case.Z.dtype == np.float32
    if coarse and truth.mean_over_std > WELL_CONDITIONED:
        return Status.UNASKED
    if results is None:
        return Status.WRONG
    error = max(error_of(name, claimed, truth) for name, claimed in results.items())
    if error > WRONG_BEYOND:
        return Status.WRONG
    return Status.RIGHT if coarse or error <= RIGHT_WITHIN else Status.UNASKED

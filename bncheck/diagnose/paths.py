"""dLdZ as a sum of its direct, its variance and its mean path, each with a factor of its own.

In training mode dLdZ is 1 times each. A mistake in one of them is a factor before it, and the
factors are found by least squares: the fit is exact for every mistake of this kind.
"""

from typing import NamedTuple

import numpy as np

from bncheck.arrays import Array, Mask
from bncheck.diagnose.evidence import Evidence, Explanation
from bncheck.diagnose.factors import fitting_factors
from bncheck.reference.sums import column_sum, largest

PATHS = ("direct", "variance", "mean")

SMALLEST_ANGLE = 1e-4
"""Columns whose three paths are nearer than this to one plane cannot be split: two rows, say."""


def dLdV_from(dLdNZ: Array, X: Array, root: Array) -> Array:
    """Return dLdV, (1, C), for X = Z - M, (N, C), and root = sqrt(V + eps), (1, C)."""
    dLdV: Array = -0.5 * column_sum(dLdNZ * (X / root)) / root**2
    return dLdV


def dLdM_from(dLdNZ: Array, root: Array) -> Array:
    """Return dLdM, (1, C), for root = sqrt(V + eps), (1, C)."""
    return -column_sum(dLdNZ) / root


def paths_from(dLdNZ: Array, dLdV: Array, dLdM: Array, X: Array, root: Array) -> Array:
    """Return the three paths, (3, N, C), of which dLdZ is the sum."""
    N = len(X)
    return np.stack([dLdNZ / root, 2 * dLdV * X / N, np.broadcast_to(dLdM / N, X.shape)])


class Split(NamedTuple):
    """dLdZ split into its paths.

    Attributes
    ----------
    coefficients
        Of the three paths, (3, C).
    resolution
        What they are known to, (1, C).
    columns
        In which the split means something, (1, C).
    """

    coefficients: Array
    resolution: Array
    columns: Mask


@np.errstate(all="ignore")
def split_paths(evidence: Evidence) -> Split | None:
    """Find the factors of the three paths in each column; None where dLdZ is no such sum."""
    r, dLdZ = evidence.reference, evidence.analytic
    if r.N < len(PATHS):
        return None
    dLdNZ, X = r.dLdBZ[:] * r.parameters.BW, r.X()
    paths = paths_from(dLdNZ, dLdV_from(dLdNZ, X, r.root), dLdM_from(dLdNZ, r.root), X, r.root)
    norms = np.sqrt((paths**2).sum(axis=1))
    units = (paths / np.where(norms > 0, norms, 1)[:, None]).transpose(2, 1, 0)
    U, sines, W = np.linalg.svd(units, full_matrices=False)  # of each column
    solved = W.transpose(0, 2, 1) @ (U.transpose(0, 2, 1) @ dLdZ.T[..., None] / sines[..., None])
    columns = sines[:, -1] > SMALLEST_ANGLE
    coefficients = np.where(columns, solved[..., 0].T / norms, 0)
    rest = largest(dLdZ - (coefficients[:, None] * paths).sum(axis=0))
    size = evidence.resolution * (evidence.scale + largest(dLdZ))
    if not columns.any() or not (rest <= 10 * size)[:, columns].all():
        return None
    resolution = 5 * size * np.sqrt(r.N) / norms.min(axis=0) / sines[:, -1]
    return Split(coefficients, resolution, columns[None])


def explain_by_paths(evidence: Evidence) -> list[Explanation]:
    """Return what is wrong with dLdZ in training mode, if it is one factor before some paths.

    Factors that differ explain nothing: they fit by chance more often than two mistakes are made.
    """
    fit, r = split_paths(evidence), evidence.reference
    if fit is None:
        return []
    found = {
        path: fitting_factors(each[None], fit.columns, r, fit.resolution, entries=r.N)
        for path, each in zip(PATHS, fit.coefficients, strict=True)
    }
    # By path, the code of each factor by its words.
    wrong = {
        path: {factor.words: factor.code for factor in factors}
        for path, factors in found.items()
        if not factors or factors[0].code != "one"
    }
    explanations = []
    for words in next(iter(wrong.values()), ()):
        codes = {path: each[words] for path, each in wrong.items() if words in each}
        if len(codes) < len(wrong):
            continue
        code = "-".join(f"{path}-path-{code}" for path, code in codes.items())
        names = " and ".join(codes)
        where = (f"the {names} path of", f"each of the {names} paths of", "each path of")
        subject = f"{where[len(codes) - 1]} {evidence.label}"
        if len(codes) == len(PATHS) and len(set(codes.values())) == 1:
            code, subject = f"dLdZ-{codes['direct']}", evidence.label
        explanations.append(Explanation(code, f"{subject} {words}{_numbers(fit)}"))
    return explanations


def _numbers(fit: Split) -> str:
    """The coefficients, where they are the same in all columns; else their ranges."""
    count = int(fit.columns.sum())
    where = "the feature" if count == 1 else f"all {count} features"
    parts = []
    for path, each in zip(PATHS, fit.coefficients, strict=True):
        values = np.round(each[fit.columns[0]], 3) + 0.0  # -0 becomes 0
        low, high = f"{values.min():.3f}", f"{values.max():.3f}"
        parts.append(f"{path} {low}" if low == high else f"{path} {low} … {high}")
    return f": fitted {', '.join(parts)} in {where}"

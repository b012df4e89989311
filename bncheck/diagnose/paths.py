"""dLdZ as a sum of its direct, its variance and its mean path, each with a factor of its own.

In training mode dLdZ is 1 times each. A mistake in one of them is a factor before it, and the
factors are found by least squares: the fit is exact for every mistake of this kind.
"""

from dataclasses import dataclass

import numpy as np

from bncheck.arrays import Array, Mask
from bncheck.batchnorm.quantities import formula_of
from bncheck.diagnose.evidence import Evidence, Explanation
from bncheck.diagnose.factors import Factor, fitting
from bncheck.reference.forward import ReferenceForward
from bncheck.reference.sums import column_mean, column_sum

PATHS = ("direct", "variance", "mean")

SMALLEST_ANGLE = 1e-4
"""Columns whose three paths are nearer than this to one plane cannot be split: two rows, say."""


@dataclass(frozen=True, eq=False)
class Split:
    """dLdZ split into its paths.

    Attributes
    ----------
    coefficients
        Of the three paths, (3, C).
    resolution
        What they are known to, (1, C).
    columns
        In which the split means something, (1, C).
    exact
        Whether the paths with these coefficients are all of dLdZ in these columns.
    """

    coefficients: Array
    resolution: Array
    columns: Mask
    exact: bool


def paths_of(e: ReferenceForward, X: Array, root: Array) -> Array:
    """The three paths, (3, N, C), for centred columns X, (N, C), and sqrt(V + eps), (1, C)."""
    dLdNZ = e.dLdBZ[:] * e.parameters.BW
    NZ = X / root
    direct = dLdNZ / root
    variance = -NZ * column_mean(dLdNZ * NZ) / root
    mean = np.broadcast_to(-column_mean(dLdNZ) / root, direct.shape)
    return np.stack([direct, variance, mean])


def split(analytic: Array, paths: Array, scale: Array, resolution: float) -> Split:
    """Find the factors of the three paths in each column by least squares.

    Parameters
    ----------
    analytic
        dLdZ, (N, C).
    paths
        (3, N, C).
    scale
        Of dLdZ, (1, C).
    resolution
        Relative to the scale, errors up to here are rounding.
    """
    norms = np.sqrt((paths**2).sum(axis=1))
    units = (paths / np.where(norms > 0, norms, 1)[:, None]).transpose(2, 1, 0)
    told = np.zeros(scale.shape[1], bool)
    smallest: Array = np.zeros(scale.shape[1])
    if len(analytic) >= len(PATHS):
        smallest = np.linalg.svd(units, compute_uv=False)[:, -1].astype(float)
        told = smallest > SMALLEST_ANGLE
    coefficients = np.zeros_like(norms)
    if told.any():
        Q, R = np.linalg.qr(units[told])
        sides = Q.transpose(0, 2, 1) @ analytic.T[told][..., None]
        coefficients[:, told] = np.linalg.solve(R, sides)[..., 0].T / norms[:, told]
    rest = np.abs(analytic - (coefficients[:, None] * paths).sum(axis=0))
    size = scale + np.abs(analytic).max(axis=0)
    exact = bool(told.any()) and bool((rest <= 10 * resolution * size)[:, told].all())
    with np.errstate(all="ignore"):
        known_to = 5 * resolution * size * np.sqrt(len(analytic)) / norms.min(axis=0) / smallest
    return Split(coefficients, known_to, told[None], exact)


def explain_training(evidence: Evidence, label: str = "dLdZ") -> list[Explanation]:
    """What is wrong with dLdZ in training mode, as far as it is a factor before a path."""
    e = evidence.reference
    fit = split(evidence.analytic, paths_of(e, e.X(), e.root), evidence.scale, evidence.resolution)
    if not fit.exact:
        return []
    found = [
        fitting(each[None], fit.columns, e, fit.resolution, entries=e.N)
        for each in fit.coefficients
    ]
    if not all(found):
        return []
    numbers = _numbers(fit)
    common = [f for f in found[0] if all(f.code in {g.code for g in each} for each in found[1:])]
    common = [factor for factor in common if factor.code != "one"]
    if common:
        return [_of_all(label, factor, numbers, e) for factor in common]
    wrong = [(path, each) for path, each in zip(PATHS, found, strict=True) if each[0].code != "one"]
    if not wrong:  # off by less than can be told
        return []
    if len(wrong) == 1:
        path, alternatives = wrong[0]
        return [_of_path(label, path, factor, numbers, e) for factor in alternatives]
    if len({each[0].code for _, each in wrong}) > 1 and not _are_of_eps(wrong):
        return []  # two different mistakes that fit by chance are less likely than one unknown
    words = " and ".join(f"the {path} path {each[0].words}" for path, each in wrong)
    code = "-".join(f"{path}-path-{each[0].code}" for path, each in wrong)
    return [Explanation(code, f"of {label} {words}{numbers}", formula_of("dLdZ", eval=e.eval))]


def _are_of_eps(wrong: list[tuple[str, list[Factor]]]) -> bool:
    return all(each[0].code.startswith("eps-missing") for _, each in wrong)


def _of_all(label: str, factor: Factor, numbers: str, e: ReferenceForward) -> Explanation:
    code = f"{label}-{factor.code}"
    return Explanation(code, f"{label} {factor.words}{numbers}", formula_of("dLdZ", eval=e.eval))


def _of_path(
    label: str, path: str, factor: Factor, numbers: str, e: ReferenceForward
) -> Explanation:
    code = f"{path}-path-{factor.code}"
    message = f"the {path} path of {label} {factor.words}{numbers}"
    return Explanation(code, message, formula_of("dLdZ", eval=e.eval))


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


def with_statistics(e: ReferenceForward, X: Array, root: Array) -> dict[str, list[Array]]:
    """The training formulas with other statistics: dLdV, dLdM, dLdZ, each as it may be written.

    With these the last sum of dLdM need not be 0: once it is left out, once it is there.
    """
    N, dLdNZ = e.N, e.dLdBZ[:] * e.parameters.BW
    dLdV = -0.5 * column_sum(dLdNZ * X) / root**3
    without = -column_sum(dLdNZ) / root
    dLdM = [without, without - 2 * dLdV * column_sum(X) / N]
    direct = dLdNZ / root + 2 * dLdV * X / N
    return {"dLdV": [dLdV], "dLdM": dLdM, "dLdZ": [direct + each / N for each in dLdM]}


def explain_by_statistics(evidence: Evidence, numeric: Array) -> list[Explanation]:
    """The training formulas of dLdV, dLdM and dLdZ with statistics that are not meant."""
    e, p = evidence.reference, evidence.reference.parameters
    formula = formula_of(evidence.name, eval=e.eval)
    of_batch = ("batch", "the statistics of the mini-batch", e.Z[:] - e.M, np.sqrt(e.V + p.eps))
    of_running = [
        ("running", "the running statistics", e.Z[:] - M, np.sqrt(V + p.eps))
        for M, V in ((p.running_M, p.running_V), (e.running_M, e.running_V))
    ]
    for code, words, X, root in [of_batch, *of_running] if e.eval else of_running:
        forms = with_statistics(e, X, root)[evidence.name]
        if not any(evidence.is_equal(form, numeric) for form in forms):
            continue
        if e.eval:
            message = (
                f"{evidence.label} is that of the training formula, with {words}; in inference "
                "mode the statistics are constants and only the direct path is left"
            )
            return [Explanation(f"training-formula-{code}", message, formula)]
        message = f"{evidence.label} has {words}, where the mini-batch's are meant"
        return [Explanation("running-in-backward", message, formula)]
    return []


def explain_inference(evidence: Evidence) -> list[Explanation]:
    """What is wrong with dLdZ in inference mode, as far as it is a factor."""
    e = evidence.reference
    formula = formula_of("dLdZ", eval=True)
    numeric = e.dLdBZ[:] * e.parameters.BW / e.root
    if evidence.is_equal(e.dLdBZ[:] * e.parameters.BW / np.sqrt(e.V + e.parameters.eps), numeric):
        message = "dLdZ is divided by the root of the mini-batch's variance, not the running one"
        return [Explanation("inference-batch-variance", message, formula)]
    with np.errstate(all="ignore"):
        ratios = column_sum(evidence.analytic * numeric) / column_sum(numeric * numeric)
    columns = (evidence.scale > 0) & np.isfinite(ratios)
    known = np.full_like(ratios, 100 * evidence.resolution)
    straight = evidence.is_equal(np.where(columns, ratios, 0) * numeric, numeric)
    if not straight:
        return []
    return [
        Explanation(f"dLdZ-{factor.code}", f"dLdZ {factor.words}", formula)
        for factor in fitting(ratios, columns, e, known, entries=evidence.analytic.size)
        if factor.code != "one"
    ]

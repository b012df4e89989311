"""dLdNZ, dLdV and dLdM: wrong by a factor, or a consequence of a wrong one before them."""

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import QUANTITIES, formula_of
from bncheck.diagnose.evidence import Evidence, Explanation
from bncheck.diagnose.factors import fitting
from bncheck.reference.sums import column_sum


def explain_by_factor(evidence: Evidence, numeric: Array) -> list[Explanation]:
    """What the factor between the analytic and the numeric values says."""
    e = evidence.reference
    with np.errstate(all="ignore"):
        size = column_sum(numeric * numeric)
        ratios = column_sum(evidence.analytic * numeric) / size
        columns = (size > 0) & np.isfinite(ratios) & (evidence.scale > 0)
        known_to = 30 * evidence.resolution * evidence.scale / np.abs(numeric).max(axis=0)
    if not evidence.is_equal(np.where(columns, ratios, 0) * numeric, numeric):
        return []
    return [
        Explanation(
            f"{evidence.name}-{factor.code}",
            f"{evidence.label} {factor.words}",
            formula_of(evidence.name, eval=e.eval),
        )
        for factor in fitting(
            ratios, columns, e, known_to.reshape(1, -1), entries=evidence.analytic.size
        )
        if factor.code != "one"
    ]


def is_consequence(evidence: Evidence) -> bool:
    """Whether the values follow from the analytic ones before them by the right formula."""
    e, given = evidence.reference, evidence.others
    if e.eval or not all(name in given for name in QUANTITIES[evidence.name].follows):
        return False
    N = e.N
    if evidence.name == "dLdV":
        follows = -0.5 * column_sum(given["dLdNZ"] * e.X()) / e.root**3
    elif evidence.name == "dLdM":
        follows = -column_sum(given["dLdNZ"]) / e.root
    else:
        direct = given["dLdNZ"] / e.root
        follows = direct + given["dLdV"] * 2 * e.X() / N + given["dLdM"] / N
    error = np.abs(evidence.analytic - follows)
    size = evidence.scale + np.abs(follows).max(axis=0)
    return bool((error <= 10 * evidence.resolution * np.sqrt(N) * size).all())

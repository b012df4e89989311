"""dLdNZ, dLdV and dLdM: wrong by a factor, or a consequence of a wrong one before them."""

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.formulas import column_sum
from bncheck.batchnorm.quantities import QUANTITIES, formula_of
from bncheck.diagnose.evidence import Evidence, Explanation
from bncheck.diagnose.factors import fitting


def explain_by_factor(evidence: Evidence, true: Array) -> list[Explanation]:
    """What the factor between the claimed and the true values says."""
    e = evidence.expected
    with np.errstate(all="ignore"):
        size = column_sum(true * true)
        ratios = column_sum(evidence.claimed * true) / size
        columns = (size > 0) & np.isfinite(ratios) & (evidence.scale > 0)
        known_to = 30 * evidence.resolution * evidence.scale / np.abs(true).max(axis=0)
    if not evidence.is_equal(np.where(columns, ratios, 0) * true, true):
        return []
    return [
        Explanation(
            f"{evidence.name}-{factor.code}",
            f"{evidence.label} {factor.words}",
            formula_of(evidence.name, eval=e.eval),
        )
        for factor in fitting(
            ratios, columns, e, known_to.reshape(1, -1), entries=evidence.claimed.size
        )
        if factor.code != "one"
    ]


def is_consequence(evidence: Evidence) -> bool:
    """Whether the claimed values follow from the claimed ones before them by the right formula."""
    e, given = evidence.expected, evidence.others
    if e.eval or not all(name in given for name in QUANTITIES[evidence.name].follows):
        return False
    N = len(e.Z)
    if evidence.name == "dLdV":
        follows = -0.5 * column_sum(given["dLdNZ"] * e.X) / e.root**3
    elif evidence.name == "dLdM":
        follows = -column_sum(given["dLdNZ"]) / e.root
    else:
        direct = given["dLdNZ"] / e.root
        follows = direct + given["dLdV"] * 2 * e.X / N + given["dLdM"] / N
    error = np.abs(evidence.claimed - follows)
    size = evidence.scale + np.abs(follows).max(axis=0)
    return bool((error <= 10 * evidence.resolution * np.sqrt(N) * size).all())

"""Why a check is inconclusive, and what would make it conclusive."""

import math

from bncheck.compare.comparison import Comparison, Verdict
from bncheck.reference.forward import ReferenceForward
from bncheck.report.model import Note

LARGE_OFFSET = 1e6
"""From here on, values beside their spread are what limits a float64."""


def reason_for_doubt(
    check: Comparison, reference: ReferenceForward, precision: float, *, agrees: bool
) -> Note | None:
    """The reason why `check` is inconclusive; None where it is not.

    Parameters
    ----------
    check
        The comparison.
    reference
        What is known of the mini-batch's columns.
    precision
        The relative precision of the type that the layer computes in.
    agrees
        Whether the layer's forward is the definition's in the column concerned.
    """
    if check.verdict is not Verdict.INCONCLUSIVE or check.worst is None:
        return None
    worst = check.worst
    feature = worst.name or f"feature {worst.feature}"
    condition = float(reference.condition[0, worst.feature])
    enough = _round_up(worst.rel_error + worst.uncertainty)
    remedy = f"pass --rtol {enough:.0e} to accept what can be known"
    if worst.rel_error > worst.uncertainty:
        fact = (
            f"{check.name} of {feature} is off by {worst.rel_error:.1e} of its scale, "
            "which may be rounding or a mistake"
        )
    else:
        fact = (
            f"{check.name} of {feature} can be known only to {worst.uncertainty:.0e} of its scale"
        )
    if condition * precision > LARGE_OFFSET * 2.0**-52:
        why = f"its values are {condition:.0e} times their spread, which uses up their digits"
        remedy = f"subtract a constant from the column before checking, or {remedy}"
    elif precision > 2.0**-52:
        why = "the layer computes in a type of few digits"
        remedy = f"check it in float64, or {remedy}"
    elif not agrees:
        why = "the layer's forward, which is not the definition's, is noisy"
        remedy = f"mend the forward first, or {remedy}"
    else:
        why = "the tolerance is finer than the numbers"
    return Note("inconclusive", check.name, f"{fact}: {why}; {remedy}")


def _round_up(x: float) -> float:
    """The next number above with one digit."""
    if not (math.isfinite(x) and x > 0):
        return 1.0
    unit = 10.0 ** math.floor(math.log10(x))
    return math.ceil(x / unit * 1.001) * unit

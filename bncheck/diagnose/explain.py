"""From wrong quantities to notes that say what is wrong with them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import QUANTITIES
from bncheck.compare.claims import Claim, quantity_of
from bncheck.compare.comparison import Comparison, Verdict
from bncheck.compare.tolerance import tolerance_of
from bncheck.diagnose.evidence import Evidence, Explanation
from bncheck.diagnose.intermediates import explain_by_factor, is_consequence
from bncheck.diagnose.known_mistakes import ALTERNATIVES, explain_by_alternatives
from bncheck.diagnose.paths import explain_by_statistics, explain_inference, explain_training
from bncheck.layers.source import Line
from bncheck.reference.forward import ReferenceForward
from bncheck.report.model import Note

FINEST = 1e-6
"""Factors and alternatives are told apart to this, in units of the scale, where rounding allows."""

UNEXPLAINED = "unexplained"

EQUALLY = "or, which these data cannot tell from it"

Where = Callable[[str], Line | None]
"""The line that computes a quantity, where that is known."""


def explain(
    claims: Sequence[Claim],
    checks: Sequence[Comparison],
    precision: float,
    BZ_error: Array | None,
    where: Where,
) -> Iterator[Note]:
    """Notes on every check that failed, as far as it could be compared.

    Parameters
    ----------
    claims, checks
        What was compared, and what came out, in the same order.
    precision
        Relative precision of the type that the layer computes in.
    BZ_error
        As in `tolerance_of`.
    where
        Gives the line of a quantity.

    Notes
    -----
    A wrong forward is explained alone: what its gradients are compared with is not the definition.
    """
    failed = [
        (claim, check)
        for claim, check in zip(claims, checks, strict=True)
        if check.verdict is Verdict.FAIL
        and check.entries is not None
        and claim.reference is not None
    ]
    if not failed:
        return
    names = [check.name for _, check in failed]
    if "BZ" in names:
        failed = [each for each in failed if not each[1].name.startswith("dLd")]
    others = {
        check.name: check.entries.analytic.astype(float)
        for check in checks
        if check.entries is not None
    }
    told: set[str] = set()
    in_the_dark = False
    for claim, check in failed:
        evidence = _evidence(claim, check, others, precision, BZ_error)
        for note in _notes(evidence, check, names, where):
            # One mistake can make several quantities wrong; that nothing is known is said once.
            if note.message in told or (note.code == UNEXPLAINED and in_the_dark):
                continue
            told.add(note.message)
            in_the_dark |= note.code == UNEXPLAINED or check.name == "BZ"
            yield note


def _evidence(
    claim: Claim,
    check: Comparison,
    others: Mapping[str, Array],
    precision: float,
    BZ_error: Array | None,
) -> Evidence:
    assert check.entries is not None
    assert claim.reference is not None
    tolerance = float(
        tolerance_of(
            quantity_of(claim.name), claim.reference, precision, FINEST, BZ_error
        ).accepted.max()
    )
    return Evidence(
        name=quantity_of(claim.name),
        label=claim.name,
        analytic=check.entries.analytic.astype(float),
        reference=claim.reference,
        others=others,
        resolution=tolerance,
    )


def _notes(
    evidence: Evidence, check: Comparison, failed: Sequence[str], where: Where
) -> Iterator[Note]:
    lost = int((~np.isfinite(evidence.analytic)).sum())
    if lost:
        message = (
            f"{lost} of the {evidence.analytic.size} entries of {evidence.label} are no numbers"
        )
        yield Note("not-finite", evidence.label, message, None, *_place(evidence, None, where))
        return
    before = [name for name in QUANTITIES[evidence.name].follows if name in failed]
    if before and is_consequence(evidence):
        message = f"{evidence.label} follows rightly from a wrong {before[0]}: look there first"
        yield Note("consequence", evidence.label, message)
        return
    found = explanations(evidence, _true(check))
    if not found:
        message = f"no known mistake explains {evidence.label}: look at its worst entries"
        yield Note(UNEXPLAINED, evidence.label, message, None, *_place(evidence, None, where))
    for index, each in enumerate(found):
        message = each.message if index == 0 else f"{EQUALLY}: {each.message}"
        place = _place(evidence, each.at, where)
        yield Note(each.code, evidence.label, message, each.meant, *place)


def _place(evidence: Evidence, at: str | None, where: Where) -> tuple[str, str] | tuple[None, None]:
    """File and line, and the line's text."""
    # A line that assigns BZ need not be that of the inference mode.
    line = None if "_eval" in evidence.label else where(at or evidence.name)
    return (line.place, line.text) if line else (None, None)


def _true(check: Comparison) -> Array:
    assert check.entries is not None
    return check.entries.numeric


def explanations(evidence: Evidence, numeric: Array) -> list[Explanation]:
    """Every explanation that fits the evidence equally well."""
    e: ReferenceForward = evidence.reference
    if evidence.name in ALTERNATIVES:
        return explain_by_alternatives(evidence, numeric) or explain_by_factor(evidence, numeric)
    if evidence.name in ("dLdV", "dLdM", "dLdZ"):
        found = explain_by_statistics(evidence, numeric)
        if found:
            return found
    if evidence.name != "dLdZ":
        return explain_by_factor(evidence, numeric)
    return explain_inference(evidence) if e.eval else explain_training(evidence)

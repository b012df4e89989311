"""From quantities that failed to notes that say what is wrong with them."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import QUANTITIES, formula_of
from bncheck.compare.claims import Claim, quantity_of
from bncheck.compare.comparison import Comparison, Verdict
from bncheck.compare.tolerance import tolerance_of
from bncheck.diagnose.evidence import Evidence, Explanation
from bncheck.diagnose.factors import explain_by_factor
from bncheck.diagnose.known_mistakes import explain_by_known_mistakes
from bncheck.diagnose.paths import dLdM_from, dLdV_from, explain_by_paths, paths_from
from bncheck.layers.source import Line
from bncheck.report.model import Note

FINEST = 1e-6
"""Explanations are told apart to this, in units of the scale, where rounding allows."""

UNEXPLAINED = "unexplained"
EQUALLY = "or, which fits these data equally well"
"""Introduces every explanation of a quantity but the first."""

LineOf = Callable[[str], Line | None]
"""The line that computes a quantity, where that is known."""


def explain(
    judged: Sequence[tuple[Claim, Comparison]],
    precision: float,
    BZ_error: Array | None,
    line_of: LineOf,
) -> Iterator[Note]:
    """Yield notes on every check that failed, as far as it could be compared.

    Parameters
    ----------
    judged
        What was compared, and what came out.
    precision
        Relative precision of the type that the layer computes in.
    BZ_error
        As in `tolerance_of`.
    line_of
        Gives the line of a quantity.

    Notes
    -----
    A wrong forward is explained alone: what its gradients are compared with is not the definition.
    """
    results = {
        check.name: np.asarray(check.entries.analytic, float)
        for _, check in judged
        if check.entries is not None
    }
    found = [_evidence(claim, check, precision, BZ_error) for claim, check in judged]
    failed = {evidence.label: evidence for evidence in found if evidence is not None}
    said: set[str] = set()
    for label, evidence in failed.items():
        if "BZ" in failed and label.startswith("dLd"):
            continue
        for note in _notes(evidence, results, failed, line_of):
            # One mistake can make several quantities wrong; that nothing is known is said once.
            key = UNEXPLAINED if note.code == UNEXPLAINED else note.message
            if key not in said:
                yield note
            said.add(key)
        if evidence.name == "BZ":  # which may be why others are wrong
            said.add(UNEXPLAINED)


def _evidence(
    claim: Claim, check: Comparison, precision: float, BZ_error: Array | None
) -> Evidence | None:
    """The evidence against a quantity that failed, if it was compared with the definition."""
    r, entries = claim.reference, check.entries
    if check.verdict is not Verdict.FAIL or entries is None or r is None:
        return None
    tolerance = tolerance_of(quantity_of(claim.name), r, precision, FINEST, BZ_error)
    return Evidence(
        label=claim.name,
        analytic=np.asarray(entries.analytic, float),
        numeric=entries.numeric,
        reference=r,
        resolution=float(tolerance.accepted.max()),
    )


def _notes(
    evidence: Evidence, results: Mapping[str, Array], failed: Container[str], line_of: LineOf
) -> Iterator[Note]:
    label, eval_mode = evidence.label, evidence.reference.eval

    def note(code: str, message: str, formula: str | None, quantity: str) -> Note:
        # A line that assigns BZ need not be that of the inference mode.
        line = None if "_eval" in label else line_of(quantity)
        place = (line.place, line.text) if line else ()
        return Note(code, label, message, formula, *place)

    lost = int((~np.isfinite(evidence.analytic)).sum())
    if lost:
        verb = "is" if lost == 1 else "are"
        message = f"{lost} of the {evidence.analytic.size} entries of {label} {verb} not finite"
        yield note("not-finite", message, None, evidence.name)
        return
    before = [name for name in QUANTITIES[evidence.name].follows if name in failed]
    if before and follows_from(evidence, results):
        message = f"{label} is wrong only because {before[0]} is: fix that first"
        yield Note("consequence", label, message)
        return
    found = find_explanations(evidence)
    if not found:
        message = f"no known mistake explains {label}: look at its worst entries"
        yield note(UNEXPLAINED, message, None, evidence.name)
    for index, (code, words, at) in enumerate(found):
        quantities = at or [evidence.name]
        formula = "; ".join(formula_of(name, eval=eval_mode) for name in quantities)
        message = words if index == 0 else f"{EQUALLY}: {words}"
        yield note(code, message, formula, quantities[0])


def find_explanations(evidence: Evidence) -> list[Explanation]:
    """Return every explanation that fits the evidence equally well."""
    found = explain_by_known_mistakes(evidence)
    if not found and evidence.name == "dLdZ" and not evidence.reference.eval:
        found = explain_by_paths(evidence)
    return found or explain_by_factor(evidence)


def follows_from(evidence: Evidence, results: Mapping[str, Array]) -> bool:
    """Tell whether dLdV, dLdM or dLdZ is right, given the layer's own results before it."""
    r = evidence.reference
    if r.eval or not all(name in results for name in QUANTITIES[evidence.name].follows):
        return False
    dLdNZ, X = results["dLdNZ"], r.X()
    if evidence.name == "dLdV":
        expected = dLdV_from(dLdNZ, X, r.root)
    elif evidence.name == "dLdM":
        expected = dLdM_from(dLdNZ, r.root)
    else:
        expected = paths_from(dLdNZ, results["dLdV"], results["dLdM"], X, r.root).sum(axis=0)
    size = evidence.scale + np.abs(expected).max(axis=0)
    error = np.abs(evidence.analytic - expected)
    return bool((error <= 10 * evidence.resolution * np.sqrt(r.N) * size).all())

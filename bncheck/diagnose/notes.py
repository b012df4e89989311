"""Notes on checks besides explanations: why one is inconclusive, or nothing could be compared."""

import math
from collections.abc import Iterator, Sequence

from bncheck.arrays import EPS, Mask
from bncheck.batchnorm.quantities import formula_of, is_per_feature
from bncheck.compare.claims import Claim, quantity_of
from bncheck.compare.comparison import Comparison, Verdict
from bncheck.reference.forward import ReferenceForward
from bncheck.report.model import Note

LARGE_OFFSET = 1e6
"""Values that are so many times their spread use up the digits of a float64."""

Shape = tuple[int, ...]


def remarks_on(
    judged: Sequence[tuple[Claim, Comparison]],
    reference: ReferenceForward,
    precision: float,
    agrees: Mask,
) -> Iterator[Note]:
    """Yield the reasons for what is inconclusive or could not be compared, and notes on shapes.

    Parameters
    ----------
    judged
        What was compared, and what came out.
    reference
        The definition's forward.
    precision
        Relative precision of the type that the layer computes in.
    agrees
        Columns, (1, C), in which the layer's forward is the definition's.
    """
    for claim, check in judged:
        if check.compared == 0:
            yield from _uncompared(claim, check, reference)
        elif check.verdict is Verdict.INCONCLUSIVE:
            yield reason_for_doubt(check, reference, precision, agrees)
    yield from _flat_shapes([check for _, check in judged], reference.M.shape)


def reason_for_doubt(
    check: Comparison, reference: ReferenceForward, precision: float, agrees: Mask
) -> Note:
    """Return why a check is inconclusive, and what would make it conclusive."""
    worst = check.worst
    assert worst is not None
    what = f"{check.name} of {worst.name or f'feature {worst.feature}'}"
    condition = float(reference.condition[0, worst.feature])
    if condition > LARGE_OFFSET:
        why = f"its values are {condition:.0e} times their spread, which leaves them few digits"
        remedies = ["subtract a constant from the column before checking"]
    elif precision > EPS:
        why, remedies = "the layer computes in low precision", ["check it in float64"]
    elif not agrees[0, worst.feature]:
        why = "the layer's forward is not the definition's, and is noisy"
        remedies = ["fix the forward first"]
    else:
        why, remedies = "the tolerance is finer than rounding allows", []
    if math.isfinite(worst.uncertainty):
        enough = _round_up(worst.rel_error + worst.uncertainty)
        remedies.append(f"pass --rtol {enough:.0e} to accept what can be known")
        fact = f"{what} can be known only to {worst.uncertainty:.0e} of its scale"
    else:
        fact = f"the true {what} cannot be determined"
    if worst.rel_error > worst.uncertainty:
        fact = f"{what} is off by {worst.rel_error:.1e} of its scale, by rounding or by mistake"
    return Note("inconclusive", check.name, f"{fact}: {why}; {', or '.join(remedies)}")


def _round_up(x: float) -> float:
    """The next number above with one digit."""
    unit = 10.0 ** math.floor(math.log10(x))
    return math.ceil(x / unit * 1.001) * unit


def _uncompared(claim: Claim, check: Comparison, reference: ReferenceForward) -> Iterator[Note]:
    """Why something could not be compared: it never came, or it has another shape."""
    if claim.analytic.dtype.kind in "fiu":
        code, message = misfit(check.name, check.shape, claim.shape, reference.N)
        r = claim.reference
        formula = None if r is None else formula_of(quantity_of(claim.name), eval=r.eval)
        yield Note(code, check.name, message, formula)
    elif claim.name in reference.scales:  # what came of the others is said where they are made
        yield Note("unfinished", check.name, f"{check.name} was not computed")


def misfit(name: str, shape: Shape, expected: Shape, N: int) -> tuple[str, str]:
    """Return a code and a sentence for an array of another shape than is expected.

    >>> misfit("dLdZ", (2, 7), (7, 2), 7)
    ('shape-transposed', 'dLdZ has shape (2, 7), expected (7, 2): it is transposed')
    """
    code, guess = _guess(shape, expected, N)
    fact = f"{name} has shape {shape}, expected {expected}"
    return code, f"{fact}: {guess}" if guess else fact


def _guess(shape: Shape, expected: Shape, N: int) -> tuple[str, str]:
    """What an array of the wrong shape most likely is."""
    C = expected[-1]
    if len(shape) == 2 and shape == expected[::-1]:
        return "shape-transposed", "it is transposed"
    if len(shape) > 2 and shape[-2:] == expected:
        return "shape-extra-axis", "it has an extra axis"
    if expected == (1, C):
        if shape == ():
            return "shape-scalar", "it is summed over the features as well"
        if shape == (N, C):
            return "shape-unreduced", "the sum over the rows is missing"
        if shape in {(N,), (N, 1), (1, N)}:
            return "shape-wrong-axis", "it is summed over the features instead of the rows"
    return "shape", ""


def _flat_shapes(checks: Sequence[Comparison], expected: Shape) -> Iterator[Note]:
    """A remark on quantities of shape (C,)."""
    flat = [each for each in checks if each.compared and is_per_feature(each.name)]
    flat = [each for each in flat if each.shape != expected]
    if flat:
        names = ", ".join(each.name for each in flat)
        verb = "has" if len(flat) == 1 else "have"
        yield Note("shape-1d", None, f"{names} {verb} shape {flat[0].shape}, expected {expected}")

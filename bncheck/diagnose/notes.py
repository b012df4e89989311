"""What there is to say about comparisons besides their numbers."""

from collections.abc import Iterator, Sequence

import numpy as np

from bncheck.arrays import Mask
from bncheck.batchnorm.quantities import formula_of, is_per_feature
from bncheck.compare.claims import Claim, precision, quantity_of
from bncheck.compare.comparison import Comparison
from bncheck.diagnose.doubt import reason_for_doubt
from bncheck.diagnose.shapes import misfit
from bncheck.reference.forward import ReferenceForward
from bncheck.report.model import Note


def remarks_on(
    checks: Sequence[Comparison],
    claims: Sequence[Claim],
    reference: ReferenceForward,
    kind: np.dtype[np.floating],
    agrees: Mask,
) -> Iterator[Note]:
    """Notes on shapes, and the reasons for what is inconclusive.

    Parameters
    ----------
    checks, claims
        The comparisons, and what was compared, in the same order.
    reference
        The definition's forward.
    kind
        The type that the layer computes in.
    agrees
        ReferenceForward, (1, C), in which the layer's forward is the definition's.
    """
    for check, claim in zip(checks, claims, strict=True):
        if check.compared == 0:
            yield from _uncompared(check, claim, reference)
        column = check.worst.feature if check.worst else 0
        doubt = reason_for_doubt(check, reference, precision(kind), agrees=bool(agrees[0, column]))
        if doubt:
            yield doubt
    yield from _flat_shapes(checks, reference.M.shape)


def _uncompared(check: Comparison, claim: Claim, reference: ReferenceForward) -> Iterator[Note]:
    """Why something could not be compared: it never came, or it has another shape."""
    if claim.analytic.dtype.kind not in "fiu":
        if claim.name in reference.scales:  # what came of the others is told where they are made
            yield Note("unfinished", check.name, f"{check.name} is not there: it is not finished")
        return
    code, message = misfit(check.name, check.shape, claim.shape, reference.N)
    yield Note(code, check.name, message, _formula(claim))


def _formula(claim: Claim) -> str | None:
    """The formula of what was analytic, as it should be."""
    if claim.reference is None:
        return None
    return formula_of(quantity_of(claim.name), eval=claim.reference.eval)


def _flat_shapes(checks: Sequence[Comparison], meant: tuple[int, ...]) -> Iterator[Note]:
    """A remark on the quantities that come as (C,) where (1, C) is meant."""
    flat = [each for each in checks if each.compared and is_per_feature(each.name)]
    flat = [each for each in flat if each.shape != meant]
    if flat:
        names = ", ".join(each.name for each in flat)
        verb = "has" if len(flat) == 1 else "have"
        yield Note(
            "shape-1d", None, f"{names} {verb} shape {flat[0].shape}, where {meant} is meant"
        )

"""Claims: quantities that somebody computed, each beside what it should be, and their judgement."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import EPS, Array, LazyRows, Rows
from bncheck.batchnorm.quantities import is_per_feature
from bncheck.compare.comparison import (
    SEVERITY,
    Comparison,
    Entries,
    Entry,
    Verdict,
    badness,
    judge,
    uncomparable,
)
from bncheck.compare.tolerance import Tolerance
from bncheck.numdiff import DEFINITION, Derivative
from bncheck.reference.derivatives import Numeric
from bncheck.reference.forward import ReferenceForward
from bncheck.reference.sums import largest, sweep

DEFINITION_ERROR = 32 * EPS
"""What the definition's own forward is known to in float64, in units of the column's scale."""

ALONG = "dLdZ_along"
"""Begins the names of sums over the rows of dLdZ times random signs."""

Names = tuple[str, ...] | None


@dataclass(frozen=True, eq=False)
class Claim:
    """One quantity.

    Attributes
    ----------
    name
        By which reports call it.
    analytic
        As it came: an array of any shape and type, or rows that are computed when asked for.
    numeric
        What it should be.
    shape
        Of what it should be: (N, C) or (1, C).
    scale
        Unit of the errors, (1, C).
    tolerance
        What errors are held against.
    reference
        The definition's forward in which it stands; None where there is nothing to explain in it.
    against
        Where `numeric` comes from, if it is not what that says itself: "input", "first answer".
    """

    name: str
    analytic: NDArray[np.generic] | LazyRows
    numeric: Numeric
    shape: tuple[int, int]
    scale: Array
    tolerance: Tolerance
    reference: ReferenceForward | None = None
    against: str = ""


def compare(claim: Claim, names: Names = None) -> Comparison:
    """Judge every entry of a claim, block by block, on all cores where it pays.

    The entries of an array are kept for explanations and pictures; those of rows that are computed
    when they are asked for are not.
    """
    analytic = align(claim.analytic, claim.shape)
    if analytic is None:
        return uncomparable(claim.name, claim.analytic.shape, claim.against or DEFINITION)

    def fetch(rows: slice) -> tuple[Entries, str]:
        right = claim.numeric(rows)
        return Entries(
            analytic[rows], right.value, right.uncertainty, claim.scale, claim.tolerance
        ), right.source

    kept = None if isinstance(analytic, LazyRows) else fetch(slice(0, claim.shape[0]))

    def look(rows: slice) -> tuple[Entries, str]:
        return fetch(rows) if kept is None else (kept[0][rows], kept[1])

    parts = list(sweep(lambda rows: _judge_rows(*look(rows), rows.start), claim.shape))
    worst = max(parts, key=lambda part: (part.severity, part.badness))
    row, feature = worst.place
    found, _ = look(slice(row, row + 1))
    sources = {part.source for part in parts}
    return Comparison(
        name=claim.name,
        against=claim.against or (DEFINITION if DEFINITION in sources else worst.source),
        shape=tuple(claim.analytic.shape),
        compared=claim.shape[0] * claim.shape[1],
        verdict=list(Verdict)[worst.severity],
        failed=sum(part.failed for part in parts),
        undecided=sum(part.undecided for part in parts),
        max_abs_error=float(np.max([part.max_abs_error for part in parts])),
        max_rel_error=max(float(part.column_errors.max()) for part in parts),
        uncertainty=max(part.uncertainty for part in parts),
        tolerance=float(claim.tolerance.accepted.max()),
        worst=_entry(claim.name, found, row, feature, names),
        column_errors=np.max([part.column_errors for part in parts], axis=0),
        entries=None if kept is None else kept[0],
    )


class _Part(NamedTuple):
    """The judgement of some rows."""

    severity: int
    badness: float
    place: tuple[int, int]
    failed: int
    undecided: int
    max_abs_error: float
    column_errors: Array
    uncertainty: float
    source: str


def _judge_rows(entries: Entries, source: str, start: int) -> _Part:
    error, known_to = entries.relative_error, entries.relative_uncertainty
    severity = judge(error, known_to, entries.tolerance)
    rank = badness(error, known_to, severity)
    row, feature = divmod(int(np.argmax(rank)), error.shape[1])
    with np.errstate(all="ignore"):
        absolute = float(largest(np.subtract(entries.analytic, entries.numeric, dtype=float)).max())
    return _Part(
        severity=int(severity.max()),
        badness=float(rank[row, feature]),
        place=(start + row, feature),
        failed=int((severity == SEVERITY[Verdict.FAIL]).sum()),
        undecided=int((severity == SEVERITY[Verdict.INCONCLUSIVE]).sum()),
        max_abs_error=absolute,
        column_errors=error.max(axis=0, keepdims=True),
        uncertainty=float(known_to.max()),
        source=source,
    )


def worst_entries(check: Comparison, count: int, names: Names = None) -> tuple[Entry, ...]:
    """Return up to `count` of the entries that decide a check's verdict, the worst first."""
    if check.entries is None:
        return ()
    ranks = check.entries.badness
    order = np.argsort(-ranks, axis=None, kind="stable")[:count]
    places = [divmod(int(at), ranks.shape[1]) for at in order]
    return tuple(
        _entry(check.name, check.entries[row : row + 1], row, feature, names)
        for row, feature in places
        if ranks[row, feature] >= 0
    )


def _entry(name: str, found: Entries, row: int, feature: int, names: Names) -> Entry:
    """The entry of a feature in one row."""
    known_to = np.broadcast_to(found.relative_uncertainty, found.numeric.shape)
    return Entry(
        row=None if is_per_feature(name) or name.startswith(ALONG) else row,
        feature=feature,
        name=names[feature] if names else None,
        analytic=float(found.analytic[0, feature]),
        numeric=float(found.numeric[0, feature]),
        rel_error=float(found.relative_error[0, feature]),
        uncertainty=float(known_to[0, feature]),
    )


def align(A: Any, shape: tuple[int, int]) -> Any:
    """Return A as a matrix of the given shape, or None where it is of another one.

    One value for each feature may come as (C,); where C is 1, as a scalar too.

    >>> align(np.ones(3), (1, 3)).shape
    (1, 3)
    >>> align(np.ones((3, 3)), (1, 3)) is None
    True
    """
    if isinstance(A, LazyRows):
        return A if A.shape == shape else None
    A = np.asarray(A)
    if A.dtype.kind not in "fiu":
        return None
    if A.shape == shape:
        return A
    if shape[0] == 1 and A.shape in {shape[1:], shape[1:] if shape[1] > 1 else ()}:
        return A.reshape(shape)
    return None


def exact(value: Rows, scale: Array) -> Numeric:
    """Return the `Numeric` of a matrix that is known to float64's rounding."""
    uncertainty = DEFINITION_ERROR * scale
    return lambda rows: Derivative(value[rows], uncertainty, source=DEFINITION)


def quantity_of(label: str) -> str:
    """Return the quantity behind a row of the report: BZ for BZ_eval and BZ_eps.

    >>> quantity_of("BZ_eval_eps"), quantity_of("dLdZ_along_1")
    ('BZ', 'dLdZ')
    """
    if label.startswith(ALONG):
        return "dLdZ"
    for ending in ("_again", "_eps", "_eval"):
        label = label.removesuffix(ending)
    return label


def precision(*kinds: np.dtype[Any]) -> float:
    """Return the relative precision of the coarsest of some types.

    >>> precision(np.dtype("float32"), np.dtype("float64"))
    1.1920928955078125e-07
    """
    return max(float(np.finfo(kind).eps) for kind in kinds if kind.kind == "f")

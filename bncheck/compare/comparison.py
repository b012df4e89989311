"""Comparison: an analytic array against the numeric one, and the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import Array, Mask
from bncheck.compare.tolerance import Tolerance


class Verdict(StrEnum):
    """What a check says. INCONCLUSIVE: what is right is not known well enough to judge."""

    PASS = "pass"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"


SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """Return fail over inconclusive over pass.

    >>> overall([Verdict.PASS, Verdict.INCONCLUSIVE])
    <Verdict.INCONCLUSIVE: 'inconclusive'>
    """
    return max(verdicts, key=SEVERITY.__getitem__, default=Verdict.PASS)


@dataclass(frozen=True)
class Entry:
    """One entry of a comparison.

    Attributes
    ----------
    row
        From 0; None where the quantity has one value for each feature.
    feature, name
        Column from 0, and its name where the input has names.
    analytic, numeric
        What the layer says, and what is right.
    rel_error, uncertainty
        Their difference, and the bound on the error of `numeric`, in units of the column's scale.
    """

    row: int | None
    feature: int
    name: str | None
    analytic: float
    numeric: float
    rel_error: float
    uncertainty: float


@dataclass(frozen=True, eq=False)
class Entries:
    """Entries side by side; what follows from the values is computed when it is asked for.

    Attributes
    ----------
    analytic, numeric
        The values, (R, C).
    uncertainty
        The bound on the error of `numeric`, (R, C) or (1, C).
    scale
        The unit of each column's errors, (1, C).
    tolerance
        What errors are held against.
    """

    analytic: Array
    numeric: Array
    uncertainty: Array
    scale: Array
    tolerance: Tolerance

    @property
    def relative_error(self) -> Array:
        """The differences of the values in units of the column's scale, (R, C)."""
        return relative_error(self.analytic, self.numeric, self.scale)

    @property
    def relative_uncertainty(self) -> Array:
        """The uncertainty in units of the column's scale, (R, C) or (1, C)."""
        return relative_uncertainty(self.numeric, self.uncertainty, self.scale)

    @property
    def severity(self) -> NDArray[np.int8]:
        """Of each entry's verdict, as in `SEVERITY`, (R, C)."""
        return judge(self.relative_error, self.relative_uncertainty, self.tolerance)

    @property
    def deciding(self) -> Mask:
        """The entries that have the worst verdict of all."""
        severity = self.severity
        decide: Mask = severity == severity.max()
        return decide

    @property
    def badness(self) -> Array:
        """By what the deciding entries are ranked; -1 for the others."""
        error, uncertainty = self.relative_error, self.relative_uncertainty
        return badness(error, uncertainty, judge(error, uncertainty, self.tolerance))

    def __getitem__(self, rows: slice) -> "Entries":
        """Some rows."""
        one = len(self.uncertainty) == 1 < len(self.numeric)
        return Entries(
            self.analytic[rows],
            self.numeric[rows],
            self.uncertainty if one else self.uncertainty[rows],
            self.scale,
            self.tolerance,
        )


def relative_error(analytic: Array, numeric: Array, scale: Array) -> Array:
    """Return |analytic - numeric| in units of the column's scale.

    It is infinite where either is not finite, and 0 where both are equal, even if the scale is 0.

    >>> analytic, numeric = np.array([[3.0, 0.0, np.nan]]), np.array([[1.0, 0.0, 1.0]])
    >>> relative_error(analytic, numeric, np.array([[2.0, 0.0, 1.0]]))
    array([[ 1.,  0., inf]])
    """
    with np.errstate(all="ignore"):
        error: Array = np.subtract(analytic, numeric, dtype=float)
        np.abs(error, out=error)
        exact = None if (scale > 0).all() else error == 0
        np.divide(error, scale, out=error)
    if exact is not None:
        error[exact] = 0
    finite = np.isfinite(error)
    if not finite.all():
        error[~finite] = np.inf
    return error


def relative_uncertainty(numeric: Array, uncertainty: Array, scale: Array) -> Array:
    """Return the uncertainty in units of the column's scale.

    It is infinite where `numeric` is not finite. (1, C), where it is the same in all rows.
    """
    with np.errstate(all="ignore"):
        relative: Array = np.where(uncertainty == 0, 0, uncertainty / scale)
    finite = np.isfinite(numeric)
    return relative if finite.all() else np.where(finite, relative, np.inf)


def judge(error: Array, uncertainty: Array, tolerance: Tolerance) -> NDArray[np.int8]:
    """Return the verdict of each entry as its SEVERITY; errors in units of the column's scale.

    pass: within the tolerance even if the right value lies at the far end of its uncertainty.
    fail: beyond it even if the right value lies at the near end.
    """
    with np.errstate(invalid="ignore"):
        passed = error <= tolerance.accepted - uncertainty
    failed = error > tolerance.excusable + uncertainty
    severity = np.full(error.shape, SEVERITY[Verdict.INCONCLUSIVE], np.int8)
    severity[passed] = SEVERITY[Verdict.PASS]
    severity[failed] = SEVERITY[Verdict.FAIL]
    return severity


def badness(error: Array, uncertainty: Array, severity: NDArray[np.int8]) -> Array:
    """Return by what entries are ranked: those of the worst verdict by their error, others -1.

    An inconclusive entry is the worse the less is known of it.
    """
    inconclusive = severity == SEVERITY[Verdict.INCONCLUSIVE]
    size = error + np.where(inconclusive, uncertainty, 0) if inconclusive.any() else error
    deciding = severity == severity.max()
    return size if deciding.all() else np.where(deciding, size, -1)


@dataclass(frozen=True)
class Comparison:
    """One quantity, analytic against numeric.

    Attributes
    ----------
    name
        The quantity, by its name in the definition.
    against
        "finite differences" or "definition": where the numeric values come from.
    shape
        Shape of the analytic array, as it came.
    compared
        How many entries were compared; 0 where the shape made that impossible.
    verdict
        The worst of all entries.
    failed, undecided
        How many entries failed, and how many are inconclusive.
    max_abs_error, max_rel_error
        Largest error, as it is and in units of the column's scale; NaN where nothing could be
        compared.
    uncertainty, tolerance
        The largest of all entries, in units of the column's scale.
    worst
        The entry that decides the verdict; None where nothing could be compared.
    column_errors
        The largest error of each column, (1, C), in units of its scale.
    entries
        All of them, for explanations and pictures; None where nothing could be compared, or the
        matrix is too large to be kept.
    """

    name: str
    against: str
    shape: tuple[int, ...]
    compared: int
    verdict: Verdict
    failed: int
    undecided: int
    max_abs_error: float
    max_rel_error: float
    uncertainty: float
    tolerance: float
    worst: Entry | None
    column_errors: Array | None = field(default=None, compare=False, repr=False)
    entries: Entries | None = field(default=None, compare=False, repr=False)

    @property
    def passed(self) -> bool:
        """Whether the verdict is pass."""
        return self.verdict is Verdict.PASS


def uncomparable(name: str, shape: tuple[int, ...], against: str) -> Comparison:
    """Return the failed comparison of something that cannot be compared at all."""
    nan = float("nan")
    return Comparison(name, against, shape, 0, Verdict.FAIL, 0, 0, nan, nan, nan, nan, None)

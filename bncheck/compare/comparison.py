"""Comparison: a claimed array against the true one, and the verdict."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import Array, Mask
from bncheck.batchnorm.formulas import largest
from bncheck.batchnorm.quantities import is_per_feature


class Verdict(StrEnum):
    """What a check says. INCONCLUSIVE: the truth is not known well enough to tell."""

    PASS = "pass"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"


FINITE_DIFFERENCES = "finite differences"
DEFINITION = "definition"
"""Where true values come from."""

ALONG = "dLdZ_along"
"""Begins the names of sums over the rows of dLdZ times random signs."""

SAMPLED_ROWS = "dLdZ_sampled"
"""The rows of dLdZ that the layer's own forward was differenced in, where they are apart."""

SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}


def overall(verdicts: list[Verdict]) -> Verdict:
    """Fail over inconclusive over pass."""
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
        The claimed and the true value.
    rel_error, uncertainty
        Their difference, and what `numeric` is known to, in units of the column's scale.
    """

    row: int | None
    feature: int
    name: str | None
    analytic: float
    numeric: float
    rel_error: float
    uncertainty: float


@dataclass(frozen=True, eq=False)
class Tolerance:
    """How large an error may be, in units of the column's scale.

    Attributes
    ----------
    accepted
        Errors up to here are accepted, (1, C).
    excusable
        Errors up to here may be the rounding of a right layer, (1, C); beyond it nothing excuses.
    """

    accepted: Array
    excusable: Array


def relative_error(claimed: Array, true: Array, scale: Array) -> Array:
    """|claimed - true| in units of the column's scale; infinite where either is not finite."""
    with np.errstate(all="ignore"):
        error: Array = np.subtract(claimed, true, dtype=float)
        np.abs(error, out=error)
        exact = None if (scale > 0).all() else error == 0  # 0 of a scale of 0 is 0
        np.divide(error, scale, out=error)
    if exact is not None:
        error[exact] = 0
    finite = np.isfinite(error)
    if not finite.all():
        error[~finite] = np.inf
    return error


def relative_uncertainty(true: Array, uncertainty: Array, scale: Array) -> Array:
    """What `true` is known to in units of the column's scale; infinite where it is no number.

    (1, C), where it is the same in all rows.
    """
    with np.errstate(all="ignore"):
        relative: Array = np.where(uncertainty == 0, 0, uncertainty / scale)
    finite = np.isfinite(true)
    return relative if finite.all() else np.where(finite, relative, np.inf)


def judge(error: Array, uncertainty: Array, tolerance: Tolerance) -> NDArray[np.int8]:
    """Verdict of each entry as its SEVERITY; errors in units of the column's scale.

    pass: within the tolerance even if the truth lies at the far end of its uncertainty.
    fail: beyond it even if the truth lies at the near end.
    """
    with np.errstate(invalid="ignore"):
        passed = error <= tolerance.accepted - uncertainty
    failed = error > tolerance.excusable + uncertainty
    codes = np.full(error.shape, SEVERITY[Verdict.INCONCLUSIVE], np.int8)
    codes[passed] = SEVERITY[Verdict.PASS]
    codes[failed] = SEVERITY[Verdict.FAIL]
    return codes


@dataclass(frozen=True, eq=False)
class Entries:
    """All entries of a comparison; what follows from the values is computed when it is asked for.

    Attributes
    ----------
    claimed, true
        The values, (R, C).
    known_to
        What `true` is known to, (R, C) or (1, C).
    scale
        The unit of each column's errors, (1, C).
    tolerance
        What errors are held against.
    """

    claimed: Array
    true: Array
    known_to: Array
    scale: Array
    tolerance: Tolerance

    @property
    def rel_error(self) -> Array:
        """The differences of the values in units of the column's scale, (R, C)."""
        return relative_error(self.claimed, self.true, self.scale)

    @property
    def uncertainty(self) -> Array:
        """What `true` is known to in units of the column's scale, (R, C) or (1, C)."""
        return relative_uncertainty(self.true, self.known_to, self.scale)

    @property
    def severity(self) -> NDArray[np.int8]:
        """Of each entry's verdict, as in `SEVERITY`, (R, C)."""
        return judge(self.rel_error, self.uncertainty, self.tolerance)

    @property
    def deciding(self) -> Mask:
        """The entries that have the worst verdict of all."""
        severity = self.severity
        decide: Mask = severity == severity.max()
        return decide

    @property
    def badness(self) -> Array:
        """By what the deciding entries are ranked; -1 for the others.

        An undecided entry is the worse the less is known of it, the others by their error.
        """
        error, uncertainty = self.rel_error, self.uncertainty
        return badness(error, uncertainty, judge(error, uncertainty, self.tolerance))


def badness(error: Array, uncertainty: Array, severity: NDArray[np.int8]) -> Array:
    """By what entries are ranked: see `Entries.badness`."""
    undecided = severity == SEVERITY[Verdict.INCONCLUSIVE]
    size = error + np.where(undecided, uncertainty, 0) if undecided.any() else error
    deciding = severity == severity.max()
    return size if deciding.all() else np.where(deciding, size, -1)


@dataclass(frozen=True)
class Comparison:
    """One quantity, claimed against true.

    Attributes
    ----------
    name
        The quantity, by its name in the definition.
    against
        "finite differences" or "definition": where the true values come from.
    shape
        Shape of the claimed array, as it came.
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
    entries
        All of them, for explanations and pictures; None where nothing could be compared.
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
    entries: Entries | None = field(default=None, compare=False, repr=False)

    @property
    def passed(self) -> bool:
        """Whether the verdict is pass."""
        return self.verdict is Verdict.PASS


def compare(
    name: str,
    claimed: Array,
    true: Array,
    uncertainty: Array,
    *,
    scale: Array,
    tolerance: Tolerance,
    against: str,
    names: tuple[str, ...] | None = None,
) -> Comparison:
    """Judge every entry of `claimed`.

    Parameters
    ----------
    name
        The quantity.
    claimed
        What the layer says; (C,) is taken for (1, C), and any other shape than that of `true`
        fails.
    true, uncertainty
        (R, C), the uncertainty in the units of `true`; one for a column, (1, C), will do too.
    scale, tolerance
        (1, C).
    against
        Where `true` comes from.
    names
        The features' names.
    """
    aligned = align(claimed, true.shape)
    if aligned is None:
        return uncomparable(name, np.shape(claimed), against)
    with np.errstate(all="ignore"):
        absolute = float(largest(np.subtract(aligned, true, dtype=float)).max())
    known_to = relative_uncertainty(true, uncertainty, scale)
    error = relative_error(aligned, true, scale)
    codes = judge(error, known_to, tolerance)
    worst = int(np.argmax(badness(error, known_to, codes)))
    entries = Entries(aligned, true, uncertainty, scale, tolerance)
    return Comparison(
        name=name,
        against=against,
        shape=np.shape(claimed),
        compared=error.size,
        verdict=list(Verdict)[codes.max()],
        failed=int((codes == SEVERITY[Verdict.FAIL]).sum()),
        undecided=int((codes == SEVERITY[Verdict.INCONCLUSIVE]).sum()),
        max_abs_error=absolute,
        max_rel_error=float(error.max()),
        uncertainty=float(known_to.max()),
        tolerance=float(tolerance.accepted.max()),
        worst=_entry(name, entries, worst, names),
        entries=entries,
    )


def worst_entries(
    check: Comparison, count: int, names: tuple[str, ...] | None = None
) -> tuple[Entry, ...]:
    """Up to `count` of the entries that decide a check's verdict, the worst first."""
    if check.entries is None:
        return ()
    ranks = check.entries.badness.ravel()
    order = np.argsort(-ranks, kind="stable")[:count]
    return tuple(
        _entry(check.name, check.entries, int(at), names) for at in order if ranks[at] >= 0
    )


def _entry(name: str, entries: Entries, at: int, names: tuple[str, ...] | None) -> Entry:
    """The entry at a position in the flattened arrays."""
    row, feature = divmod(at, entries.true.shape[1])
    here = (slice(row, row + 1), slice(feature, feature + 1))
    known_to = np.broadcast_to(entries.known_to, entries.true.shape)[here]
    true, scale = entries.true[here], entries.scale[:, here[1]]
    return Entry(
        row=None if is_per_feature(name) or name.startswith(ALONG) else row,
        feature=feature,
        name=names[feature] if names else None,
        analytic=float(entries.claimed[row, feature]),
        numeric=float(entries.true[row, feature]),
        rel_error=relative_error(entries.claimed[here], true, scale).item(),
        uncertainty=relative_uncertainty(true, known_to, scale).item(),
    )


def uncomparable(name: str, shape: tuple[int, ...], against: str) -> Comparison:
    """The failed comparison of something that cannot be compared at all."""
    nan = float("nan")
    return Comparison(name, against, shape, 0, Verdict.FAIL, 0, 0, nan, nan, nan, nan, None)


def align(claimed: Array, shape: tuple[int, ...]) -> Array | None:
    """`claimed` as a matrix of the given shape, or None where it is of another one.

    One value for each feature may come as (C,); where C is 1, as a scalar too.
    """
    claimed = np.asarray(claimed)
    if claimed.dtype.kind not in "fiu":
        return None
    if claimed.shape == shape:
        return claimed
    if shape[0] == 1 and claimed.shape in {shape[1:], shape[1:] if shape[1] > 1 else ()}:
        return claimed.reshape(shape)
    return None

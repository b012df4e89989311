"""What a mini-batch cannot show: conditions under which whole families of mistakes stay hidden.

These are remarks. They do not change a verdict.
"""

from collections.abc import Iterator

import numpy as np

from bncheck.arrays import Mask, is_large
from bncheck.reference.forward import ReferenceForward
from bncheck.reference.sums import column_mean, column_sum, largest
from bncheck.report.model import Note

FEW_NAMES = 4
"""So many features are listed by name before the rest is counted."""

NEARLY = 1e-6
"""Relative to the size of its terms, a gradient below this has cancelled to nearly nothing."""


MESSAGES = {
    "power-scale-one": "BW is 1 in {where}, which hides a BW that is missing or applied twice",
    "power-shift-zero": "Bb is 0 in {where}, which hides a Bb that is missing or added twice, and "
    "BZ used in place of NZ",
    "power-running-start": "the running statistics are 0 and 1 in {where}, which hides an "
    "inference mode that ignores them",
    "power-one-row": "there is only 1 row: NZ and dLdZ are 0 whatever Z is, so that only dLdBb can "
    "be checked",
    "power-constant-column": "Z is constant in {where}: NZ and dLdBW are 0 there, which hides "
    "mistakes in the variance path",
    "power-variance-below-eps": "the variance is below eps = {eps:g} in {where}: eps decides the "
    "result there, which hides mistakes in the variance path",
    "power-two-rows": "there are only 2 rows: NZ is 1 and -1 whatever Z is, so that dLdZ nearly "
    "cancels, which hides mistakes in its scale",
    "power-upstream-constant": "dLdBZ is constant in {where}: the true dLdZ and dLdBW are 0 there, "
    "which hides mistakes in their scale and in the variance path",
    "power-upstream-like-output": "dLdBZ is a linear function of the output in {where}: the paths "
    "of dLdZ nearly cancel there, which hides mistakes in its scale",
}


def hidden_mistakes(
    r: ReferenceForward, given: frozenset[str], names: tuple[str, ...] | None
) -> Iterator[Note]:
    """Yield one note for each way in which this mini-batch hides mistakes.

    Parameters
    ----------
    r
        What is known of the mini-batch's columns.
    given
        What the user has chosen: names among BW, Bb, running_M, running_V and dLdBZ.
    names
        The features' names.
    """
    for code, check, columns in _blind_spots(r, given):
        if columns.any():
            where = list_features(columns[0], names)
            yield Note(code, check, MESSAGES[code].format(where=where, eps=r.parameters.eps))


def _blind_spots(
    r: ReferenceForward, given: frozenset[str]
) -> Iterator[tuple[str, str | None, Mask]]:
    """Code, the quantity concerned if it is one, and the columns concerned, (1, C)."""
    p, all_columns = r.parameters, np.ones(r.M.shape, bool)
    if "BW" in given:
        yield "power-scale-one", None, p.BW == 1
    if "Bb" in given:
        yield "power-shift-zero", None, p.Bb == 0
    if r.eval:
        if {"running_M", "running_V"} & given:
            yield "power-running-start", None, (p.running_M == 0) & (p.running_V == 1)
        return
    if r.N == 1:
        yield "power-one-row", "dLdZ", all_columns
        return
    constant = r.V == 0
    yield "power-constant-column", None, constant
    yield "power-variance-below-eps", None, ~constant & (r.V < p.eps)
    if r.N == 2:
        yield "power-two-rows", "dLdZ", all_columns
    elif "dLdBZ" in given:
        flat = (r.range_dLdBZ == 0) & ~constant
        yield "power-upstream-constant", "dLdZ", flat
        if not is_large(r.Z.shape):  # this one looks at every entry
            yield "power-upstream-like-output", "dLdZ", _is_like_output(r) & ~flat & ~constant


def _is_like_output(r: ReferenceForward) -> Mask:
    """Columns, (1, C), in which dLdBZ is a constant plus a multiple of NZ."""
    dLdBZ, NZ = r.dLdBZ[:], r.NZ()
    deviation = dLdBZ - column_mean(dLdBZ)
    size = column_sum(NZ**2)
    slope = column_sum(deviation * NZ) / np.where(size > 0, size, 1)
    return largest(deviation - slope * NZ) <= NEARLY * largest(dLdBZ)


def list_features(columns: Mask, names: tuple[str, ...] | None) -> str:
    """Return the features in which `columns`, (C,), is true, in words.

    >>> list_features(np.array([True, False, True]), ("ash", "hue", "proline"))
    'features ash, proline'
    """
    chosen = [str(column) if names is None else names[column] for column in np.flatnonzero(columns)]
    if len(chosen) == len(columns):
        return "all features" if len(chosen) > 1 else f"feature {chosen[0]}"
    kind = "feature" if len(chosen) == 1 else "features"
    more = len(chosen) - FEW_NAMES
    return f"{kind} {', '.join(chosen[:FEW_NAMES])}" + (f" and {more} more" if more > 0 else "")

"""Where the entries lie that did not pass, in a sentence."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import Mask
from bncheck.batchnorm.quantities import is_per_feature
from bncheck.compare.comparison import Comparison, Verdict
from bncheck.report.text import LABELS, feature_name
from bncheck.wording import counted

MOST_NAMED = 8
"""A longer list of features or rows is cut after so many."""

DENSE = 0.75
"""Entries that fill less than this of the rows and features that they are in are scattered."""

Indices = NDArray[np.intp]


def pattern(check: Comparison, names: tuple[str, ...] | None) -> str | None:
    """A sentence on a check's failed, or undecided, entries; None where they follow no pattern.

    Parameters
    ----------
    check
        The check.
    names
        The features' names.
    """
    if check.passed or check.entries is None or check.compared == 1:
        return None
    where = _where(check.entries.deciding, names, per_feature=is_per_feature(check.name))
    return None if where is None else f"{_fact(check)} {where}"


def _fact(check: Comparison) -> str:
    if check.name in LABELS:
        return f"{check.name} is changed"
    verb = "is wrong" if check.verdict is Verdict.FAIL else "cannot be told"
    return f"{check.name} {verb}"


def _where(bad: Mask, names: tuple[str, ...] | None, *, per_feature: bool) -> str | None:
    """The place of the entries that are True in `bad`, (R, C)."""
    R, C = bad.shape
    rows, features = np.flatnonzero(bad.any(axis=1)), np.flatnonzero(bad.any(axis=0))
    if bad.all():
        return "in every feature" if per_feature else "in every entry"
    if per_feature or R == 1:
        return _features(features, C, names)
    if len(rows) == len(features) == 1:
        where = f"in one entry only: row {rows[0]}, {_name(features[0], names)}"
        return where + (", a corner" if _at_ends(rows, R) and _at_ends(features, C) else "")
    few_rows, few_features = 2 * len(rows) <= R, 2 * len(features) <= C
    if len(features) == 1 < C:
        inside = f", in {_row_list(rows, R)}" if few_rows else ""
        return f"in one feature only: {_name(features[0], names)}{inside}"
    if len(rows) == 1:
        inside = f", in {_feature_list(features, names)}" if few_features else ""
        return f"only in {_row_list(rows, R)}{inside}"
    if bad.sum() < DENSE * len(rows) * len(features):
        return None
    if few_rows and few_features:
        corner = _at_ends(rows, R) and _at_ends(features, C)
        block = f"{_row_list(rows, R)} of {_feature_list(features, names)}"
        return f"in one {'corner' if corner else 'block'} only: {block}"
    if few_rows:
        return f"in {len(rows)} of {R} rows only: {_numbers(rows)}"
    return None if len(features) == C else _features(features, C, names)


def _features(bad: Indices, C: int, names: tuple[str, ...] | None) -> str:
    """Some of the C features, or all but some."""
    if len(bad) == 1:
        return f"in one feature only: {_name(bad[0], names)}"
    if 2 * len(bad) <= C:
        return f"in {len(bad)} of {C} features only: {_feature_list(bad, names)}"
    others = np.setdiff1d(np.arange(C), bad)
    return f"in {len(bad)} of {C} features, not in {_feature_list(others, names)}"


def _row_list(rows: Indices, R: int) -> str:
    if len(rows) == 1:
        which = {0: "the first row, ", R - 1: "the last row, "}.get(int(rows[0]), "")
        return f"{which}row {rows[0]}"
    return f"rows {_numbers(rows)}"


def _feature_list(features: Indices, names: tuple[str, ...] | None) -> str:
    if names is None:
        return f"feature{'s' if len(features) > 1 else ''} {_numbers(features)}"
    return _cut_list([_name(feature, names) for feature in features])


def _name(feature: np.intp, names: tuple[str, ...] | None) -> str:
    return feature_name(int(feature), names[feature] if names else None)


def _numbers(indices: Indices) -> str:
    """A run as its first and last, anything else one by one."""
    if len(indices) > 2 and indices[-1] - indices[0] == len(indices) - 1:
        return f"{indices[0]} to {indices[-1]}"
    return _cut_list([str(index) for index in indices])


def _cut_list(texts: Sequence[str]) -> str:
    left = len(texts) - MOST_NAMED
    more = [f"and {counted(left, 'other')}"] if left > 0 else []
    return ", ".join([*texts[:MOST_NAMED], *more])


def _at_ends(indices: Indices, count: int) -> bool:
    """Whether indices are one run that begins at the first or ends at the last of several."""
    run = indices[-1] - indices[0] == len(indices) - 1
    return bool(count > 1 and run and (indices[0] == 0 or indices[-1] == count - 1))

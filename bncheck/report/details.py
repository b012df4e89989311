"""What a report has below the notes: where the wrong entries lie, the worst of them, pictures."""

# What draws is imported where it is used: most checks show none of it.

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import Mask
from bncheck.batchnorm.quantities import GRADIENTS, is_per_feature
from bncheck.compare.claims import worst_entries
from bncheck.compare.comparison import Comparison, Entry, Verdict
from bncheck.report.model import LABELS, WORST, InputReport
from bncheck.report.screen import Column, Part, Screen, Table
from bncheck.wording import counted, place, scientific

NO_ENTRIES = "not drawn or listed: the entries of a mini-batch this large are not kept"
NO_CURVE = "no step-size curve: there is no forward to difference"

FEWEST_TO_DRAW = 9
"""The worst entries show a quantity of fewer well enough."""

FEWEST_DIGITS, MOST_DIGITS = 5, 17

MOST_NAMED = 8
"""A longer list of features or rows is cut after so many."""

DENSE = 0.75
"""Entries that fill less than this of the rows and features that they are in are scattered."""

Names = tuple[str, ...] | None
Indices = NDArray[np.intp]


def details(
    report: InputReport, screen: Screen, worst: int | None, *, plot: bool, alone: bool
) -> Iterator[Part]:
    """Yield the details of one input, with blank lines after them.

    `worst` and `plot` are those of `gradcheck_parts`. Without `plot` the errors of one quantity are
    drawn where the input failed and is `alone`, the only one.
    """
    count = WORST if worst is None else worst
    for check in _listed(report, ask_for_all=bool(worst)):
        sentence = pattern(check, report.names)
        if sentence:
            yield sentence
        if count:
            yield worst_table(check, count, report.names)
        if sentence or count:
            yield ""
    drawn = drawable(report)
    if not plot:
        failed = alone and report.verdict is Verdict.FAIL
        drawn = [check for check in drawn[:1] if failed and check.compared >= FEWEST_TO_DRAW]
    for check in drawn:
        from bncheck.report.heatmap import heat_map_lines

        yield from heat_map_lines(check, report.names, screen)
        yield ""
    if (plot or worst) and has_no_entries(report):
        yield from (NO_ENTRIES, "")
    elif plot:
        from bncheck.report.step_curve import step_curve_lines

        yield from step_curve_lines(report.curve, screen) if report.curve else [NO_CURVE]
        yield ""


def has_no_entries(report: InputReport) -> bool:
    """Tell whether the mini-batch was so large that its entries were not kept."""
    return any(check.compared and check.entries is None for check in report.checks)


def drawable(report: InputReport) -> list[Comparison]:
    """Return the checks whose errors are worth a picture, the most telling first.

    They are those that decide the verdict: dLdZ first, then what has a value for each entry of Z.
    Where everything passed it is dLdZ alone.
    """
    checks = [
        check
        for check in _deciding(report)
        if check.compared >= (FEWEST_TO_DRAW if is_per_feature(check.name) else 1)
        and check.entries is not None
        and (report.verdict is not Verdict.PASS or check.name == "dLdZ")
    ]
    return sorted(checks, key=lambda check: (check.name != "dLdZ", is_per_feature(check.name)))


def _deciding(report: InputReport) -> list[Comparison]:
    return [check for check in report.checks if check.verdict is report.verdict]


def _listed(report: InputReport, *, ask_for_all: bool) -> list[Comparison]:
    """Return the checks whose worst entries are listed.

    A table of one entry would repeat what the table of checks says.
    """
    checks = _deciding(report) if report.verdict is not Verdict.PASS else []
    if ask_for_all and not checks:
        checks = [check for check in report.checks if check.name in GRADIENTS]
    return [check for check in checks if check.compared > 1 and check.entries is not None]


def worst_table(check: Comparison, count: int, names: Names) -> Table:
    """Return up to `count` entries that decide a check's verdict: place, both values, error.

    `numeric` is followed by what it is known to, in the units of the quantity.
    """
    assert check.entries is not None
    entries = worst_entries(check, count, names)
    failed = check.verdict is Verdict.FAIL
    digits = max(map(_digits, entries), default=FEWEST_DIGITS) if failed else FEWEST_DIGITS
    scales = check.entries.scale[0]
    known = [scientific(e.uncertainty * float(scales[e.feature]), 1) for e in entries]
    longest = max(map(len, known), default=0)
    numeric = [
        f"{scientific(e.numeric, digits)} ± {uncertainty.ljust(longest)}"
        for e, uncertainty in zip(entries, known, strict=True)
    ]
    places = [place(e.feature, e.name, e.row) for e in entries]
    return Table(
        [
            Column(f"{check.name}, worst entries", places, names=True),
            Column("analytic", [scientific(e.analytic, digits) for e in entries], right=True),
            Column("numeric", numeric, right=True),
            Column("error", [scientific(e.rel_error, 2) for e in entries], right=True),
        ]
    )


def _digits(entry: Entry) -> int:
    """Return how many digits show that the two values differ."""
    difference, size = abs(entry.analytic - entry.numeric), abs(entry.numeric)
    if not (0 < difference < size < math.inf):
        return FEWEST_DIGITS
    needed = math.ceil(math.log10(size / difference)) + 2
    return min(max(needed, FEWEST_DIGITS), MOST_DIGITS)


def pattern(check: Comparison, names: Names) -> str | None:
    """Return a sentence on where a check's failed, or inconclusive, entries lie.

    None where they follow no pattern.
    """
    if check.passed or check.entries is None or check.compared == 1:
        return None
    where = _where(check.entries.deciding, names, per_feature=is_per_feature(check.name))
    verb = "is wrong" if check.verdict is Verdict.FAIL else "is inconclusive"
    return where and f"{check.name} {'is changed' if check.name in LABELS else verb} {where}"


def _where(bad: Mask, names: Names, *, per_feature: bool) -> str | None:
    """Return where the entries lie that are True in `bad`, (R, C)."""
    R, C = bad.shape
    rows, features = np.flatnonzero(bad.any(axis=1)), np.flatnonzero(bad.any(axis=0))
    if bad.all():
        return "in every feature" if per_feature else "in every entry"
    if per_feature or R == 1:
        return _some_features(features, C, names)
    corner = _at_ends(rows, R) and _at_ends(features, C)
    few_rows, few_features = 2 * len(rows) <= R, 2 * len(features) <= C
    if len(rows) == len(features) == 1:
        where = place(features[0], names[features[0]] if names else None, rows[0])
        return f"in one entry only: {where}{', a corner' if corner else ''}"
    if len(features) == 1 < C:
        inside = f", in {_rows(rows, R)}" if few_rows else ""
        return f"in one feature only: {_features(features, names)}{inside}"
    if len(rows) == 1:
        inside = f", in {_features(features, names)}" if few_features else ""
        return f"only in {_rows(rows, R)}{inside}"
    if bad.sum() < DENSE * len(rows) * len(features):
        return None
    if few_rows and few_features:
        block = "corner" if corner else "block"
        return f"in one {block} only: {_rows(rows, R)} of {_features(features, names)}"
    if few_rows:
        return f"in {len(rows)} of {R} rows only: {_numbers(rows)}"
    return None if len(features) == C else _some_features(features, C, names)


def _some_features(bad: Indices, C: int, names: Names) -> str:
    """Name some of the C features, or all but some."""
    if len(bad) == 1:
        return f"in one feature only: {_features(bad, names)}"
    if 2 * len(bad) <= C:
        return f"in {len(bad)} of {C} features only: {_features(bad, names)}"
    others = np.setdiff1d(np.arange(C), bad)
    return f"in {len(bad)} of {C} features, not in {_features(others, names)}"


def _rows(rows: Indices, R: int) -> str:
    if len(rows) == 1:
        which = {0: "the first row, ", R - 1: "the last row, "}.get(int(rows[0]), "")
        return f"{which}row {rows[0]}"
    return f"rows {_numbers(rows)}"


def _features(features: Indices, names: Names) -> str:
    if names is None:
        return f"feature{'s' if len(features) > 1 else ''} {_numbers(features)}"
    return _shortened([place(feature, names[feature]) for feature in features])


def _numbers(indices: Indices) -> str:
    """Name a run by its first and last, anything else one by one."""
    if len(indices) > 2 and _is_run(indices):
        return f"{indices[0]} to {indices[-1]}"
    return _shortened([str(index) for index in indices])


def _shortened(texts: Sequence[str]) -> str:
    left = len(texts) - MOST_NAMED
    more = [f"and {counted(left, 'other')}"] if left > 0 else []
    return ", ".join([*texts[:MOST_NAMED], *more])


def _at_ends(indices: Indices, count: int) -> bool:
    """Tell whether indices are one run that begins at the first or ends at the last of several."""
    return count > 1 and _is_run(indices) and bool(indices[0] == 0 or indices[-1] == count - 1)


def _is_run(indices: Indices) -> bool:
    return bool(indices[-1] - indices[0] == len(indices) - 1)

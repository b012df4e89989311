"""Errors in units of a scale, the verdict of each entry, and how entries are ranked."""

from dataclasses import replace

import numpy as np
import pytest

from bncheck.compare.comparison import (
    SEVERITY,
    Comparison,
    Entries,
    Verdict,
    badness,
    judge,
    overall,
    relative_error,
    relative_uncertainty,
    uncomparable,
)
from bncheck.compare.tolerance import Tolerance

PASS, INCONCLUSIVE, FAIL = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL
nan, inf = np.nan, np.inf


def row(*values: float) -> np.ndarray:
    return np.array([values], float)


def tolerance(accepted: float = 1.0, excusable: float = 1.0, columns: int = 1) -> Tolerance:
    return Tolerance(np.full((1, columns), accepted), np.full((1, columns), excusable))


def verdicts(error: np.ndarray, uncertainty: np.ndarray, held_against: Tolerance) -> list[Verdict]:
    return [list(Verdict)[each] for each in judge(error, uncertainty, held_against)[0]]


# In units of the scale


@pytest.mark.parametrize(
    ("analytic", "numeric", "scale", "error"),
    [
        (row(3, 1), row(1, 3), row(2, 4), row(1, 0.5)),
        (row(3, 1), row(1, 3), row(0, 4), row(inf, 0.5)),
        (row(3, 1), row(3, 3), row(0, 4), row(0, 0.5)),
        (row(3, 1), row(3, 3), row(4, 0), row(0, inf)),
        (row(nan, 1), row(3, 3), row(4, 4), row(inf, 0.5)),
        (row(1, inf), row(3, 3), row(4, 4), row(0.5, inf)),
        (row(1, -inf), row(3, nan), row(4, 4), row(0.5, inf)),
        (row(inf, nan), row(inf, nan), row(4, 0), row(inf, inf)),
        (row(1e308, 1), row(-1e308, 1), row(1, 1), row(inf, 0)),
        (row(5, 5), row(3, 4), row(inf, 1), row(0, 1)),
    ],
)
def test_an_error_is_told_in_units_of_its_column(
    analytic: np.ndarray, numeric: np.ndarray, scale: np.ndarray, error: np.ndarray
) -> None:
    before = analytic.copy(), numeric.copy()
    assert np.array_equal(relative_error(analytic, numeric, scale), error)
    assert np.array_equal((analytic, numeric), before, equal_nan=True)


def test_an_error_is_computed_in_float64() -> None:
    analytic, numeric = np.array([[200]], np.uint8), np.array([[201.5]])
    assert relative_error(analytic, numeric, row(1)) == 1.5
    coarse = np.array([[1e-30]], np.float32)
    assert relative_error(coarse, 0 * coarse, row(1e-30)) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    ("numeric", "uncertainty", "scale", "relative"),
    [
        (row(5, 5), row(1, 2), row(4, 4), row(0.25, 0.5)),
        (row(5, 5), row(0, 2), row(0, 0), row(0, inf)),
        (row(nan, 5), row(1, 2), row(4, 4), row(inf, 0.5)),
        (row(5, inf), row(0, 0), row(4, 4), row(0, inf)),
        (row(5, 5), row(1, inf), row(4, 4), row(0.25, inf)),
    ],
)
def test_an_uncertainty_is_told_in_the_same_units(
    numeric: np.ndarray, uncertainty: np.ndarray, scale: np.ndarray, relative: np.ndarray
) -> None:
    assert np.array_equal(relative_uncertainty(numeric, uncertainty, scale), relative)


def test_an_uncertainty_that_is_the_same_in_all_rows_is_told_once() -> None:
    numeric = np.ones((3, 2))
    assert relative_uncertainty(numeric, row(1, 2), row(1, 1)).shape == (1, 2)
    numeric[1, 0] = nan
    assert relative_uncertainty(numeric, row(1, 2), row(1, 1)).tolist() == [
        [1, 2],
        [inf, 2],
        [1, 2],
    ]


# The verdict


@pytest.mark.parametrize(
    ("error", "uncertainty", "verdict"),
    [
        (0.0, 0.0, PASS),
        (1.0, 0.0, PASS),
        (0.75, 0.25, PASS),
        (0.75, 0.375, INCONCLUSIVE),
        (1.25, 0.25, INCONCLUSIVE),
        (1.5, 0.25, FAIL),
        (1.0625, 0.0, FAIL),
        (0.0, 1.0, PASS),
        (0.0, 1.5, INCONCLUSIVE),
        (9.0, inf, INCONCLUSIVE),
        (inf, inf, INCONCLUSIVE),
        (inf, 0.0, FAIL),
        (inf, 1e300, FAIL),
    ],
)
def test_the_verdict_weighs_error_against_uncertainty(
    error: float, uncertainty: float, verdict: Verdict
) -> None:
    assert verdicts(row(error), row(uncertainty), tolerance()) == [verdict]


@pytest.mark.parametrize(
    ("error", "uncertainty", "verdict"),
    [
        (1.0, 0.0, PASS),
        (1.5, 0.0, INCONCLUSIVE),
        (4.0, 0.0, INCONCLUSIVE),
        (4.5, 0.0, FAIL),
        (4.5, 0.5, INCONCLUSIVE),
        (0.5, 1.0, INCONCLUSIVE),
    ],
)
def test_what_rounding_may_explain_is_not_called_a_mistake(
    error: float, uncertainty: float, verdict: Verdict
) -> None:
    held_against = tolerance(accepted=1, excusable=4)
    assert verdicts(row(error), row(uncertainty), held_against) == [verdict]


def test_each_column_has_its_own_tolerance() -> None:
    held_against = Tolerance(row(1, 4, 1), row(1, 4, 9))
    assert verdicts(row(2, 2, 2), row(0, 0, 0), held_against) == [FAIL, PASS, INCONCLUSIVE]


@pytest.mark.parametrize(
    ("found", "worst"),
    [
        ([], PASS),
        ([PASS, PASS], PASS),
        ([PASS, INCONCLUSIVE], INCONCLUSIVE),
        ([FAIL, INCONCLUSIVE, PASS], FAIL),
        ([PASS, FAIL], FAIL),
    ],
)
def test_fail_over_inconclusive_over_pass(found: list[Verdict], worst: Verdict) -> None:
    assert overall(found) is worst


# The ranking


def test_where_all_pass_the_largest_error_is_the_worst() -> None:
    error, severity = row(0.1, 0.3, 0.2), np.zeros((1, 3), np.int8)
    assert np.array_equal(badness(error, row(9, 0, 0), severity), error)


def test_where_some_fail_only_they_are_ranked() -> None:
    severity = np.array([[SEVERITY[FAIL], SEVERITY[INCONCLUSIVE], SEVERITY[PASS], SEVERITY[FAIL]]])
    ranks = badness(row(3, 50, 40, 2), row(9, 9, 9, 0), severity)
    assert ranks.tolist() == [[3, -1, -1, 2]]


def test_an_inconclusive_entry_is_the_worse_the_less_is_known_of_it() -> None:
    severity = np.array([[SEVERITY[INCONCLUSIVE]] * 3 + [SEVERITY[PASS]]])
    ranks = badness(row(0.5, 0.25, 0.5, 9), row(1, 8, 2, 99), severity)
    assert ranks.tolist() == [[1.5, 8.25, 2.5, -1]]


def test_one_uncertainty_for_all_rows_ranks_them_too() -> None:
    severity = np.full((2, 2), SEVERITY[INCONCLUSIVE])
    ranks = badness(np.array([[1.0, 2], [3, 4]]), row(10, 0), severity)
    assert ranks.tolist() == [[11, 2], [13, 4]]


# Entries side by side


@pytest.fixture
def entries() -> Entries:
    """Two columns, a pass and a failure in the first, two in the second that nobody can tell."""
    return Entries(
        analytic=np.array([[1.0, 30], [7, 10]]),
        numeric=np.array([[1.0, 20], [2, 10]]),
        uncertainty=row(0.5, 40),
        scale=row(1, 10),
        tolerance=tolerance(columns=2),
    )


def test_what_follows_from_the_values_of_entries(entries: Entries) -> None:
    assert entries.relative_error.tolist() == [[0, 1], [5, 0]]
    assert entries.relative_uncertainty.tolist() == [[0.5, 4]]
    assert entries.severity.tolist() == [[0, 1], [2, 1]]
    assert entries.deciding.tolist() == [[False, False], [True, False]]
    assert entries.badness.tolist() == [[-1, -1], [5, -1]]
    assert entries[:1].badness.tolist() == [[-1, 5]]


@pytest.mark.parametrize("rows", [slice(0, 1), slice(1, 2), slice(None)])
@pytest.mark.parametrize("each", [False, True])
def test_some_entries_are_those_of_these_rows(entries: Entries, rows: slice, each: bool) -> None:
    if each:
        entries = replace(entries, uncertainty=np.array([[0.5, 40], [8, 0]]))
    some = entries[rows]
    for name in ("analytic", "numeric", "relative_error", "severity"):
        assert np.array_equal(getattr(some, name), getattr(entries, name)[rows]), name
    whole = np.broadcast_to(entries.relative_uncertainty, (2, 2))
    assert np.array_equal(
        np.broadcast_to(some.relative_uncertainty, some.numeric.shape), whole[rows]
    )


def test_entries_of_one_row_are_sliced_too() -> None:
    one = Entries(row(1), row(1), row(0.5), row(1), tolerance())
    assert one[:1].uncertainty.tolist() == [[0.5]]
    assert one[1:].uncertainty.size == one[1:].numeric.size == 0


# What cannot be compared


def test_what_cannot_be_compared_has_failed() -> None:
    check = uncomparable("dLdZ", (3, 4), "definition")
    assert (check.name, check.shape, check.against) == ("dLdZ", (3, 4), "definition")
    assert check.verdict is FAIL
    assert not check.passed
    assert (check.compared, check.failed, check.undecided, check.worst) == (0, 0, 0, None)
    assert np.isnan([check.max_abs_error, check.max_rel_error, check.uncertainty]).all()


def test_a_comparison_passes_by_its_verdict() -> None:
    for verdict, passed in {PASS: True, INCONCLUSIVE: False, FAIL: False}.items():
        check = Comparison("BZ", "definition", (1, 1), 1, verdict, 0, 0, 0, 0, 0, 0, None)
        assert check.passed is passed

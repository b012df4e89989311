"""Claims are judged entry by entry: the worst entry, the counts, shapes that cannot be."""

from dataclasses import replace

import numpy as np
import pytest

from bncheck.arrays import EPS, RowsByFunction
from bncheck.compare.claims import (
    ALONG,
    DEFINITION_ERROR,
    Claim,
    align,
    compare,
    exact,
    precision,
    quantity_of,
    worst_entries,
)
from bncheck.compare.comparison import Comparison, Verdict
from bncheck.compare.tolerance import Tolerance
from bncheck.numdiff import DEFINITION, FINITE_DIFFERENCES, Derivative
from tests import comparing

PASS, INCONCLUSIVE, FAIL = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL
TRUE = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
SCALE = np.array([[1.0, 10.0]])


def compared(
    analytic: object,
    numeric: np.ndarray = TRUE,
    *,
    name: str = "dLdZ",
    scale: np.ndarray = SCALE,
    **options: object,
) -> Comparison:
    return comparing.compared(name, analytic, numeric, scale=scale, **options)


@pytest.mark.parametrize(
    ("error", "uncertainty", "verdict"),
    [
        (0.0, 0.0, PASS),
        (0.9e-6, 0.0, PASS),
        (0.5e-6, 0.4e-6, PASS),
        (0.5e-6, 0.6e-6, INCONCLUSIVE),
        (1.5e-6, 0.6e-6, INCONCLUSIVE),
        (1.7e-6, 0.6e-6, FAIL),
        (1.1e-6, 0.0, FAIL),
        (1.0, np.inf, INCONCLUSIVE),
        (np.nan, 0.0, FAIL),
        (np.inf, 0.0, FAIL),
    ],
)
def test_the_verdict_is_that_of_the_worst_entry(
    error: float, uncertainty: float, verdict: Verdict
) -> None:
    analytic = TRUE.copy()
    analytic[1, 1] += error * 10
    assert compared(analytic, uncertainty=uncertainty).verdict is verdict


@pytest.mark.parametrize(("error", "verdict"), [(5e-6, INCONCLUSIVE), (2e-5, FAIL), (5e-7, PASS)])
def test_what_rounding_may_explain_is_not_called_a_mistake(error: float, verdict: Verdict) -> None:
    analytic = TRUE + error * SCALE
    assert compared(analytic, excusable=1e-5).verdict is verdict


def test_the_worst_entry_is_named_with_both_values() -> None:
    analytic = TRUE.copy()
    analytic[2, 0] += 0.1
    analytic[1, 1] += 0.5  # larger, but not in units of its column
    check = compared(analytic, uncertainty=np.array([[0.01, 0.02]]), names=("ash", "hue"))
    worst = check.worst
    assert worst is not None
    assert (worst.row, worst.feature, worst.name) == (2, 0, "ash")
    assert (worst.analytic, worst.numeric) == (3.1, 3.0)
    assert (worst.rel_error, worst.uncertainty) == pytest.approx((0.1, 0.01))


def test_a_comparison_sums_up_its_entries() -> None:
    analytic = TRUE + np.array([[0, 0], [1e-7, 50], [0.1, 0]])
    check = compared(analytic, uncertainty=np.array([[0.0, 1e-7]]), accepted=1e-5, excusable=1e-4)
    assert (check.name, check.shape, check.compared) == ("dLdZ", (3, 2), 6)
    assert (check.failed, check.undecided) == (2, 0)
    assert check.max_abs_error == 50
    assert check.max_rel_error == pytest.approx(5)
    assert check.column_errors == pytest.approx(np.array([[0.1, 5.0]]))
    assert check.uncertainty == pytest.approx(1e-7, rel=1e-9, abs=0)
    assert check.tolerance == 1e-5
    assert check.entries is not None
    assert np.array_equal(check.entries.analytic, analytic)


def test_the_largest_tolerance_and_the_largest_error_are_told() -> None:
    held_against = Tolerance(np.array([[1e-6, 1e-3]]), np.array([[1.0, 1.0]]))
    claim = Claim("BZ", TRUE - [[0.5, 0]], exact(TRUE, SCALE), TRUE.shape, SCALE, held_against)
    check = compare(claim)
    assert check.tolerance == 1e-3
    assert check.max_abs_error == 0.5  # of either sign
    assert check.uncertainty == DEFINITION_ERROR


def test_the_worst_entry_of_a_failed_check_is_one_that_failed() -> None:
    analytic = TRUE + np.array([[1e-3, 0.0]]) * SCALE
    analytic[0, 1] += 1e-4
    check = compared(analytic, uncertainty=np.array([[1.0, 0.0]]))  # nothing is known of column 0
    assert check.verdict is FAIL
    assert check.worst is not None
    assert check.worst.feature == 1
    assert (check.failed, check.undecided) == (1, 3)


def test_of_inconclusive_entries_that_of_which_least_is_known_is_the_worst() -> None:
    analytic = TRUE.copy()
    analytic[1, 0] += 1e-3
    check = compared(analytic, uncertainty=np.array([[0.1, 0.5]]))
    assert check.verdict is INCONCLUSIVE
    assert check.undecided == 6
    assert check.worst is not None
    assert (check.worst.row, check.worst.feature) == (0, 1)
    assert [(each.row, each.feature) for each in worst_entries(check, 5)] == [
        (0, 1), (1, 1), (2, 1), (1, 0), (0, 0),
    ]  # fmt: skip


# Many rows


@pytest.mark.parametrize("row", [0, 30_000, 89_999])
@pytest.mark.parametrize("lazy", [False, True])
def test_the_worst_entry_is_found_in_any_block(row: int, lazy: bool) -> None:
    analytic = np.zeros((90_000, 2))
    analytic[45_000, 0] = 0.2
    analytic[row, 1] = 0.5
    whole = RowsByFunction(analytic.shape, lambda rows: analytic[rows]) if lazy else analytic
    zero = exact(np.zeros_like(analytic), np.ones((1, 2)))
    held_against = Tolerance(np.full((1, 2), 1e-6), np.full((1, 2), 1e-6))
    check = compare(Claim("dLdZ", whole, zero, (90_000, 2), np.ones((1, 2)), held_against))
    assert check.worst is not None
    assert (check.worst.row, check.worst.feature, check.worst.analytic) == (row, 1, 0.5)
    assert (check.failed, check.compared) == (2, 180_000)
    assert check.max_abs_error == check.max_rel_error == 0.5
    assert check.column_errors is not None
    assert check.column_errors.tolist() == [[0.2, 0.5]]
    # Of what is computed when it is asked for, no entries are kept.
    assert (check.entries is None) == lazy
    assert len(worst_entries(check, 3)) == (0 if lazy else 2)


def test_one_failure_outweighs_a_larger_error_that_is_inconclusive_elsewhere() -> None:
    analytic = np.zeros((90_000, 1))
    analytic[0], analytic[-1] = 100, 1
    uncertainty = np.zeros((90_000, 1))
    uncertainty[0] = 1000

    def numeric(rows: slice) -> Derivative:
        source = DEFINITION if rows.start == 0 else FINITE_DIFFERENCES
        return Derivative(np.zeros((rows.stop - rows.start, 1)), uncertainty[rows], source=source)

    rows = RowsByFunction(analytic.shape, lambda some: analytic[some])
    one = np.ones((1, 1))
    check = compare(Claim("dLdZ", rows, numeric, analytic.shape, one, Tolerance(one / 9, one / 9)))
    assert check.verdict is FAIL
    assert (check.failed, check.undecided) == (1, 1)
    assert check.worst is not None
    assert check.worst.row == 89_999
    assert check.uncertainty == 1000
    # The definition had a part in it.
    assert check.against == DEFINITION


@pytest.mark.parametrize("source", [DEFINITION, FINITE_DIFFERENCES])
@pytest.mark.parametrize("against", ["", "first answer"])
def test_what_something_is_held_against_is_told(source: str, against: str) -> None:
    one = np.ones((1, 1))
    numeric = Derivative(one, 0 * one, source=source)
    claim = Claim("BZ", one, lambda _: numeric, (1, 1), one, Tolerance(one, one), against=against)
    assert compare(claim).against == (against or source)
    misshapen = replace(claim, analytic=np.ones((3, 3)))
    assert compare(misshapen).against == (against or DEFINITION)


# The worst entries


def test_the_worst_entries_come_in_order() -> None:
    analytic = TRUE + np.array([[0.3, 1], [0, 4], [0.2, 0]])
    found = worst_entries(compared(analytic), 3)
    assert [(each.row, each.feature) for each in found] == [(1, 1), (0, 0), (2, 0)]
    assert [each.rel_error for each in found] == pytest.approx([0.4, 0.3, 0.2])
    assert [each.analytic for each in found] == pytest.approx([24, 1.3, 3.2])
    assert len(worst_entries(compared(analytic), 99)) == 4  # no more failed
    assert worst_entries(compared(analytic), 0) == ()


def test_equal_errors_come_in_the_order_of_rows() -> None:
    found = worst_entries(compared(TRUE), 4, ("ash", "hue"))
    assert [(each.row, each.name) for each in found] == [
        (0, "ash"), (0, "hue"), (1, "ash"), (1, "hue"),
    ]  # fmt: skip


def test_of_what_could_not_be_compared_no_entry_is_the_worst() -> None:
    assert worst_entries(compared(TRUE[:1]), 3) == ()


@pytest.mark.parametrize(("name", "row"), [("dLdBW", None), (f"{ALONG}_1", None), ("BZ", 0)])
def test_a_quantity_of_the_features_has_no_row(name: str, row: int | None) -> None:
    check = compared(TRUE[:1] + 1, TRUE[:1], name=name)
    assert check.worst is not None
    assert check.worst.row == row
    assert worst_entries(check, 1) == (check.worst,)


def test_a_column_without_scale_must_be_exact() -> None:
    scale = np.array([[0.0, 10.0]])
    assert compared(TRUE, scale=scale).passed
    tiny = np.zeros((3, 2))
    tiny[1, 0] = 1e-300
    assert compared(tiny, np.zeros((3, 2)), scale=scale).verdict is FAIL


# Shapes


@pytest.mark.parametrize("analytic", [TRUE[0], TRUE[:1], TRUE[0].astype(np.float32)])
def test_one_value_for_each_feature_may_be_one_dimensional(analytic: np.ndarray) -> None:
    check = compared(analytic, TRUE[:1], name="dLdBW")
    assert check.passed
    assert check.shape == analytic.shape


@pytest.mark.parametrize("analytic", [TRUE, TRUE.T, TRUE[:, 0], 3.0, TRUE[None], "text", None])
def test_other_shapes_fail_without_a_comparison(analytic: object) -> None:
    check = compared(analytic, TRUE[:1], name="dLdBW")
    assert check.verdict is FAIL
    assert check.compared == 0
    assert check.worst is None
    assert check.shape == np.shape(analytic)
    assert check.against == DEFINITION


def test_for_one_feature_a_scalar_is_as_good() -> None:
    check = compared(np.array(3.0), np.array([[3.0]]), name="dLdBb", scale=np.ones((1, 1)))
    assert check.passed


@pytest.mark.parametrize(
    ("A", "shape", "fits"),
    [
        (np.ones((3, 2)), (3, 2), True),
        (np.ones((1, 2)), (1, 2), True),
        (np.ones(2), (1, 2), True),
        (np.ones(2, int), (1, 2), True),
        (np.ones(2, np.uint8), (1, 2), True),
        ([1.0, 2.0], (1, 2), True),
        (np.ones(()), (1, 1), True),
        (np.ones(1), (1, 1), True),
        (np.ones(()), (1, 2), False),
        (np.ones(2), (2, 2), False),
        (np.ones(3), (1, 2), False),
        (np.ones((2, 1)), (1, 2), False),
        (np.ones((2, 3)), (3, 2), False),
        (np.ones((1, 1, 2)), (1, 2), False),
        (np.ones((1, 2), complex), (1, 2), False),
        (np.ones((1, 2), bool), (1, 2), False),
        (np.array([["a", "b"]]), (1, 2), False),
        (np.array(None), (1, 1), False),
    ],
)
def test_what_fits_is_given_its_shape(A: object, shape: tuple[int, int], fits: bool) -> None:
    found = align(A, shape)
    assert (found is not None) == fits
    if fits:
        assert found.shape == shape
        assert np.array_equal(found.ravel(), np.ravel(A))


def test_rows_that_are_computed_fit_by_their_shape() -> None:
    rows = RowsByFunction((3, 2), lambda some: TRUE[some])
    assert align(rows, (3, 2)) is rows
    assert align(rows, (2, 3)) is None
    assert align(RowsByFunction((1, 2), lambda some: TRUE[some]), (1, 2)) is not None


# Names and types


def test_what_is_exact_is_known_to_the_rounding_of_float64() -> None:
    known = exact(TRUE, SCALE)(slice(1, 3))
    assert np.array_equal(known.value, TRUE[1:])
    assert known.uncertainty == pytest.approx(32 * EPS * SCALE, rel=1e-9, abs=0)
    assert known.source == DEFINITION


@pytest.mark.parametrize(
    ("label", "quantity"),
    [
        ("BZ", "BZ"),
        ("BZ_again", "BZ"),
        ("BZ_eval", "BZ"),
        ("BZ_eps", "BZ"),
        ("BZ_eval_eps", "BZ"),
        ("dLdZ_again", "dLdZ"),
        ("dLdZ_eps", "dLdZ"),
        ("dLdZ_along_1", "dLdZ"),
        ("running_M", "running_M"),
    ],
)
def test_the_quantity_behind_a_row_of_the_report(label: str, quantity: str) -> None:
    assert quantity_of(label) == quantity


@pytest.mark.parametrize(
    ("kinds", "coarsest"),
    [
        (["f8"], "f8"),
        (["f8", "f4"], "f4"),
        (["f2", "f4"], "f2"),
        (["f8", "i8"], "f8"),
        (["f4", "O"], "f4"),
    ],
)
def test_the_coarsest_type_decides(kinds: list[str], coarsest: str) -> None:
    assert precision(*map(np.dtype, kinds)) == np.finfo(coarsest).eps

"""Comparisons: the verdict of each entry, the entry that is named, shapes that cannot be."""

import numpy as np
import pytest

from bncheck.compare.comparison import Comparison, Verdict, overall
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
def test_the_verdict_weighs_error_against_uncertainty(
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
    worst = compared(analytic).worst
    assert worst is not None
    assert (worst.row, worst.feature) == (2, 0)
    assert (worst.analytic, worst.numeric) == (3.1, 3.0)
    assert worst.rel_error == pytest.approx(0.1)


def test_the_worst_entry_of_a_failed_check_is_one_that_failed() -> None:
    analytic = TRUE + np.array([[1e-3, 0.0]]) * SCALE
    analytic[0, 1] += 1e-4
    check = compared(analytic, uncertainty=np.array([[1.0, 0.0]]))  # nothing is known of column 0
    assert check.verdict is FAIL
    assert check.worst is not None
    assert check.worst.feature == 1
    assert (check.failed, check.undecided) == (1, 3)


def test_a_quantity_of_the_features_has_no_row() -> None:
    worst = compared(TRUE[:1] + 1, TRUE[:1], name="dLdBW").worst
    assert worst is not None
    assert worst.row is None


def test_a_column_without_scale_must_be_exact() -> None:
    scale = np.array([[0.0, 10.0]])
    assert compared(TRUE, scale=scale).passed
    assert (
        compared(TRUE + [[1e-300, 0]] * np.sign(TRUE), np.zeros((3, 2)), scale=scale).verdict
        is FAIL
    )


@pytest.mark.parametrize("analytic", [TRUE[0], TRUE[:1], TRUE[0].astype(np.float32)])
def test_one_value_for_each_feature_may_be_one_dimensional(analytic: np.ndarray) -> None:
    assert compared(analytic, TRUE[:1], name="dLdBW").passed


@pytest.mark.parametrize("analytic", [TRUE, TRUE.T, TRUE[:, 0], 3.0, TRUE[None], "text"])
def test_other_shapes_fail_without_a_comparison(analytic: object) -> None:
    check = compared(analytic, TRUE[:1], name="dLdBW")
    assert check.verdict is FAIL
    assert check.compared == 0
    assert check.worst is None


def test_for_one_feature_a_scalar_is_as_good() -> None:
    check = compared(np.array(3.0), np.array([[3.0]]), name="dLdBb", scale=np.ones((1, 1)))
    assert check.passed


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ([], PASS),
        ([PASS, PASS], PASS),
        ([PASS, INCONCLUSIVE], INCONCLUSIVE),
        ([FAIL, INCONCLUSIVE, PASS], FAIL),
    ],
)
def test_fail_over_inconclusive_over_pass(verdicts: list[Verdict], worst: Verdict) -> None:
    assert overall(verdicts) is worst

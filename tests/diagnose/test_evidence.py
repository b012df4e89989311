"""Evidence: when values explain what a layer says."""

import numpy as np
import pytest

from bncheck.diagnose.evidence import Evidence
from tests.diagnose.made import Array, made
from tests.diagnose.test_known_mistakes import reference

RESOLUTION = 1e-6


def evidence(analytic: Array, label: str = "dLdZ", *, mode: str = "train") -> Evidence:
    b = made(mode)
    return Evidence(label, analytic, b.right["dLdZ"], reference(b), RESOLUTION)


def test_a_row_of_the_report_belongs_to_a_quantity() -> None:
    given = evidence(made().Z, "dLdZ_eps")
    assert given.name == "dLdZ"
    assert (given.scale == reference(made()).scales["dLdZ"]).all()


def test_equal_values_that_are_wrong_fit() -> None:
    wrong = 2 * made().right["dLdZ"]
    assert evidence(wrong).fits(wrong)
    assert evidence(wrong).fits(wrong + 0.5 * RESOLUTION * evidence(wrong).scale)


def test_one_entry_that_differs_is_enough_not_to_fit() -> None:
    wrong = 2 * made().right["dLdZ"]
    other = wrong.copy()
    other[2, 1] += 1e-3
    assert not evidence(wrong).fits(other)
    assert not evidence(other).fits(wrong)


@pytest.mark.parametrize(("roundings", "fits"), [(2, False), (50, True)])
def test_values_that_may_be_right_fit_nothing(roundings: float, fits: bool) -> None:
    right = made().right["dLdZ"]
    given = evidence(right + 0)
    near = right.copy()
    near[0, 0] += roundings * RESOLUTION * given.scale[0, 0]
    assert evidence(near).fits(near) is fits


def test_what_is_not_finite_fits_nothing() -> None:
    right = made().right["dLdZ"]
    with np.errstate(invalid="ignore"):
        assert not evidence(2 * right).fits(np.full_like(right, np.inf))
        assert not evidence(2 * right).fits(np.full_like(right, np.nan))

"""How large an error may be: what is asked for, and what rounding explains."""

import numpy as np
import pytest

from bncheck.compare.tolerance import (
    LARGEST_ACCEPTED,
    LARGEST_ACCEPTED_ROUNDINGS,
    RTOL,
    Tolerance,
    rounding_budget,
    tolerance_of,
)
from bncheck.reference.forward import Parameters, ReferenceForward, apply_definition

EPS = {kind: float(np.finfo(kind).eps) for kind in ("f8", "f4", "f2")}
N = 25
CONDITION = np.array([[10.0, 1e4]])
"""Of the columns below: how many standard deviations their values are large."""


def reference(mode: str = "train") -> ReferenceForward:
    Z = np.where(np.arange(N)[:, None] % 2, 1.0, -1.0) * [1, 1]
    Z[-1] = 0
    Z *= np.sqrt(25 / 24)  # so that V is 1
    Z += CONDITION - np.abs(Z).max(axis=0)
    row = np.ones((1, 2))
    start = Parameters(row, row, CONDITION, row, alpha=0.9, eps=0.0)
    return apply_definition(Z, np.ones((N, 2)), lambda _: start, eval=mode == "eval")


def budget(condition: object, kind: str = "f8") -> np.ndarray:
    return 2 * EPS[kind] * 5 * (4 + np.broadcast_to(condition, (1, 2)))


@pytest.mark.parametrize("kind", EPS)
def test_the_budget_is_a_few_roundings_of_what_is_subtracted(kind: str) -> None:
    assert rounding_budget(N, CONDITION, EPS[kind]) == pytest.approx(
        budget(CONDITION, kind), rel=1e-9, abs=0
    )


def test_the_reference_has_the_condition_that_these_tests_speak_of() -> None:
    for mode in ("train", "eval"):
        assert reference(mode).condition == pytest.approx(CONDITION)


@pytest.mark.parametrize(
    ("name", "mode", "condition"),
    [
        # What shows the loss at first hand.
        ("BZ", "train", CONDITION),
        ("BZ", "eval", CONDITION),
        ("running_V", "train", CONDITION),
        # Nothing large is subtracted on the way to these.
        ("running_M", "train", 0),
        ("dLdBb", "train", 0),
        ("dLdNZ", "train", 0),
        ("dLdM", "train", 0),
        ("dLdZ", "eval", 0),
        # These lose what the forward loses.
        ("dLdBW", "train", CONDITION),
        ("dLdBW", "eval", CONDITION),
        ("dLdV", "train", CONDITION),
        ("dLdZ", "train", CONDITION),
        ("dLdZ_along_1", "train", CONDITION),
    ],
)
def test_the_budget_is_that_of_the_quantity(name: str, mode: str, condition: object) -> None:
    found = tolerance_of(name, reference(mode), EPS["f8"], rtol=1e-20)
    assert found.accepted == pytest.approx(budget(condition), rel=1e-9, abs=0)
    assert found.excusable == pytest.approx(budget(condition), rel=1e-9, abs=0)


@pytest.mark.parametrize("name", ["dLdBW", "dLdV", "dLdZ"])
def test_a_gradient_may_lose_no_more_than_the_layers_own_output(name: str) -> None:
    lost = EPS["f8"] * np.array([[1.0, 100.0]])
    found = tolerance_of(name, reference(), EPS["f8"], rtol=1e-20, BZ_error=lost)
    assert found.accepted == pytest.approx(budget([[4, 400]]), rel=1e-9, abs=0)
    # The data allow no more, whatever the output has lost.
    found = tolerance_of(name, reference(), EPS["f8"], rtol=1e-20, BZ_error=1e9 * lost)
    assert found.accepted == pytest.approx(budget(CONDITION), rel=1e-9, abs=0)


@pytest.mark.parametrize("name", ["BZ", "running_V"])
def test_the_output_itself_is_held_against_the_data(name: str) -> None:
    found = tolerance_of(name, reference(), EPS["f8"], rtol=1e-20, BZ_error=np.zeros((1, 2)))
    assert found.accepted == pytest.approx(budget(CONDITION), rel=1e-9, abs=0)


def test_what_is_asked_for_is_accepted_in_any_case() -> None:
    found = tolerance_of("BZ", reference(), EPS["f8"], RTOL)
    assert RTOL == 1e-6
    assert found.accepted.tolist() == found.excusable.tolist() == [[1e-6, 1e-6]]
    found = tolerance_of("BZ", reference(), EPS["f4"], rtol=0.5)
    assert found.accepted.tolist() == found.excusable.tolist() == [[0.5, 0.5]]


def test_rounding_beyond_a_limit_is_excused_but_not_accepted() -> None:
    found = tolerance_of("BZ", reference(), EPS["f4"], RTOL)
    assert found.accepted == pytest.approx(
        np.array([[budget(10, "f4")[0, 0], 1e-4]]), rel=1e-9, abs=0
    )
    assert found.excusable == pytest.approx(budget(CONDITION, "f4"), rel=1e-9, abs=0)
    assert LARGEST_ACCEPTED == 1e-4


def test_the_limit_is_wider_for_types_as_coarse_as_float16() -> None:
    found = tolerance_of("BZ", reference(), EPS["f2"], RTOL)
    limit = 64 * EPS["f2"]
    assert limit == LARGEST_ACCEPTED_ROUNDINGS * EPS["f2"] > LARGEST_ACCEPTED
    assert found.accepted == pytest.approx(np.array([[limit, limit]]), rel=1e-9, abs=0)
    assert found.excusable == pytest.approx(budget(CONDITION, "f2"), rel=1e-9, abs=0)
    found = tolerance_of("dLdBb", reference(), EPS["f2"], RTOL)
    assert found.accepted == pytest.approx(budget(0, "f2"), rel=1e-9, abs=0)


def test_a_tolerance_is_one_for_each_column() -> None:
    found = tolerance_of("BZ", reference(), EPS["f8"], RTOL)
    assert isinstance(found, Tolerance)
    assert found.accepted.shape == found.excusable.shape == (1, 2)

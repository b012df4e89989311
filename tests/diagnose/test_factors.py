"""Factors: whatever a quantity is multiplied by by mistake is recognised."""

import numpy as np
import pytest

from bncheck.diagnose.explain import EQUALLY
from bncheck.diagnose.factors import fitting_factors, usual_factors
from tests.diagnose.made import EPS, Array, Made, codes_of, made, notes_on
from tests.diagnose.test_known_mistakes import reference


def factors_of(b: Made) -> dict[str, Array | float]:
    """The factors of the usual mistakes, by the end of their code."""
    variance = b.used_V + EPS
    return {
        "doubled": 2,
        "halved": 0.5,
        "n-forgotten": 12,
        "n-twice": 1 / 12,
        "n-minus-1": 12 / 11,
        "n-minus-1-over": 11 / 12,
        "scale-forgotten": 1 / b.BW,
        "scale-twice": b.BW,
        "eps-missing-root": np.sqrt(variance / b.used_V),
        "eps-missing-power": np.sqrt(variance / b.used_V) ** 3,
        "power-half-high": np.sqrt(variance),
        "power-one-high": variance,
        "power-three-halves-high": variance * np.sqrt(variance),
        "power-half-low": 1 / np.sqrt(variance),
        "power-one-low": 1 / variance,
        "power-three-halves-low": 1 / variance / np.sqrt(variance),
    }


FACTORS = tuple(factors_of(made()))
NAMES = ("dLdNZ", "dLdV", "dLdM")


@pytest.mark.parametrize("code", FACTORS)
@pytest.mark.parametrize("name", NAMES)
def test_a_factor_is_recognised_and_taken_for_no_other_one(name: str, code: str) -> None:
    b = made()
    wrong = factors_of(b)[code] * b.right[name]
    assert codes_of({name: wrong}, b) == [f"{name}-{code}"]
    assert codes_of({name: -wrong}, b) == [f"{name}-sign-{code}"]


@pytest.mark.parametrize("name", NAMES)
def test_the_plain_factors_are_recognised(name: str) -> None:
    b = made()
    right = b.right[name]
    assert codes_of({name: -right}, b) == [f"{name}-sign"]
    assert codes_of({name: 0 * right}, b) == [f"{name}-missing"]
    assert codes_of({name: right}, b) == []


def test_every_usual_factor_is_planted_here() -> None:
    both = {code for each in FACTORS for code in (each, f"sign-{each}")}
    assert {factor.code for factor in usual_factors(reference(made()))} == (
        both | {"missing", "one", "sign"}
    )


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (0, "dLdNZ is 0"),
        (-1, "dLdNZ has the wrong sign"),
        (-2, "dLdNZ has the wrong sign and is twice what it should be"),
        (1.001, "dLdNZ is 1.001 times what it should be"),
    ],
)
def test_a_factor_is_said_in_words(factor: float, words: str) -> None:
    (note,) = notes_on({"dLdNZ": factor * made().dLdNZ}, made())
    assert note.message == words
    assert note.meant == "dLdNZ = dLdBZ * BW"


def test_all_factors_that_fit_are_given() -> None:
    b = made(N=2)
    notes = notes_on({"dLdNZ": b.dLdNZ / 2}, b)
    assert [note.code for note in notes[:3]] == (
        ["dLdNZ-halved", "dLdNZ-n-twice", "dLdNZ-n-minus-1-over"]
    )
    assert [note.message for note in notes[:3]] == [
        "dLdNZ is half of what it should be",
        f"{EQUALLY}: dLdNZ is divided by N twice",
        f"{EQUALLY}: dLdNZ is multiplied by (N - 1) / N",
    ]


def test_one_number_is_some_multiple_of_another_which_explains_nothing() -> None:
    b = made()
    one = Made("train", b.Z[:, :1], b.dLdBZ[:, :1], *(A[:, :1] for A in b.state.values()))
    assert codes_of({"dLdM": 1.2345 * one.right["dLdM"]}, one) == ["unexplained"]
    assert codes_of({"dLdM": 2 * one.right["dLdM"]}, one) == ["dLdM-doubled"]
    assert codes_of({"dLdM": 1.2345 * b.right["dLdM"]}, b) == ["dLdM-constant"]


def test_different_numbers_in_different_columns_explain_nothing() -> None:
    b = made()
    assert codes_of({"dLdNZ": b.dLdNZ * [[1.2, 1.3, 1.4]]}, b) == ["unexplained"]


def test_what_is_no_multiple_in_every_row_is_not_explained() -> None:
    b = made()
    twice = 2 * b.dLdNZ
    twice[3, 1] *= 1.01
    assert codes_of({"dLdNZ": twice}, b) == ["unexplained"]


def test_in_inference_dLdZ_is_explained_by_its_factor() -> None:
    b = made("eval")
    for code, factor in factors_of(b).items():
        assert codes_of({"dLdZ": factor * b.right["dLdZ"]}, b) == [f"dLdZ-{code}"]


def test_a_column_in_which_the_quantity_is_0_says_nothing_about_its_factor() -> None:
    b = made()
    flat = Made("train", b.Z, b.dLdBZ * [[1, 0, 1]], *b.state.values())
    (note,) = notes_on({"dLdM": flat.right["dLdM"] * flat.BW}, flat)[:1]
    assert note.code == "dLdM-scale-twice"


def test_a_factor_that_is_infinite_explains_nothing() -> None:
    b = made()
    constant = Made("train", np.full_like(b.Z, 2.0), b.dLdBZ, *b.state.values())
    wrong = constant.right["dLdM"] / 12
    # Without eps it would be divided by 0.
    assert codes_of({"dLdM": wrong}, constant)[0] == "dLdM-n-twice"
    assert not [code for code in codes_of({"dLdM": wrong}, constant) if "eps" in code]


def fitting(ratios: list[float], resolution: float = 1e-6, columns: object = True) -> list[str]:
    """Codes of the factors that fit ratios in the three columns."""
    found = fitting_factors(
        np.array([ratios]),
        np.broadcast_to(np.array(columns), (1, 3)),
        reference(made()),
        np.full((1, 3), resolution),
        entries=3,
    )
    return [factor.code for factor in found]


def test_where_the_factor_is_1_nothing_else_is_said() -> None:
    assert fitting([1, 1, 1]) == ["one"]
    assert fitting([1, 1, 1], resolution=0.04) == ["one"]


def test_a_ratio_that_is_not_known_says_nothing() -> None:
    assert fitting([2, 2, 2], resolution=0.04) == ["doubled"]
    assert fitting([2, 2, 2], resolution=0.06) == []
    assert fitting([2, 7, 2], columns=[[True, False, True]]) == ["doubled"]
    assert fitting([2, 2, 2], columns=False) == []


def test_a_factor_that_is_nearly_1_is_not_told_from_1() -> None:
    # (N - 1) / N is 11/12, and 1/12 is 0.083.
    assert fitting([-1, -1, -1], resolution=0.04) == ["sign"]
    assert fitting([0, 0, 0], resolution=0.04) == ["missing"]
    assert fitting([12, 12, 12], resolution=0.04) == ["n-forgotten"]

"""Paths: a factor before one of the three paths of dLdZ is found, and its numbers are shown."""

import numpy as np
import pytest

from bncheck.diagnose.evidence import Evidence
from bncheck.diagnose.paths import split_paths
from tests.diagnose.made import EPS, Array, Made, codes_of, made, notes_on
from tests.diagnose.test_factors import FACTORS, factors_of
from tests.diagnose.test_known_mistakes import reference

PATHS = ("direct", "variance", "mean")


def dLdZ(b: Made, direct: object = 1, variance: object = 1, mean: object = 1) -> Array:
    """dLdZ with a factor before each path."""
    return sum(np.multiply(c, A) for c, A in zip((direct, variance, mean), b.paths, strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("code", FACTORS)
@pytest.mark.parametrize("path", PATHS)
def test_a_factor_before_one_path_is_found(path: str, code: str) -> None:
    b = made()
    factor = factors_of(b)[code]
    assert codes_of({"dLdZ": dLdZ(b, **{path: factor})}, b) == [f"{path}-path-{code}"]
    assert codes_of({"dLdZ": dLdZ(b, **{path: -factor})}, b) == [f"{path}-path-sign-{code}"]


@pytest.mark.parametrize("code", FACTORS)
def test_a_factor_before_all_paths_is_one_before_dLdZ(code: str) -> None:
    b = made()
    (note,) = notes_on({"dLdZ": factors_of(b)[code] * b.right["dLdZ"]}, b)
    assert note.code == f"dLdZ-{code}"
    assert note.message.startswith("dLdZ ")


@pytest.mark.parametrize(
    ("factors", "code", "message"),
    [
        (
            {"variance": 0},
            "variance-path-missing",
            "the variance path of dLdZ is missing: fitted direct 1.000, variance 0.000, "
            "mean 1.000 in all 3 features",
        ),
        (
            {"direct": -1},
            "direct-path-sign",
            "the direct path of dLdZ has the wrong sign: fitted direct -1.000, variance 1.000, "
            "mean 1.000 in all 3 features",
        ),
        (
            {"variance": 12 / 11, "mean": 12 / 11},
            "variance-path-n-minus-1-mean-path-n-minus-1",
            "each of the variance and mean paths of dLdZ is divided by N - 1 instead of N: fitted "
            "direct 1.000, variance 1.091, mean 1.091 in all 3 features",
        ),
        (
            {"mean": made().BW},
            "mean-path-scale-twice",
            "the mean path of dLdZ has the factor BW twice: fitted direct 1.000, variance 1.000, "
            "mean -0.600 … 2.300 in all 3 features",
        ),
        (
            {"direct": 1.5, "variance": 1.5, "mean": 1.5},
            "dLdZ-constant",
            "dLdZ is 1.5 times what it should be: fitted direct 1.500, variance 1.500, mean 1.500 "
            "in all 3 features",
        ),
    ],
)
def test_the_fitted_factors_are_shown(factors: dict[str, object], code: str, message: str) -> None:
    (note,) = notes_on({"dLdZ": dLdZ(made(), **factors)}, made())
    assert (note.code, note.message) == (code, message)
    assert note.meant == "dLdZ = dLdNZ / sqrt(V + eps) + dLdV * 2 * (Z - M) / N + dLdM / N"


def test_eps_missing_in_the_backward_alone_is_one_mistake_in_all_paths() -> None:
    b = made()
    root = np.sqrt((b.V + EPS) / b.V)
    (note,) = notes_on({"dLdZ": dLdZ(b, root, root**3, root)}, b)
    assert note.code == (
        "direct-path-eps-missing-root-variance-path-eps-missing-power-mean-path-eps-missing-root"
    )
    assert note.message.startswith("each path of dLdZ lacks eps beside the variance: fitted ")


@pytest.mark.parametrize(
    "factors",
    [
        {"direct": 2, "variance": 0.5},
        {"direct": 1.2, "variance": 1.3, "mean": 1.4},
        {"variance": [[1.2, 1.3, 1.4]]},
    ],
)
def test_factors_that_differ_explain_nothing(factors: dict[str, object]) -> None:
    assert codes_of({"dLdZ": dLdZ(made(), **factors)}, made()) == ["unexplained"]


def test_what_is_no_sum_of_the_paths_is_not_explained() -> None:
    wrong = dLdZ(made(), variance=0)
    wrong[4, 2] += 1e-3
    assert codes_of({"dLdZ": wrong}, made()) == ["unexplained"]


def test_columns_that_cannot_be_split_are_left_out() -> None:
    b = made()
    Z = b.Z.copy()
    Z[:, 1] = 5  # no variance path there
    other = Made("train", Z, b.dLdBZ, *b.state.values())
    (note, _) = notes_on({"dLdZ": dLdZ(other, variance=0)}, other)
    assert note.code == "variance-path-missing"
    assert note.message.endswith(" in all 2 features")
    one = Made("train", Z[:, 1:], b.dLdBZ[:, 1:], *(A[:, 1:] for A in b.state.values()))
    (note, _) = notes_on({"dLdZ": dLdZ(one, variance=0)}, one)
    assert note.message.endswith(" in the feature")


def test_the_factors_of_two_rows_cannot_be_split_but_that_of_dLdZ_is_found() -> None:
    b = made(N=2)
    assert codes_of({"dLdZ": 1.5 * b.right["dLdZ"]}, b)[0] == "dLdZ-constant"
    assert codes_of({"dLdZ": dLdZ(b, direct=2)}, b)[0] == "unexplained"


def evidence(b: Made, wrong: Array) -> Evidence:
    return Evidence("dLdZ", wrong, b.right["dLdZ"], reference(b), 1e-6)


def test_the_split_gives_back_the_factors() -> None:
    b = made()
    factors = np.array([[1.25, -2, 3], [0.5, 0, 7], [1, 1, -9]])
    fit = split_paths(evidence(b, dLdZ(b, *factors)))
    assert fit is not None
    np.testing.assert_allclose(fit.coefficients, factors, atol=1e-12)
    assert fit.columns.tolist() == [[True, True, True]]
    assert (np.abs(fit.coefficients - factors) < fit.resolution).all()
    assert (fit.resolution < 1e-3).all()


def test_there_is_no_split_of_something_else() -> None:
    b = made()
    assert split_paths(evidence(b, dLdZ(b) + b.Z**3)) is None
    assert split_paths(evidence(made(N=2), made(N=2).right["dLdZ"])) is None

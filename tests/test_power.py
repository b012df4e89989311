"""Remarks on data that hide mistakes: given where they apply, and nowhere else."""

import numpy as np
import pytest

from bncheck import BatchNorm1d, gradcheck
from bncheck.diagnose.blind_spots import listed

Z = np.random.default_rng(7).standard_normal((12, 3)) + 5
STATE = {
    "BW": [[0.5, 1.5, -2]],
    "Bb": [[3, 1, -1]],
    "running_M": [[5, 5, 4]],
    "running_V": [[2, 1, 3]],
}


def codes(Z: np.ndarray = Z, **arguments: object) -> set[str]:
    """The codes of the notes about a right layer."""
    report = gradcheck(BatchNorm1d(Z.shape[1]), Z, **arguments)  # type: ignore[arg-type]
    assert report.passed
    return {note.code for note in report.inputs[0].notes}


def column(values: np.ndarray) -> np.ndarray:
    """Z with its middle column replaced."""
    return np.column_stack([Z[: len(values), 0], values, Z[: len(values), 2]])


LIKE_OUTPUT = 3 * (Z - Z.mean(axis=0)) / Z.std(axis=0) - 1


@pytest.mark.parametrize(
    ("code", "mini_batch", "arguments"),
    [
        ("power-scale-one", Z, {"state": STATE | {"BW": [[1, 1, 1]]}}),
        ("power-shift-zero", Z, {"state": STATE | {"Bb": [[0, 1, 1]]}}),
        (
            "power-running-start",
            Z,
            {"mode": "eval", "state": STATE | {"running_M": [[0, 5, 4]], "running_V": [[1, 1, 3]]}},
        ),
        ("power-one-row", Z[:1], {}),
        ("power-two-rows", Z[:2], {}),
        ("power-constant-column", column(np.full(12, 0.1)), {}),
        ("power-variance-below-eps", column(Z[:, 1] * 1e-5), {}),
        ("power-upstream-constant", Z, {"dLdBZ": np.ones_like(Z)}),
        ("power-upstream-constant", Z, {"dLdBZ": np.ones_like(Z) * [1.0, -2.0, 0.3]}),
        ("power-upstream-like-output", Z, {"dLdBZ": LIKE_OUTPUT}),
    ],
)
def test_data_that_hide_mistakes_are_told(
    code: str, mini_batch: np.ndarray, arguments: dict[str, object]
) -> None:
    assert codes(mini_batch, **arguments) == {code}


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_what_is_drawn_hides_nothing(mode: str) -> None:
    assert codes(mode=mode) == set()


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_good_data_brought_along_hide_nothing(mode: str) -> None:
    upstream = np.random.default_rng(1).standard_normal(Z.shape)
    assert codes(mode=mode, state=STATE, dLdBZ=upstream) == set()


def test_the_features_concerned_are_named() -> None:
    report = gradcheck(BatchNorm1d(3), column(np.zeros(12)), names=("ash", "hue", "proline"))
    assert [note.message for note in report.inputs[0].notes] == [
        "Z is constant in feature hue: NZ and dLdBW are 0 there, and mistakes in the variance path "
        "cannot be seen"
    ]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ([1], "feature 1"),
        ([0, 2], "features 0, 2"),
        (range(6), "features 0, 1, 2, 3 and 2 more"),
        (range(9), "all features"),
    ],
)
def test_features_are_listed_in_words(chosen: list[int], words: str) -> None:
    columns = np.zeros(9, bool)
    columns[list(chosen)] = True
    assert listed(columns, None) == words

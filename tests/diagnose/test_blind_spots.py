"""Remarks on data that hide mistakes: given where they apply, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest

from bncheck import BatchNorm1d, gradcheck
from bncheck.diagnose.blind_spots import MESSAGES, list_features

GOLDEN = Path(__file__).parent.parent / "golden" / "blind_spots.txt"

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
def test_data_that_hide_mistakes_are_noted(
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
        "Z is constant in feature hue: NZ and dLdBW are 0 there, which hides mistakes in the "
        "variance path"
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
    assert list_features(columns, None) == words


ONLY_IN_THE_SECOND = [
    ("scale-one", {"state": STATE | {"BW": [[0.5, 1, -2]]}}, Z),
    ("shift-zero", {"state": STATE | {"Bb": [[3, 0, -1]]}}, Z),
    (
        "running-start",
        {"mode": "eval", "state": STATE | {"running_M": [[0, 0, 4]], "running_V": [[2, 1, 1]]}},
        Z,
    ),
    ("upstream-constant", {"dLdBZ": Z**2 * [1, 0, 1] + [0, 2, 0]}, Z),
    ("upstream-like-output", {"dLdBZ": np.where([True, False, True], Z**2, LIKE_OUTPUT)}, Z),
    ("constant-column", {}, column(np.full(12, 0.1))),
    ("variance-below-eps", {}, column(Z[:, 1] * 1e-5)),
]


@pytest.mark.parametrize(("code", "arguments", "mini_batch"), ONLY_IN_THE_SECOND)
def test_only_the_columns_concerned_are_named(
    code: str, arguments: dict[str, object], mini_batch: np.ndarray
) -> None:
    report = gradcheck(BatchNorm1d(3), mini_batch, **arguments)  # type: ignore[arg-type]
    (note,) = report.inputs[0].notes
    assert note.code == f"power-{code}"
    assert " in feature 1" in note.message


@pytest.mark.parametrize(
    ("code", "check"),
    [
        ("one-row", "dLdZ"),
        ("two-rows", "dLdZ"),
        ("constant-column", None),
    ],
)
def test_the_quantity_concerned_is_named_where_it_is_one(code: str, check: str | None) -> None:
    mini_batch = {"one-row": Z[:1], "two-rows": Z[:2], "constant-column": column(np.zeros(12))}
    (note,) = gradcheck(BatchNorm1d(3), mini_batch[code]).inputs[0].notes
    assert (note.code, note.check) == (f"power-{code}", check)


def test_the_words(request: pytest.FixtureRequest) -> None:
    lines = [f"{code}: {message}\n" for code, message in MESSAGES.items()]
    if request.config.getoption("--rewrite-golden"):
        GOLDEN.write_text("".join(lines), "utf-8")
    assert GOLDEN.read_text("utf-8") == "".join(lines)


def test_the_eps_that_decides_is_shown() -> None:
    (note,) = gradcheck(BatchNorm1d(3, eps=0.25), Z * 0.01).inputs[0].notes
    assert note.message.startswith("the variance is below eps = 0.25 in all features: ")


def test_starting_values_that_a_layer_happens_to_have_are_drawn_anew_and_hide_nothing() -> None:
    assert codes(mode="train", state={"running_M": [[0, 0, 0]], "running_V": [[1, 1, 1]]}) == set()
    assert codes(mode="eval", state={"running_V": [[1, 2, 3]]}) == set()


def test_an_upstream_gradient_is_not_looked_at_where_rows_hide_everything() -> None:
    assert codes(Z[:1], dLdBZ=np.ones((1, 3))) == {"power-one-row"}
    assert codes(Z[:2], dLdBZ=np.ones((2, 3))) == {"power-two-rows"}


def test_a_constant_column_is_not_called_one_of_small_variance_or_of_constant_upstream() -> None:
    constant = column(np.zeros(12))
    assert codes(constant, dLdBZ=np.ones((12, 3))) == (
        {"power-constant-column", "power-upstream-constant"}
    )
    report = gradcheck(BatchNorm1d(3), constant, dLdBZ=np.ones((12, 3)))
    assert [note.message.split(":")[0] for note in report.inputs[0].notes] == [
        "Z is constant in feature 1",
        "dLdBZ is constant in features 0, 2",
    ]


def test_in_inference_constant_columns_and_few_rows_hide_nothing() -> None:
    assert codes(column(np.zeros(12)), mode="eval") == set()
    assert codes(Z[:1], mode="eval") == set()


def test_what_is_nearly_the_output_is_not_called_so() -> None:
    upstream = LIKE_OUTPUT.copy()
    upstream[0] += 1e-3
    assert codes(dLdBZ=upstream) == set()

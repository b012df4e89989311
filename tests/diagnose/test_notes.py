"""Notes: why a check is inconclusive, what would help, and what an array of a wrong shape is."""

import re

import numpy as np
import pytest

from bncheck import BatchNorm1d, Comparison, Verdict, gradcheck
from bncheck.arrays import EPS
from bncheck.compare.comparison import Entry
from bncheck.diagnose.notes import misfit, reason_for_doubt
from tests.diagnose.made import Made, codes_of, made, notes_on
from tests.diagnose.test_known_mistakes import reference
from tests.planted.layers import Textbook

Z = np.random.default_rng(3).standard_normal((8, 3))
FLOAT32 = float(np.finfo(np.float32).eps)


def inconclusive(error: float, uncertainty: float, name: str | None = None) -> Comparison:
    """The check of dLdZ that is inconclusive because of its second column."""
    entry = Entry(0, 1, name, 0.0, 0.0, error, uncertainty)
    return Comparison(
        "dLdZ",
        "definition",
        (12, 3),
        36,
        Verdict.INCONCLUSIVE,
        *(0, 1),
        *(error, error),
        *(uncertainty, 1e-6),
        entry,
    )


def reason(
    error: float = 1e-9,
    uncertainty: float = 2.1e-4,
    *,
    precision: float = EPS,
    agrees: bool = True,
    offset: float = 0.0,
    name: str | None = None,
) -> str:
    b = made()
    Z = b.Z + np.array([[0, offset, 0]])
    b = Made("train", Z, b.dLdBZ, *b.state.values())
    columns = np.array([[not agrees, agrees, not agrees]])
    note = reason_for_doubt(
        inconclusive(error, uncertainty, name), reference(b), precision, columns
    )
    assert (note.code, note.check) == ("inconclusive", "dLdZ")
    return note.message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {},
            "dLdZ of feature 1 can be known only to 2e-04 of its scale: the tolerance is finer "
            "than rounding allows; pass --rtol 3e-04 to accept what can be known",
        ),
        (
            {"error": 3e-4, "uncertainty": 1e-4, "name": "hue"},
            "dLdZ of hue is off by 3.0e-04 of its scale, by rounding or by mistake: the tolerance "
            "is finer than rounding allows; pass --rtol 5e-04 to accept what can be known",
        ),
        (
            {"agrees": False},
            "dLdZ of feature 1 can be known only to 2e-04 of its scale: the layer's forward is not "
            "the definition's, and is noisy; fix the forward first, or pass --rtol 3e-04 to accept "
            "what can be known",
        ),
        (
            {"precision": FLOAT32},
            "dLdZ of feature 1 can be known only to 2e-04 of its scale: the layer computes in low "
            "precision; check it in float64, or pass --rtol 3e-04 to accept what can be known",
        ),
        (
            {"offset": 3e7},
            "dLdZ of feature 1 can be known only to 2e-04 of its scale: its values are 3e+07 times "
            "their spread, which leaves them few digits; subtract a constant from the column "
            "before checking, or pass --rtol 3e-04 to accept what can be known",
        ),
        (
            {"uncertainty": np.inf, "offset": 3e7},
            "the true dLdZ of feature 1 cannot be determined: its values are 3e+07 times their "
            "spread, which leaves them few digits; subtract a constant from the column before "
            "checking",
        ),
    ],
)
def test_the_reason_for_doubt(arguments: dict[str, object], message: str) -> None:
    assert reason(**arguments) == message  # type: ignore[arg-type]


def test_an_offset_is_a_reason_where_it_uses_up_the_digits_of_a_float64() -> None:
    assert "spread" not in reason(offset=1e5)
    assert "spread" in reason(offset=1e7)
    assert "spread" in reason(offset=1e7, precision=FLOAT32)


def test_low_precision_is_the_reason_where_float64_would_do() -> None:
    for offset in (0, 1e5):
        assert "the layer computes in low precision; check it in float64" in (
            reason(offset=offset, precision=FLOAT32)
        )


def test_the_rtol_that_is_suggested_makes_the_check_conclusive() -> None:
    first = gradcheck(BatchNorm1d(3), Z, rtol=1e-16).inputs[0]
    suggested = {
        note.check: float(re.search(r"--rtol (\S+)", note.message)[1])  # type: ignore[index]
        for note in first.notes
        if note.code == "inconclusive"
    }
    undecided = {check.name for check in first.checks if check.verdict is Verdict.INCONCLUSIVE}
    assert suggested.keys() == undecided
    assert suggested
    for name, rtol in suggested.items():
        again = gradcheck(BatchNorm1d(3), Z, rtol=rtol).inputs[0]
        (verdict,) = [check.verdict for check in again.checks if check.name == name]
        assert verdict is Verdict.PASS, (name, rtol)


def test_what_is_conclusive_needs_no_reason() -> None:
    assert gradcheck(BatchNorm1d(3), Z).inputs[0].notes == ()


@pytest.mark.parametrize(
    ("shape", "expected", "code", "guess"),
    [
        ((3, 7), (7, 3), "shape-transposed", ": it is transposed"),
        ((1, 7, 3), (7, 3), "shape-extra-axis", ": it has an extra axis"),
        ((2, 1, 3), (1, 3), "shape-extra-axis", ": it has an extra axis"),
        ((3, 1), (1, 3), "shape-transposed", ": it is transposed"),
        ((7, 3), (1, 3), "shape-unreduced", ": the sum over the rows is missing"),
        ((), (1, 3), "shape-scalar", ": it is summed over the features as well"),
        *(
            (
                shape,
                (1, 3),
                "shape-wrong-axis",
                ": it is summed over the features instead of the rows",
            )
            for shape in ((7,), (7, 1), (1, 7))
        ),
        ((5, 5), (1, 3), "shape", ""),
        ((), (7, 3), "shape", ""),
        ((7,), (7, 3), "shape", ""),
        ((3, 3), (7, 3), "shape", ""),
    ],
)
def test_an_array_of_the_wrong_shape_is_recognised(
    shape: tuple[int, ...], expected: tuple[int, int], code: str, guess: str
) -> None:
    fact = f"A has shape {shape}, expected {expected}"
    assert misfit("A", shape, expected, 7) == (code, fact + guess)


def test_a_wrong_shape_is_noted_with_the_formula() -> None:
    b = made()
    (note,) = notes_on({"dLdBW": b.dLdBZ * b.NZ}, b)
    assert (note.code, note.check) == ("shape-unreduced", "dLdBW")
    assert note.message == (
        "dLdBW has shape (12, 3), expected (1, 3): the sum over the rows is missing"
    )
    assert note.meant == "dLdBW = sum(dLdBZ * NZ, axis=0, keepdims=True)"


def test_a_transposed_dLdZ_is_noted() -> None:
    b = made("eval")
    (note,) = notes_on({"dLdZ": b.right["dLdZ"].T}, b)
    assert note.code == "shape-transposed"
    assert note.meant == "dLdZ = dLdBZ * BW / sqrt(running_V + eps)"


def test_values_without_an_axis_are_a_remark_on_all_of_them() -> None:
    b = made()
    right = b.right
    (note,) = notes_on({"dLdBb": right["dLdBb"][0]}, b)
    assert (note.code, note.check) == ("shape-1d", None)
    assert note.message == "dLdBb has shape (3,), expected (1, 3)"
    flat = {name: right[name][0] for name in ("running_M", "dLdBW")}
    (note,) = notes_on(flat | {"dLdBb": right["dLdBb"], "dLdZ": right["dLdZ"]}, b)
    assert note.message == "running_M, dLdBW have shape (3,), expected (1, 3)"


def test_a_wrong_shape_is_no_remark_on_flat_shapes_too() -> None:
    b = made()
    assert codes_of({"dLdBb": b.dLdBZ}, b) == ["shape-unreduced"]


def test_what_was_not_computed_is_noted() -> None:
    class Unfinished(Textbook):
        def scale_gradient(self) -> object:  # type: ignore[override]
            return None

    notes = gradcheck(Unfinished(3), Z).inputs[0].notes
    assert [note.message for note in notes if note.code == "unfinished"] == [
        "dLdBW was not computed"
    ]

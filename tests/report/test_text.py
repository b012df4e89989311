"""Reports as text: each line by itself. Whole reports are in tests/golden/."""

import re

import numpy as np
import pytest

from bncheck.compare.comparison import uncomparable
from bncheck.report.model import LayerNotLoaded, Note, PassOfInput, PassReport
from bncheck.report.screen import Screen
from bncheck.report.text import gradcheck_parts, pass_parts
from tests.report.made import comparison, input_report, report, with_error


def lines_of(*inputs, width: int = 100_000, **more) -> list[str]:
    screen = Screen(width)
    return screen.text(gradcheck_parts(report(*inputs, **more), screen, worst=0)).splitlines()


def row(check) -> list[str]:
    """The cells of a check's row."""
    return re.split(r"  +", lines_of(input_report(check))[3].strip())


def test_the_headline_says_what_was_checked() -> None:
    assert lines_of(input_report(comparison()))[0] == ("Z.npy   10 × 6   train   a layer   seed 0")
    other = input_report(comparison(), dtype="float32", mode="eval")
    assert lines_of(other, method="central", seed=7)[0] == (
        "Z.npy   10 × 6   eval   a layer   float32   central   seed 7"
    )


def test_a_check_is_one_row() -> None:
    wrong = with_error(np.s_[3, 1], 0.125, known_to=1e-9, names=tuple("abcdef"))
    assert row(wrong) == (
        ["dLdZ", "10 × 6", "1.2e-01", "1.0e-09", "row 3, b", "1.2500e-01", "0", "FAIL"]
    )


def test_where_all_is_exact_no_entry_is_shown() -> None:
    assert row(comparison(analytic=2.0, numeric=2.0)) == ["dLdZ", "10 × 6", "0", "0", "pass"]


def test_what_cannot_be_compared_has_its_shape_alone() -> None:
    check = uncomparable("dLdZ", (10, 5), "definition")
    assert row(check) == ["dLdZ", "10 × 5", "FAIL"]
    assert row(uncomparable("dLdZ", (), "definition")) == ["dLdZ", "scalar", "FAIL"]
    assert closing(input_report(check)) == "fail: dLdZ cannot be compared"


def test_an_argument_that_must_not_change_is_kept() -> None:
    assert row(comparison("dLdBZ"))[0] == "dLdBZ kept"


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        (Note("a", None, "all is\nwell"), ["note: all is\\nwell"]),
        (Note("a", "dLdZ", "it is noisy"), ["note: dLdZ: it is noisy"]),
        (Note("a", "dLdZ", "dLdZ is noisy"), ["note: dLdZ is noisy"]),
        (
            Note("a", "dLdZ", "a path is missing", "dLdZ = x", "layer.py:24", "return y"),
            ["a path is missing", "  layer.py:24", "  │ return y", "  = expected: dLdZ = x"],
        ),
    ],
)
def test_notes(note: Note, shown: list[str]) -> None:
    lines = lines_of(input_report(comparison(), notes=(note,)))
    assert lines[5 : 5 + len(shown) + 1] == [*shown, ""]


def closing(*inputs, **more) -> str:
    return lines_of(*inputs, **more)[-1]


def test_a_pass_says_what_agrees_with_what() -> None:
    BZ, dLdZ = comparison("BZ"), comparison(against="finite differences")
    assert closing(input_report(BZ, dLdZ)) == (
        "pass: 60 gradient entries agree with finite differences to 1e-6 of their feature's scale"
    )
    assert closing(input_report(BZ)) == (
        "pass: 60 entries agree with the definition to 1e-6 of their feature's scale"
    )
    both = input_report(dLdZ, comparison("dLdNZ", shape=(200, 6)))
    assert closing(both).startswith(
        "pass: 1 260 gradient entries agree with finite differences and the definition to "
    )
    assert closing(input_report(dLdZ), rtol=1e-9).endswith(
        "to 1e-6 of their feature's scale, rounding included"
    )


def test_a_pass_counts_inputs_and_layers() -> None:
    checks = [
        input_report(comparison(), input=source, layer=layer)
        for source in ("a.npy", "b.npy")
        for layer in ("one", "two", "three")
    ]
    assert "pass: 360 gradient entries of 2 inputs of 3 layers agree with" in closing(*checks)


def test_a_failure_names_what_failed() -> None:
    wrong = with_error(np.s_[0, :2])
    assert closing(input_report(wrong, comparison("BZ"))) == (
        "fail: dLdZ is wrong in 2 of 60 entries; 1 other check passed"
    )
    assert closing(
        input_report(wrong, input="a.npy", layer="one"),
        input_report(wrong, input="b.npy", layer="two"),
    ) == (
        "fail: dLdZ of one on a.npy is wrong in 2 of 60 entries; "
        "dLdZ of two on b.npy is wrong in 2 of 60 entries"
    )


def test_what_is_inconclusive_is_counted() -> None:
    assert closing(input_report(comparison(known_to=1.0))) == (
        "inconclusive: dLdZ is inconclusive in 60 of 60 entries"
    )


def test_a_long_list_of_findings_is_cut() -> None:
    wrong = [with_error(np.s_[0, 0], name=f"check {i}") for i in range(5)]
    assert closing(input_report(*wrong)).endswith("check 2 is wrong in 1 of 60 entries; and 2 more")


def test_a_layer_that_was_not_loaded_comes_first() -> None:
    layer = LayerNotLoaded("a.py", "no layer is found", "write one")
    assert closing(input_report(comparison()), not_loaded=(layer,)) == (
        "inconclusive: a.py could not be loaded; 1 other check passed"
    )


def test_the_files_that_were_written_stand_before_the_answer() -> None:
    found = report(input_report(comparison()))
    parts = gradcheck_parts(found, Screen(), saved=["saved: report in `a.html`"])
    *_, saved, blank, answer = Screen().text(parts).splitlines()
    assert (saved, blank, answer[:5]) == ("saved: report in `a.html`", "", "pass:")


def passed(command: str = "forward", mode: str = "train", **more) -> PassReport:
    M = np.array([1234.5, -0.01, np.nan])
    each = {"input": "a.npy", "layer": "a layer", "mode": mode, "shape": (8, 3), "names": None}
    each |= {"features": {"M": M, "BZ_min": -M, "dLdZ_max": M}, "results": {}} | more
    return PassReport(command, 0.9, 1e-8, (PassOfInput(**each),))


def test_the_points_of_a_column_are_below_each_other() -> None:
    lines = Screen().text(pass_parts(passed())).splitlines()
    assert lines[2].split() == ["feature", "M", "BZ", "from", "dLdZ", "to"]
    first, second = (line.split("  ", 1)[1].index(".") for line in lines[3:5])
    assert first == second
    assert "1234.5" in lines[3]
    assert "-0.010000" in lines[4]
    assert lines[5].split() == ["2", "nan", "nan", "nan"]


@pytest.mark.parametrize(
    ("made", "done"),
    [
        (passed(), "done: 8 rows of 3 features normalised with the mini-batch's own statistics"),
        (
            passed("eval", "eval"),
            "done: 8 rows of 3 features normalised with the running statistics",
        ),
        (
            passed("backward", "eval"),
            "done: the gradients of 8 rows of 3 features in eval mode",
        ),
        (
            PassReport("forward", 0.9, 1e-8, passed().inputs * 2),
            "done: 16 rows of 3 features in 2 mini-batches normalised with the mini-batch's own "
            "statistics",
        ),
    ],
)
def test_the_last_line_of_a_pass(made: PassReport, done: str) -> None:
    *_, last, saved = Screen().text(pass_parts(made, ["saved: BZ in `a`"])).splitlines()
    assert (last, saved) == (done, "saved: BZ in `a`")

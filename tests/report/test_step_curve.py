"""The step-size curve as text: what is drawn where."""

import re

import numpy as np
import pytest

from bncheck.report.model import STEPS, StepCurve
from bncheck.report.screen import Screen
from bncheck.report.step_curve import step_curve_lines

CHECK = ("gradcheck", "sample_data/wine.csv")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_plot_shows_the_curve(width: int, bncheck, wide) -> None:
    wide(width)
    report = bncheck(*CHECK, "--plot").stdout
    picture = report[report.index(" error of dLdZ by step size") :].split("\n\n")[0].splitlines()
    assert len(picture) <= 17
    assert any("○" in line and "┊" in line for line in picture)
    assert re.search("1e-12 +1e-9 +1e-6 +1e-3 +1$", report, re.MULTILINE)
    assert "chosen: " in report


def test_without_a_forward_there_is_no_curve(bncheck) -> None:
    np.savez("results.npz", BZ=np.zeros((178, 13)))
    report = bncheck(*CHECK, "--results", "results.npz", "--plot").stdout
    assert "no step-size curve: there is no forward to difference" in report


def curve(central=1e-3, richardson=1e-6, chosen=1e-3, agrees=True) -> str:
    errors = [np.broadcast_to(each, STEPS.shape) for each in (central, richardson)]
    made = StepCurve(3, 1, "hue", STEPS, *errors, chosen, agrees)
    return Screen().text(step_curve_lines(made, Screen()))


def test_errors_are_drawn_on_their_lines() -> None:
    lines = curve().splitlines()
    assert lines[0] == " error of dLdZ by step size, at row 3, hue"
    assert lines[1].startswith("   1e-3 ┤ ○ ○ ○ ")
    assert lines[11].startswith("   1e-6 ┤ × × × ")
    assert lines[-1] == (
        " step in units of the length:  ○ central  × Richardson  ⊗ both  ┊ chosen: 1e-3"
    )


def test_both_formulas_on_one_place_have_a_sign_of_their_own() -> None:
    area = curve(richardson=1e-3).split("└")[0]
    assert area.count("⊗") == len(STEPS)
    assert not {"○", "×"} & set(area)


def test_exact_differences_are_drawn_at_the_bottom() -> None:
    lines = curve(central=1e-2, richardson=0.0).splitlines()
    labels = [line[:7].strip() for line in lines[1:12] if line[:7].strip()]
    assert labels == ["1e-3", "1e-6", "1e-9", "1e-12", "1e-15"]
    assert set(lines[11]) == set(" ┤×")


def test_a_step_beyond_the_axis_is_named_and_not_drawn() -> None:
    shown = curve(chosen=100.0)
    assert "┊" not in shown
    assert shown.endswith(" chosen: 1e2\n")


def test_a_forward_of_another_layer_is_told() -> None:
    assert "(the layer's forward is not the definition's" not in curve()
    assert "(the layer's forward is not the definition's" in curve(agrees=False)


@pytest.mark.parametrize(
    ("error", "told"), [(0.0, "0 with every step"), (np.inf, "not finite with any step")]
)
def test_where_nothing_can_be_drawn_that_is_told(error: float, told: str) -> None:
    assert curve(error, error).splitlines()[1:] == [f" {told}"]

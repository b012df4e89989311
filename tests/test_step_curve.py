"""The step-size curve: when it is computed, and that it is that of the formulas."""

import numpy as np
import pytest

from bncheck import BatchNorm1d, gradcheck
from tests.wrong_backward import wrong_in_one_entry


def wine() -> np.ndarray:
    return np.loadtxt("sample_data/wine.csv", delimiter=",", skiprows=1)


def test_the_curve_is_computed_only_when_asked_for(folder) -> None:
    layer, Z = BatchNorm1d(13), wine()
    with_curve, without = gradcheck(layer, Z, curve=True), gradcheck(layer, Z)
    assert without.inputs[0].curve is None
    assert with_curve.inputs[0].curve is not None
    assert with_curve.inputs[0].checks == without.inputs[0].checks


def test_the_curve_has_the_orders_of_the_formulas(folder) -> None:
    (report,) = gradcheck(BatchNorm1d(13), wine(), curve=True).inputs
    curve = report.curve
    truncated = (curve.steps > 5e-3) & (curve.steps < 0.1)
    for errors, order in ((curve.central, 2), (curve.richardson, 4)):
        slope = np.polyfit(np.log(curve.steps[truncated]), np.log(errors[truncated]), 1)[0]
        assert slope == pytest.approx(order, abs=0.2)
    assert curve.central[0] > 1e-8  # rounding noise, divided by a tiny step


def test_the_chosen_step_is_near_the_best(folder) -> None:
    (report,) = gradcheck(BatchNorm1d(13), wine(), curve=True).inputs
    curve = report.curve
    at_chosen = curve.richardson[np.argmin(np.abs(np.log(curve.steps / curve.chosen)))]
    assert at_chosen < 1e-9


def test_the_curve_is_of_the_worst_entry(folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchNorm1d, "backward", wrong_in_one_entry)
    (report,) = gradcheck(BatchNorm1d(13), wine(), curve=True).inputs
    assert (report.curve.row, report.curve.feature) == (7, 1)


def test_steps_too_short_for_float32_are_left_out(folder) -> None:
    (report,) = gradcheck(BatchNorm1d(13, dtype="float32"), wine(), curve=True).inputs
    assert np.isinf(report.curve.central[0])
    assert np.isfinite(report.curve.central[-1])

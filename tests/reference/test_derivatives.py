"""Both sources of the truth against sixty digits: the closed form, and the black box's honesty."""

import numpy as np
import pytest

from bncheck.numdiff import FORMULAS
from bncheck.reference.derivatives import Numeric, difference_definition, difference_stages
from bncheck.reference.forward import Parameters, ReferenceForward, apply_definition
from tests.planted.data import ALPHA, DATA_SETS, Case, case
from tests.planted.truth import truth_of


def reference_of(trial: Case) -> ReferenceForward:
    parameters = Parameters(**trial.state, alpha=ALPHA, eps=trial.eps)
    return apply_definition(trial.Z, trial.dLdBZ, lambda _: parameters, eval=trial.mode == "eval")


def assert_honest(derivatives: dict[str, Numeric], trial: Case, known_to: float) -> None:
    """Every error is within its uncertainty, and that is small."""
    truth = truth_of(trial)
    for name, give in derivatives.items():
        numeric = give(slice(0, len(trial.Z)))
        true, scale = truth.values[name], truth.scales[name]
        rounding = 4e-16 * np.abs(true)
        assert (np.abs(numeric.value - true) <= numeric.uncertainty + rounding).all(), name
        assert (numeric.uncertainty <= known_to * scale).all(), name


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", DATA_SETS)
def test_the_definition_in_closed_form(name: str, mode: str) -> None:
    trial = case(name, mode, 4, np.dtype(float))
    assert_honest(difference_definition(reference_of(trial)), trial, known_to=1e-13)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", DATA_SETS)
def test_the_stages_of_the_definition(name: str, mode: str) -> None:
    trial = case(name, mode, 4, np.dtype(float))
    formula = FORMULAS["richardson"]
    assert_honest(difference_stages(reference_of(trial), formula), trial, known_to=1e-8)

"""How far the numeric dLdZ of a layer's own forward is from the truth, and what it claims to be."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bncheck.check.oracle import consult_both
from bncheck.check.setup import CheckOptions, MiniBatch, set_up
from bncheck.compare.comparison import relative_error
from bncheck.layers.objects import adapter_of
from bncheck.reference.sums import largest
from tests.planted.data import Case
from tests.planted.layers import Planted
from tests.planted.trial import cases, make
from tests.planted.truth import truth_of


@dataclass(frozen=True)
class Uncertainties:
    """One value for each entry of dLdZ, over all cases.

    Attributes
    ----------
    covered
        Whether the true error is within the stated uncertainty.
    relative
        The stated uncertainty in units of the column's scale; NaN where that is 0.
    """

    covered: NDArray[np.bool_]
    relative: NDArray[np.float64]

    @property
    def coverage(self) -> float:
        return float(self.covered.mean())

    @property
    def median(self) -> float:
        return float(np.nanmedian(self.relative))


def uncertainties(layer: Planted, seed: int) -> Uncertainties:
    """Those of the layer on every data set."""
    return together([_on_case(layer, trial) for trial in cases(layer, seed)])


def together(parts: list[Uncertainties]) -> Uncertainties:
    return Uncertainties(
        np.concatenate([part.covered for part in parts]),
        np.concatenate([part.relative for part in parts]),
    )


def _on_case(layer: Planted, trial: Case) -> Uncertainties:
    value, uncertainty, agrees = _numeric(make(layer, trial), trial)
    truth = truth_of(trial)
    scale = truth.scales["dLdZ"]
    relative = np.full(value.shape, np.nan)
    np.divide(uncertainty, scale, out=relative, where=scale > 0)
    covered = np.abs(value - truth.values["dLdZ"]) <= uncertainty
    told = np.broadcast_to(agrees, value.shape)
    return Uncertainties(covered[told], relative[told])


def _numeric(
    layer: Any, trial: Case
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """The black box's numeric dLdZ and its uncertainty, (N, C).

    And the columns, (1, C), in which the layer's forward is the definition's: a sum of squares at a
    mean 1e8 times the spread is another function, with another derivative.
    """
    batch = MiniBatch(trial.Z, trial.dLdBZ, trial.state)
    setup = set_up(adapter_of(layer), batch, CheckOptions(trial.mode))
    assert setup.layer is not None
    BZ = setup.layer.forward(trial.Z, eval=setup.reference.eval)
    scale = setup.reference.scales["BZ"]
    error = largest(relative_error(BZ, setup.reference.BZ(), scale))
    found = consult_both(setup, setup.layer, BZ, error)
    dLdZ = found.black_box["dLdZ"](slice(0, len(trial.Z)))
    return dLdZ.value, dLdZ.uncertainty, found.agrees

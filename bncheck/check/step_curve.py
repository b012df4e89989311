"""The step-size curve: how the error of a finite difference depends on its step.

Long steps err by truncation, short ones by the rounding noise of the forward, divided by the step.
The best step lies between, and where depends on the data: W. Press et al., "Numerical Recipes",
3rd edition, 5.7.
"""

import numpy as np

from bncheck.arrays import Array
from bncheck.check.setup import CheckSetup
from bncheck.compare.comparison import relative_error
from bncheck.errors import LayerError
from bncheck.layers.under_test import LayerUnderTest
from bncheck.numdiff import central_estimates, power_of_two
from bncheck.reference.derivatives import difference_definition
from bncheck.reference.sums import column_sum
from bncheck.report.model import STEPS, StepCurve


def step_curve(
    setup: CheckSetup, layer: LayerUnderTest, at: tuple[int, int], step: Array, *, agrees: bool
) -> StepCurve | None:
    """Return the curve of one entry, or None where the layer has no forward to difference.

    Parameters
    ----------
    setup, layer
        What is checked.
    at
        Row and column of the entry.
    step
        The one that the check took for each column, (C,).
    agrees
        Whether the layer's forward is the definition's in this column.
    """
    row, feature = at
    r, names = setup.reference, setup.batch.names
    length = float(r.length_scale[0, feature])
    unit = float(power_of_two(r.length_scale[0, feature]))
    try:
        grown, moves = _increments(setup, layer, at, unit * np.append(STEPS, 2 * STEPS[-1]))
    except LayerError:
        return None
    near_and_far = [np.concatenate([A[:, :-1], A[:, 1:]]) for A in (grown, moves)]
    with np.errstate(all="ignore"):  # a step that changes nothing is 0
        central, _, richardson = central_estimates(*near_and_far)
    right = difference_definition(r)["dLdZ"](slice(row, row + 1)).value[0, feature]
    scale = r.scales["dLdZ"][0, feature]
    return StepCurve(
        row=row,
        feature=feature,
        name=names[feature] if names else None,
        steps=STEPS * unit / length,
        central=relative_error(central, right, scale),
        richardson=relative_error(richardson, right, scale),
        chosen=float(step[feature] / length),
        agrees=agrees,
    )


def _increments(
    setup: CheckSetup, layer: LayerUnderTest, at: tuple[int, int], steps: Array
) -> tuple[Array, Array]:
    """The increments of the loss of the entry's column at each step up and down, and these steps.

    Both are (2, S). The steps are those that the numbers of the layer's own type allow.
    """
    r, Z = setup.reference, setup.Z[:].copy()
    column = slice(at[1], at[1] + 1)
    upstream = r.dLdBZ[:][:, column]
    start = layer.forward(Z, eval=r.eval).astype(float)

    def increment(value: float) -> float:
        Z[at] = value
        change = layer.forward(Z, eval=r.eval).astype(float) - start
        return float(column_sum(upstream * change[:, column])[0, 0])

    with np.errstate(over="ignore"):
        reached = (Z[at].astype(float) + np.stack([steps, -steps])).astype(Z.dtype)
    moves = reached.astype(float) - Z[at].astype(float)
    grown = np.array([[increment(value) for value in side] for side in reached])
    return grown, moves

"""The step-size curve: how the error of a finite difference depends on its step.

Long steps err by truncation, short ones by the rounding noise of the forward, divided by the step.
The best step lies between, and where depends on the data: W. Press et al., "Numerical Recipes",
3rd edition, 5.7.
"""

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.formulas import column_sum
from bncheck.check.oracle import Truth
from bncheck.check.setup import Trial
from bncheck.compare.comparison import relative_error
from bncheck.errors import LayerError
from bncheck.numdiff import central_estimates, power_of_two
from bncheck.reference.derivatives import difference_definition
from bncheck.report.model import STEPS, StepCurve


def step_curve(
    trial: Trial, truth: Truth, at: tuple[int, int], names: tuple[str, ...] | None
) -> StepCurve | None:
    """The curve of one entry, or None where the layer has no forward that could be differenced.

    Parameters
    ----------
    trial
        The layer and its input.
    truth
        What the check differenced, and with which step.
    at
        Row and column of the entry.
    names
        The features' names.
    """
    black_box = truth.black_box.get("dLdZ")
    if black_box is None or black_box.step is None:
        return None
    row, feature = at
    e = trial.expected
    length = float(e.length[0, feature])
    unit = float(power_of_two(e.length[0, feature]))
    try:
        rises, moves = _rises(trial, at, unit * np.append(STEPS, 2 * STEPS[-1]))
    except LayerError:
        return None
    near_and_far = [np.concatenate([A[:, :-1], A[:, 1:]]) for A in (rises, moves)]
    with np.errstate(all="ignore"):  # a step that changes nothing is 0
        central, _, richardson = central_estimates(*near_and_far)
    true = difference_definition(e)["dLdZ"].value[at]
    scale = e.scales["dLdZ"][0, feature]
    return StepCurve(
        row=row,
        feature=feature,
        name=names[feature] if names else None,
        steps=STEPS * unit / length,
        central=relative_error(central, true, scale),
        richardson=relative_error(richardson, true, scale),
        chosen=float(black_box.step[feature] / length),
        agrees=bool(truth.agrees[0, feature]),
    )


def _rises(trial: Trial, at: tuple[int, int], steps: Array) -> tuple[Array, Array]:
    """How much the loss of the entry's column rises at each step up and down, and these steps.

    Both are (2, S). The steps are those that the numbers of the layer's own type allow.
    """
    e, Z = trial.expected, trial.Z.copy()
    column = slice(at[1], at[1] + 1)
    start = trial.subject.forward(Z, eval=e.eval).astype(float)

    def rise(value: float) -> float:
        Z[at] = value
        change = trial.subject.forward(Z, eval=e.eval).astype(float) - start
        return float(column_sum(e.dLdBZ[:, column] * change[:, column])[0, 0])

    with np.errstate(over="ignore"):
        reached = (Z[at].astype(float) + np.stack([steps, -steps])).astype(Z.dtype)
    moves = reached.astype(float) - Z[at].astype(float)
    rises = np.array([[rise(value) for value in side] for side in reached])
    return rises, moves

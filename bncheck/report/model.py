"""What a command found, ready to be shown: Report of a gradient check, PassReport of a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bncheck.arrays import Array
from bncheck.compare.comparison import Comparison, Verdict, overall

if TYPE_CHECKING:
    from bncheck.batchnorm.sweeps import ComputedRows

WORST = 5
"""How many entries of a check that did not pass are shown, unless the user says how many."""

LABELS = {"Z": "Z kept", "dLdBZ": "dLdBZ kept"}
"""For the checks that a layer leaves its arguments alone."""

STEPS = np.exp2(np.arange(-40.0, 1.0))
"""The steps of the curve, in units of the length: 1e-12 to 1. One is twice the one before, so that
the farther nodes of one are the nearer nodes of the next."""


@dataclass(frozen=True)
class Note:
    """One sentence about a check.

    Attributes
    ----------
    code
        For scripts.
    check
        The quantity that it is about; None for all of them.
    message
        For people.
    meant
        The formula as it should be, where the note is about a mistake in one.
    place, source
        Where that formula is in the layer's file, as ``file.py:41``, and the line there.
    """

    code: str
    check: str | None
    message: str
    meant: str | None = None
    place: str | None = None
    source: str | None = None


@dataclass(frozen=True, eq=False)
class StepCurve:
    """Errors of difference formulas for one entry of dLdZ, over the step.

    The differences are those of the layer's own forward. Their errors are told against the
    definition's difference in closed form, in units of the column's gradient scale, and are
    infinite where a step is too short to change the entry.

    Attributes
    ----------
    row, feature, name
        The entry, and the name of its feature, if any.
    steps
        In units of the length over which the loss bends, (S,), ascending.
    central, richardson
        The errors of a central difference at h and of its extrapolation from h and 2h, (S,).
    chosen
        The step that the check took for the column, in the same units.
    agrees
        Whether the layer's forward is the definition's here. Where not, all errors are at least
        what the two differ by.
    """

    row: int
    feature: int
    name: str | None
    steps: Array
    central: Array
    richardson: Array
    chosen: float
    agrees: bool


@dataclass(frozen=True)
class InputReport:
    """The checks of one mini-batch.

    Attributes
    ----------
    input, layer, mode
        What was checked, in words; the mode is "train" or "eval".
    shape, dtype, names
        Of Z, as the layer was given it, and of its features.
    checks
        In the order in which a layer computes the quantities.
    notes
        What else there is to say.
    rows_sampled
        How many rows the layer's own forward was differenced on; N where on all.
    curve
        The step-size curve, where it was asked for and there is a forward to difference.
    """

    input: str
    layer: str
    shape: tuple[int, int]
    dtype: str
    mode: str
    names: tuple[str, ...] | None
    checks: tuple[Comparison, ...]
    notes: tuple[Note, ...]
    rows_sampled: int
    curve: StepCurve | None = field(default=None, compare=False, repr=False)

    @property
    def verdict(self) -> Verdict:
        """The worst of the checks'."""
        return overall([check.verdict for check in self.checks])


@dataclass(frozen=True)
class LayerNotLoaded:
    """One of several layers that could not be checked: its file, the fact, the remedy."""

    layer: str
    message: str
    help: str


@dataclass(frozen=True)
class Report:
    """The checks of one run.

    Attributes
    ----------
    seed
        The random seed.
    rtol
        Tolerance, in units of the column's scale.
    method
        The difference formula.
    inputs
        One for each layer and mini-batch.
    not_loaded
        Of several layers, those that could not be loaded.
    """

    seed: int
    rtol: float
    method: str
    inputs: tuple[InputReport, ...]
    not_loaded: tuple[LayerNotLoaded, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of the inputs'; a layer that could not be loaded is not known to be right."""
        unknown = [Verdict.INCONCLUSIVE] * len(self.not_loaded)
        return overall([each.verdict for each in self.inputs] + unknown)

    @property
    def passed(self) -> bool:
        """Whether every layer could be checked and every check passed."""
        return self.verdict is Verdict.PASS and not self.not_loaded


@dataclass(frozen=True, eq=False)
class PassOfInput:
    """What one mini-batch led to.

    Attributes
    ----------
    input, layer, mode, shape, names
        As in `InputReport`.
    features
        Values for each feature, (C,), by quantity, in the order of the table.
    results
        What is for files, by name: BZ, or every gradient. BZ may be rows that are computed when
        they are asked for.
    """

    input: str
    layer: str
    mode: str
    shape: tuple[int, int]
    names: tuple[str, ...] | None
    features: dict[str, Array]
    results: Mapping[str, Array | ComputedRows]


@dataclass(frozen=True, eq=False)
class PassReport:
    """One run of a command: forward, eval or backward."""

    command: str
    alpha: float
    eps: float
    inputs: tuple[PassOfInput, ...]

"""The true gradients: two sources that back each other.

One is the layer's own forward, differenced as a black box: it assumes nothing, but sees the
forward's rounding noise. The other is the definition, differenced in closed form: it has no noise,
but says something of the layer only where the layer's forward is the definition's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bncheck.black_box import difference_forward
from bncheck.closed_form import difference_definition
from bncheck.compare import (
    SEVERITY,
    Tolerance,
    Verdict,
    judge,
    relative_error,
    relative_uncertainty,
)
from bncheck.definition import Array, Mask, largest
from bncheck.expected import Expected, expect
from bncheck.noise import DISTANCE, Noise, measure_noise
from bncheck.numdiff import Derivative, Formula
from bncheck.stages import difference_stages
from bncheck.subject import Subject
from bncheck.tolerance import rounding_budget

BLACK_BOX_BUDGET = 1e9
"""How many entries of BZ may be computed to difference the layer's own forward: some ten seconds.
Where all N rows would take more, a sample of them is drawn from the seed."""

ANALYTIC_TO = 1e-6
"""The complex step of a right forward is exact to far less than this, in units of the scale."""

FINITE_DIFFERENCES = "finite differences"
DEFINITION = "definition"


@dataclass(frozen=True)
class Truth:
    """Numeric gradients by name, as far as each source has them.

    Attributes
    ----------
    black_box
        Of the layer's own forward: dLdBb, dLdBW and dLdZ. Empty where that forward gives nothing
        that could be differenced.
    closed_form
        The same three of the definition.
    stages
        dLdNZ, dLdV and dLdM of the definition's stages.
    agrees
        Columns, (1, C), in which the layer's forward is the definition's within its noise.
    rows
        How many rows of Z were perturbed in the black box.
    """

    black_box: dict[str, Derivative]
    closed_form: dict[str, Derivative]
    stages: dict[str, Derivative]
    agrees: Mask
    rows: int

    def of(
        self, name: str, claimed: Array | None, scale: Array, tolerance: Tolerance
    ) -> tuple[Derivative, str]:
        """The derivative to judge `claimed` by, and where it comes from.

        The black box decides. Where it is too noisy to, entry by entry, the closed form does, in
        the columns in which it speaks of this layer. It also has the last word on what the black
        box lets pass: where BW is 0 or small beside Bb, a forward may be wrong in a way that its
        output hardly shows.
        """
        if name in self.stages:
            return self.stages[name], FINITE_DIFFERENCES
        closed = self.closed_form[name]
        black = self.black_box.get(name)
        if black is None:
            return closed, DEFINITION
        if claimed is None:
            return black, FINITE_DIFFERENCES
        codes, closed_codes = (
            judge(
                relative_error(claimed, source.value, scale),
                relative_uncertainty(source.value, source.uncertainty, scale),
                tolerance,
            )
            for source in (black, closed)
        )
        undecided = codes == SEVERITY[Verdict.INCONCLUSIVE]
        helped = (undecided | (closed_codes > codes)) & self.agrees
        if not helped.any():
            return black, FINITE_DIFFERENCES
        return Derivative(
            np.where(helped, closed.value, black.value),
            np.where(helped, closed.uncertainty, black.uncertainty),
        ), DEFINITION


def find_truth(
    subject: Subject,
    Z: Array,
    BZ: Array | None,
    expected: Expected,
    formula: Formula,
    rng: np.random.Generator,
) -> Truth:
    """Difference both sources.

    Parameters
    ----------
    subject, Z
        The layer, and its input in its own type, (N, C).
    BZ
        What it made of Z, (N, C), or None where that is no such matrix.
    expected
        The definition's forward.
    formula
        The difference formula of the black box.
    rng
        Draws the probes of the noise, and the rows where there are too many.
    """
    e = expected
    N, C = Z.shape
    stages = difference_stages(e, formula)
    closed_form = difference_definition(e)
    if BZ is None or not np.isfinite(BZ).all():
        return Truth({}, closed_form, stages, np.zeros((1, C), bool), 0)

    noise = measure_noise(lambda A: subject.forward(A, eval=e.eval), Z, BZ.dtype, e, rng)
    agrees = _agreement(BZ, e, noise)
    for moved in _displaced(Z, e, rng):
        there = expect(moved.astype(float), e.dLdBZ, e.parameters, eval=e.eval)
        agrees &= _agreement(subject.forward(moved, eval=e.eval), there, noise)
    affordable = max(int(BLACK_BOX_BUDGET / (len(formula.nodes) * Z.size)), 1)
    rows = np.sort(rng.permutation(N)[:affordable])
    # In inference mode the loss is a straight line: any difference of two estimates is noise, and
    # no length need be trusted to tell so.
    smooth = agrees[0] & (not e.eval)
    black_box = difference_forward(
        subject, Z, e, rows=rows, noise=noise, formula=formula, smooth=smooth
    )
    if formula.name == "complex":
        _refuse_not_analytic(black_box["dLdZ"], closed_form["dLdZ"], e, agrees)
    return Truth(black_box, closed_form, stages, agrees, len(rows))


def _refuse_not_analytic(
    black_box: Derivative, closed_form: Derivative, expected: Expected, agrees: Mask
) -> None:
    """Refuse the complex step for a forward that is right, but not in complex numbers.

    np.var and np.abs take absolute values, whose complex step is meaningless: it would reject every
    right layer that uses them.
    """
    scale = expected.scales["dLdZ"]
    error = relative_error(black_box.value, closed_form.value, scale)
    if (error[np.isfinite(black_box.value) & agrees] > ANALYTIC_TO).any():
        raise ValueError(
            "the complex step needs a forward that is analytic in complex numbers, which this one "
            "is not: np.var and np.abs are not"
        )


def _displaced(Z: Array, expected: Expected, rng: np.random.Generator) -> Iterator[Array]:
    """Z with one row moved as far as differences are taken, up and down.

    A forward that is right at Z need not be right beside it: in a constant column NZ is 0 whatever
    the variance is taken to be.
    """
    for away in (DISTANCE, -DISTANCE):
        row = int(rng.integers(len(Z)))
        moved = Z.copy()
        moved[row] = (Z[row] + away * expected.length[0]).astype(Z.dtype)
        yield moved


def _agreement(BZ: Array, expected: Expected, noise: Noise) -> Mask:
    """Columns, (1, C), in which BZ is the definition's, as far as rounding lets one see.

    Rounding that hides a thousandth of the output hides too much to say so.
    """
    scale = expected.scales["BZ"]
    error = largest(relative_error(BZ, expected.BZ, scale))
    with np.errstate(all="ignore"):
        visible = np.nan_to_num(noise.BZ / scale)
    budget = rounding_budget(len(BZ), expected.condition, float(np.finfo(BZ.dtype).eps))
    return error <= np.minimum(visible + budget, 1e-3)

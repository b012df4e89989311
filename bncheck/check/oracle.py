"""The true gradients: two sources that back each other.

One is the layer's own forward, differenced as a black box: it assumes nothing, but sees the
forward's rounding noise. The other is the definition, differenced in closed form: it has no noise,
but says something of the layer only where the layer's forward is the definition's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bncheck import progress
from bncheck.arrays import Array, Mask, Rows
from bncheck.batchnorm.blocks import FLOAT64, products_of
from bncheck.batchnorm.formulas import largest
from bncheck.batchnorm.random_rows import random_signs
from bncheck.blackbox.derivatives import difference_along, difference_parameters, difference_rows
from bncheck.blackbox.loss import BlockLosses, Losses, SubjectLosses
from bncheck.blackbox.noise import DISTANCE, Noise, measure_noise
from bncheck.compare.comparison import (
    ALONG,
    DEFINITION,
    FINITE_DIFFERENCES,
    SEVERITY,
    Tolerance,
    Verdict,
    judge,
    relative_error,
    relative_uncertainty,
)
from bncheck.compare.tolerance import rounding_budget
from bncheck.errors import InputError
from bncheck.layers.under_test import Subject
from bncheck.numdiff import Derivative, Formula
from bncheck.reference.derivatives import difference_definition
from bncheck.reference.forward import Expected, expect
from bncheck.reference.stages import difference_stages

EXHAUSTIVE = 1e9
"""So many entries of BZ may be computed to difference the layer's own forward in every row: some
seconds."""

SAMPLED = 3e8
"""Where every row would take more, so many are computed for a sample, drawn from the seed."""

OF_A_CALL = 2e4
"""Entries that could be computed in the time that a forward takes besides."""

DIRECTIONS = 2
"""With a sample go so many derivatives along random directions, in which every row has a part."""

ANALYTIC_TO = 1e-6
"""The complex step of a right forward is exact to far less than this, in units of the scale."""


@dataclass(frozen=True, eq=False)
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
    directions
        Where these are not all: matrices of 1 and -1, (N, C), along which both sources were
        differenced too, by the name that the derivatives, (1, C), have.
    """

    black_box: dict[str, Derivative]
    closed_form: dict[str, Derivative]
    stages: dict[str, Derivative]
    agrees: Mask
    rows: int
    directions: Mapping[str, Rows] = field(default_factory=dict)

    def without_values(self) -> "Truth":
        """What is left to know once everything was compared: the rest takes room."""
        steps = {
            name: Derivative(np.empty((0, 0)), np.empty((0, 0)), each.step)
            for name, each in self.black_box.items()
        }
        return replace(self, black_box=steps, closed_form={}, stages={}, directions={})

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
    *,
    full: bool = False,
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
    full
        Whether to difference the layer's own forward in every row, however many there are.
    """
    e = expected
    N, C = Z.shape
    if BZ is None or not np.isfinite(BZ).all():
        nowhere = np.zeros((1, C), bool)
        return Truth({}, difference_definition(e), difference_stages(e, formula), nowhere, 0)

    forward = partial(subject.forward, eval=e.eval, copied=False)  # of matrices made for it
    noise = measure_noise(forward, Z, BZ.dtype, e, rng)
    agrees = _agreement(BZ, e, noise)
    for away in (DISTANCE, -DISTANCE):
        agrees &= _agreement_beside(forward, Z, away, e, noise, rng)
    rows = rows_to_difference(N, C, len(formula.nodes), rng, full=full)
    # In inference mode the loss is a straight line: any difference of two estimates is noise, and
    # no length need be trusted to tell so.
    smooth = agrees[0] & (not e.eval)
    losses = losses_of(subject, Z, BZ, e)
    progress.plan(len(rows) * len(formula.nodes) * Z.size * FLOAT64)
    of_rows = difference_rows(
        losses, Z[rows], e, rows=rows, noise=noise.loss, formula=formula, smooth=smooth
    )
    black_box = {
        **difference_parameters(
            losses,
            [name for name in ("Bb", "BW") if subject.has(name)],
            e,
            kind=Z.dtype,
            formula=formula,
            smooth=smooth,
        ),
        "dLdZ": of_rows if len(rows) == N else _of_some_rows(of_rows, rows, Z.shape),
    }
    closed_form, stages = difference_definition(e), difference_stages(e, formula)
    directions: dict[str, Rows] = {}
    if len(rows) < N:
        for index in range(1, DIRECTIONS + 1):
            name, signs = f"{ALONG}_{index}", random_signs(rng, (N, C))
            directions[name] = signs
            black_box[name] = difference_along(
                losses, signs, e, noise=noise.loss, kind=Z.dtype, formula=formula, smooth=smooth
            )
            closed_form[name] = sum_along(closed_form["dLdZ"], signs)
    if formula.name == "complex":
        _refuse_not_analytic(black_box["dLdZ"], closed_form["dLdZ"], e, agrees)
    return Truth(black_box, closed_form, stages, agrees, len(rows), directions)


def rows_to_difference(
    N: int, C: int, nodes: int, rng: np.random.Generator, *, full: bool = False
) -> NDArray[np.intp]:
    """The rows in which to difference a layer's own forward: all, or as many as are affordable."""
    affordable = N
    if not full and nodes * N * (N * C + OF_A_CALL) > EXHAUSTIVE:
        affordable = max(int(SAMPLED / (nodes * (N * C + OF_A_CALL))) - DIRECTIONS, 1)
    return np.sort(rng.permutation(N)[:affordable])


def agrees_to(N: int, condition: Array, eps: float, visible: Array | float = 0) -> Array:
    """How far a forward may be from the definition's and still be taken for it, (1, C).

    Rounding that hides a thousandth of the output hides too much to say so.
    """
    limit: Array = np.minimum(visible + rounding_budget(N, condition, eps), 1e-3)
    return limit


def losses_of(subject: Subject, Z: Array, BZ: Array, e: Expected) -> Losses:
    """The losses of a layer that makes BZ of Z: the built-in one is evaluated block by block."""
    if subject.is_built_in and Z.dtype == np.float64:
        return BlockLosses(Z, e.dLdBZ, e.parameters, eval=e.eval, BZ=BZ)
    return SubjectLosses(subject, Z, e.dLdBZ, eval=e.eval)


def sum_along(dLdZ: Derivative, direction: Rows) -> Derivative:
    """The closed form's derivative along a direction, (1, C), from that of every entry, (N, C)."""
    N = len(dLdZ.value)
    return Derivative(products_of(direction[:], dLdZ.value), N * dLdZ.uncertainty)


def _of_some_rows(
    derivative: Derivative, rows: NDArray[np.intp], shape: tuple[int, ...]
) -> Derivative:
    """The same, (N, C): what was not perturbed is not known."""
    value, uncertainty = np.full(shape, np.nan), np.full(shape, np.inf)
    value[rows] = derivative.value
    uncertainty[rows] = derivative.uncertainty
    return Derivative(value, uncertainty, derivative.step)


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
        raise InputError(
            "the complex step needs a forward that is analytic in complex numbers, which this one "
            "is not: np.var and np.abs are not",
            "leave --method out, or write the variance as mean((Z - M) ** 2)",
        )


def _agreement_beside(
    forward: Callable[[Array], Array],
    Z: Array,
    away: float,
    e: Expected,
    noise: Noise,
    rng: np.random.Generator,
) -> Mask:
    """The agreement where one row of Z is moved as far as differences are taken.

    A forward that is right at Z need not be right beside it: in a constant column NZ is 0 whatever
    the variance is taken to be.
    """
    row = int(rng.integers(len(Z)))
    moved = Z.copy()
    moved[row] = (Z[row] + away * e.length[0]).astype(Z.dtype)
    there = expect(moved.astype(float, copy=False), e.dLdBZ, e.parameters, eval=e.eval)
    return _agreement(forward(moved), there, noise)


def _agreement(BZ: Array, expected: Expected, noise: Noise) -> Mask:
    """Columns, (1, C), in which BZ is the definition's, as far as rounding lets one see."""
    scale = expected.scales["BZ"]
    error = largest(relative_error(BZ, expected.BZ, scale))
    with np.errstate(all="ignore"):
        visible = np.nan_to_num(noise.BZ / scale)
    eps = float(np.finfo(BZ.dtype).eps)
    agree: Mask = error <= agrees_to(len(BZ), expected.condition, eps, visible)
    return agree

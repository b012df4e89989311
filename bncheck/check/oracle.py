"""The numeric gradients: two sources that back each other.

One is the layer's own forward, differenced as a black box: it assumes nothing, but sees the
forward's rounding noise. The other is the definition, differenced in closed form: it has no noise,
but says something of the layer only where the layer's forward is the definition's.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bncheck import progress
from bncheck.arrays import EPS, FLOAT64, Array, LazyRows, Mask, Rows
from bncheck.batchnorm.quantities import PARAMETERS
from bncheck.blackbox.derivatives import BlackBox
from bncheck.blackbox.loss import losses_of
from bncheck.blackbox.noise import DISTANCE, POINTS, Noise, measure_noise, noise_of_losses
from bncheck.check.random_rows import random_signs
from bncheck.check.setup import CheckSetup
from bncheck.compare.claims import ALONG
from bncheck.compare.comparison import (
    SEVERITY,
    Verdict,
    judge,
    relative_error,
    relative_uncertainty,
)
from bncheck.compare.tolerance import Tolerance, rounding_budget
from bncheck.errors import InputError
from bncheck.layers.under_test import LayerUnderTest
from bncheck.numdiff import DEFINITION, Derivative
from bncheck.reference.derivatives import Numeric, difference_definition, difference_stages, fixed
from bncheck.reference.forward import ReferenceForward, apply_definition
from bncheck.reference.sums import largest, sum_of_products

EXHAUSTIVE = 1e9
"""So many entries of BZ may be computed to difference the layer's own forward in every row: some
seconds."""

SAMPLED = 3e8
"""Where every row would take more, so many are computed for a sample, drawn from the seed."""

OF_A_CALL = 2e4
"""Entries that could be computed in the time that a forward takes besides."""

DIRECTIONS = 2
"""With a sample go so many derivatives along random directions, in which every row has a part."""

LINES = 1
"""Along which the noise of the losses is looked at where BZ is not at hand."""

ANALYTIC_TO = 1e-6
"""The complex step of a right forward is exact to far less than this, in units of the scale."""


@dataclass(frozen=True, eq=False)
class Oracle:
    """Numeric gradients by name, as far as each source has them.

    Attributes
    ----------
    definition
        Of the definition: all gradients.
    black_box
        Of the layer's own forward: dLdBb, dLdBW and dLdZ, and sums of dLdZ along directions. Empty
        where that forward gives nothing that could be differenced.
    agrees
        Columns, (1, C), in which the layer's forward is the definition's within its noise.
    rows
        How many rows of Z were perturbed in the black box.
    directions
        Where these are not all: matrices of 1 and -1, (N, C), along which both sources were
        differenced too, by the name of the sums.
    step
        Of the differences of dLdZ, (C,), if there are any.
    """

    definition: Mapping[str, Numeric]
    black_box: Mapping[str, Numeric]
    agrees: Mask
    rows: int = 0
    directions: Mapping[str, Rows] = field(default_factory=dict)
    step: Array | None = None

    def numeric(self, name: str, analytic: Any, scale: Array, tolerance: Tolerance) -> Numeric:
        """Return the derivative to judge `analytic`, (N, C) or (1, C), by.

        The black box decides. Where it is too noisy to, entry by entry, the closed form does, in
        the columns in which it speaks of this layer. It also has the last word on what the black
        box lets pass: where BW is 0 or small beside Bb, a forward may be wrong in a way that its
        output hardly shows.
        """
        if name not in self.black_box:
            return self.definition[name]

        def choose(rows: slice) -> Derivative:
            black, closed = self.black_box[name](rows), self.definition[name](rows)
            severity, severity_of_closed = (
                judge(
                    relative_error(analytic[rows], source.value, scale),
                    relative_uncertainty(source.value, source.uncertainty, scale),
                    tolerance,
                )
                for source in (black, closed)
            )
            inconclusive = severity == SEVERITY[Verdict.INCONCLUSIVE]
            helped = (inconclusive | (severity_of_closed > severity)) & self.agrees
            if not helped.any():
                return black
            return Derivative(
                np.where(helped, closed.value, black.value),
                np.where(helped, closed.uncertainty, black.uncertainty),
                source=DEFINITION,
            )

        return choose


def consult_definition(setup: CheckSetup) -> Oracle:
    """Return what the definition alone says."""
    r = setup.reference
    definition = difference_definition(r) | difference_stages(r, setup.options.formula)
    return Oracle(definition, {}, np.zeros_like(r.M, bool))


def consult_both(setup: CheckSetup, layer: LayerUnderTest, BZ: Rows, BZ_error: Array) -> Oracle:
    """Difference both sources.

    Parameters
    ----------
    setup, layer
        What is checked.
    BZ
        What the layer makes of Z, (N, C): finite numbers.
    BZ_error
        Its largest error in each column, (1, C), in units of its scale.

    Raises
    ------
    InputError
        Where the complex step is asked for and the forward is not fit for it.
    LayerError
        Where the layer raises.
    """
    r, formula, Z, rng = setup.reference, setup.options.formula, setup.Z, setup.rng
    N, C = Z.shape
    losses = None
    if isinstance(BZ, LazyRows):
        rows = _rows_to_difference(setup, at_least=0)
        agrees = BZ_error <= _agrees_to(N, r.condition, EPS)
        if len(rows):
            losses = losses_of(layer, Z, BZ, r)
            noise = noise_of_losses(losses, Z, r, rng, LINES)
    else:
        forward = partial(layer.forward, eval=r.eval, copied=False)  # of matrices made for it
        seen = measure_noise(forward, Z[:], BZ.dtype, r, rng)
        noise = seen.loss
        agrees = _agreement(BZ_error, BZ.dtype, r, seen)
        for away in (DISTANCE, -DISTANCE):
            agrees &= _agreement_beside(layer, setup, away, seen)
        rows = _rows_to_difference(setup, at_least=1)
        losses = losses_of(layer, Z, BZ, r)
    definition = difference_definition(r) | difference_stages(r, formula)
    if losses is None:
        return Oracle(definition, {}, agrees)
    directions = DIRECTIONS if len(rows) < N else 0
    evaluations = (len(rows) + len(PARAMETERS) + directions) * len(formula.nodes)
    progress.plan((evaluations + directions) * N * C * FLOAT64.itemsize)
    # In inference mode the loss is a straight line: any difference of two estimates is noise, and
    # no length need be trusted to tell so.
    smooth = agrees[0] & (not r.eval)
    box = BlackBox(losses, r, formula, noise, smooth, setup.kind)
    of_rows = box.difference_rows(_take(Z, rows), rows)
    if any(isinstance(node, complex) for node in formula.nodes):
        _refuse_not_analytic(of_rows, rows, definition["dLdZ"], r, agrees)
    black_box = {"dLdZ": _scattered(of_rows, rows, N)}
    for name in PARAMETERS:
        if layer.has(name):
            black_box[f"dLd{name}"] = fixed(box.difference_parameter(name))
    signs = {f"{ALONG}_{index}": random_signs(rng, (N, C)) for index in range(1, directions + 1)}
    for name, direction in signs.items():
        black_box[name] = fixed(box.difference_along(direction))
        definition[name] = fixed(_sum_along(definition["dLdZ"], direction))
    return Oracle(definition, black_box, agrees, len(rows), signs, of_rows.step)


def _rows_to_difference(setup: CheckSetup, *, at_least: int) -> NDArray[np.intp]:
    """The rows in which to difference a layer's own forward: all, or as many as are affordable."""
    N, C = setup.Z.shape
    nodes, one = len(setup.options.formula.nodes), N * C + OF_A_CALL
    affordable = N
    if not setup.options.full and nodes * N * one > EXHAUSTIVE:
        others = DIRECTIONS + len(PARAMETERS) + math.ceil(LINES * POINTS / nodes)
        affordable = max(int(SAMPLED / (nodes * one)) - others, at_least)
    return np.sort(setup.rng.permutation(N)[:affordable])


def _take(Z: Rows, rows: NDArray[np.intp]) -> Array:
    """Some rows of Z, (R, C)."""
    if isinstance(Z, np.ndarray):
        taken: Array = Z[rows]
        return taken
    return np.concatenate([Z[row : row + 1] for row in rows.tolist()])


def _scattered(of_rows: Derivative, rows: NDArray[np.intp], N: int) -> Numeric:
    """A derivative of some rows, as one of all: what was not perturbed is not known."""

    def give(some: slice) -> Derivative:
        first, last = np.searchsorted(rows, (some.start, some.stop))
        uncertainty = of_rows.uncertainty
        if len(uncertainty) > 1:
            uncertainty = uncertainty[first:last]
        if len(rows) == N:
            return Derivative(of_rows.value[some], uncertainty)
        shape = (some.stop - some.start, of_rows.value.shape[1])
        value, known_to = np.full(shape, np.nan), np.full(shape, np.inf)
        value[rows[first:last] - some.start] = of_rows.value[first:last]
        known_to[rows[first:last] - some.start] = uncertainty
        return Derivative(value, known_to)

    return give


def _sum_along(dLdZ: Numeric, direction: Rows) -> Derivative:
    """The definition's derivative along a direction, (1, C)."""
    N, C = direction.shape
    uncertainty = dLdZ(slice(0, 1)).uncertainty
    values = _Values(dLdZ, (N, C))
    return Derivative(sum_of_products(direction, values), N * uncertainty, source=DEFINITION)


class _Values(LazyRows):
    """The values of a derivative, as rows."""

    def __init__(self, numeric: Numeric, shape: tuple[int, int]) -> None:
        self.shape, self.dtype = shape, FLOAT64
        self._numeric = numeric

    def __getitem__(self, rows: slice) -> Array:
        return self._numeric(rows).value


def _refuse_not_analytic(
    of_rows: Derivative,
    rows: NDArray[np.intp],
    definition: Numeric,
    r: ReferenceForward,
    agrees: Mask,
) -> None:
    """Refuse the complex step for a forward that is right, but not in complex numbers.

    np.var and np.abs take absolute values, whose complex step is meaningless: it would reject every
    right layer that uses them.
    """
    right = _take(_Values(definition, r.Z.shape), rows)
    error = relative_error(of_rows.value, right, r.scales["dLdZ"])
    if (error[np.isfinite(of_rows.value) & agrees] > ANALYTIC_TO).any():
        raise InputError(
            "the complex step needs a forward that is analytic in complex numbers, which this one "
            "is not: np.var and np.abs are not",
            "leave --method out, or write the variance as mean((Z - M) ** 2)",
        )


def _agrees_to(N: int, condition: Array, eps: float, visible: Array | float = 0) -> Array:
    """How far a forward may be from the definition's and still be taken for it, (1, C).

    Rounding that hides a thousandth of the output hides too much to say so.
    """
    limit: Array = np.minimum(visible + rounding_budget(N, condition, eps), 1e-3)
    return limit


def _agreement(BZ_error: Array, kind: np.dtype[Any], r: ReferenceForward, noise: Noise) -> Mask:
    """Columns, (1, C), in which BZ is the definition's, as far as rounding lets one see."""
    with np.errstate(all="ignore"):
        visible = np.nan_to_num(noise.BZ / r.scales["BZ"])
    agree: Mask = BZ_error <= _agrees_to(r.N, r.condition, float(np.finfo(kind).eps), visible)
    return agree


def _agreement_beside(layer: LayerUnderTest, setup: CheckSetup, away: float, noise: Noise) -> Mask:
    """The agreement where one row of Z is moved as far as differences are taken.

    A forward that is right at Z need not be right beside it: in a constant column NZ is 0 whatever
    the variance is taken to be.
    """
    r, Z = setup.reference, setup.Z[:]
    row = int(setup.rng.integers(len(Z)))
    moved = Z.copy()
    moved[row] = (Z[row] + away * r.length_scale[0]).astype(Z.dtype)
    there = apply_definition(
        moved.astype(float, copy=False), r.dLdBZ, lambda _: r.parameters, eval=r.eval
    )
    BZ = layer.forward(moved, eval=r.eval)
    error = largest(relative_error(BZ, there.BZ(), there.scales["BZ"]))
    return _agreement(error, BZ.dtype, there, noise)

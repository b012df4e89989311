"""The check of the built-in layer on a mini-batch too large for all of it to be at hand.

Everything goes block by block, in a few sweeps over the rows, and nothing is kept but sums,
extremes and the worst entries. The definition in closed form judges every entry of dLdZ. The
layer's own forward is differenced for its parameters, in some rows and along some directions, as
far as the budget of `bncheck.check.oracle` goes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bncheck import progress
from bncheck.arrays import EPS, Array, Rows
from bncheck.batchnorm.blocks import FLOAT64, Block, fold, for_each, sum_of_products
from bncheck.batchnorm.formulas import scale_and_shift
from bncheck.batchnorm.random_rows import DrawnRows, held, random_signs
from bncheck.blackbox.derivatives import difference_along, difference_parameters, difference_rows
from bncheck.blackbox.loss import BlockLosses, built_in
from bncheck.blackbox.noise import POINTS, noise_of_losses
from bncheck.check.draws import draw, draw_upstream
from bncheck.check.oracle import DIRECTIONS, EXHAUSTIVE, SAMPLED, Truth, agrees_to
from bncheck.check.setup import DEFAULT_ALPHA, DEFAULT_EPS, STARTING_VALUES, brought_along
from bncheck.check.tally import Tally, Values, tally
from bncheck.compare.claims import DEFINITION_ERROR, Claim, exactly, judge_claims, quantity_of
from bncheck.compare.comparison import (
    ALONG,
    DEFINITION,
    FINITE_DIFFERENCES,
    SAMPLED_ROWS,
    Comparison,
)
from bncheck.compare.tolerance import tolerance_of
from bncheck.diagnose.blind_spots import hidden_mistakes
from bncheck.diagnose.doubt import reason_for_doubt
from bncheck.layers.adapters import Face, setting
from bncheck.numdiff import Derivative, Formula
from bncheck.reference.columns import know
from bncheck.reference.derivatives import (
    TrainingDifferences,
    difference_of_inference_loss,
    differences_of_parameters,
)
from bncheck.reference.forward import Parameters
from bncheck.reference.stages import difference_NZ, difference_statistics
from bncheck.report.model import Note

SWEEPS = 8
"""Over the rows, without the black box: what is known, forward, backward, and three comparisons."""

LINES = 1
"""Along which the noise of the losses is looked at."""


class LargeCheck:
    """The check of one mini-batch.

    Parameters
    ----------
    layer
        The built-in layer, in float64.
    Z, dLdBZ
        Input and upstream gradient, (N, C); None for an upstream gradient to be drawn.
    state
        Parameters and running statistics that were brought along, (1, C) each.
    rng
        Of what is drawn.
    eval, rtol, formula, names, full
        As in `bncheck.gradcheck`.

    Attributes
    ----------
    rows
        Those in which the layer's own forward is differenced.

    Raises
    ------
    ValueError
        As `bncheck.gradcheck` does.
    """

    def __init__(
        self,
        layer: Face,
        Z: Rows,
        dLdBZ: Rows | None,
        state: Mapping[str, ArrayLike],
        rng: np.random.Generator,
        *,
        eval: bool,  # noqa: A002
        rtol: float,
        formula: Formula,
        names: tuple[str, ...] | None,
        full: bool,
    ) -> None:
        N, C = Z.shape
        self._Z, self._rtol, self._formula, self._names = Z, rtol, formula, names
        self._brought = brought_along(layer, state, (1, C))
        upstream = frozenset() if dLdBZ is None else frozenset({"dLdBZ"})
        self._brought_names = frozenset(self._brought) | upstream
        self._alpha = setting(layer, "alpha", DEFAULT_ALPHA)
        self._eps = setting(layer, "eps", DEFAULT_EPS)
        self._rng = rng
        progress.plan(SWEEPS * N * C * FLOAT64)
        key = int(rng.integers(2**32))
        self._dLdBZ = held(DrawnRows(key, (N, C), draw_upstream)) if dLdBZ is None else dLdBZ
        self._columns, self._X, self._T, self._S = know(Z, self._dLdBZ, self._parameters, eval=eval)
        p = self._columns.parameters
        self._layer = built_in(p)
        self._BZ = self._layer.forward_rows(Z, eval=eval)
        self._dLdZ = self._layer.backward_rows(self._dLdBZ)
        self._differences = TrainingDifferences(N, self._columns.V, p.BW, p.eps, self._T, self._S)
        self.rows = self._affordable_rows(full=full)
        self._claimed: dict[str, Array] = {}
        if len(self.rows):
            nodes = len(formula.nodes)
            forwards = LINES * POINTS + (2 + len(self.rows) + DIRECTIONS) * nodes
            progress.plan((2 * forwards + DIRECTIONS) * N * C * FLOAT64)

    def _parameters(self, M: Array, V: Array) -> Parameters:
        drawn = draw(self._rng, M, V, self._eps)
        values = {name: self._brought.get(name, getattr(drawn, name)) for name in STARTING_VALUES}
        return Parameters(**values, alpha=self._alpha, eps=self._eps)

    def _affordable_rows(self, *, full: bool) -> NDArray[np.intp]:
        """The rows to difference the layer's own forward in; none where nothing is affordable."""
        N, C = self._Z.shape
        nodes = len(self._formula.nodes)
        forwards = int(SAMPLED / (N * C)) - LINES * POINTS - 2 * nodes
        count = N if full or nodes * N * N * C <= EXHAUSTIVE else forwards // nodes - DIRECTIONS
        return np.sort(self._rng.permutation(N)[: max(count, 0)])

    def checks(self) -> Iterator[Comparison]:
        """The comparisons, in the order in which the layer computes the quantities."""
        c = self._columns
        output = self._tally("BZ", self._of_BZ, None, DEFINITION)
        yield output.comparison
        lost = output.largest_error
        assert lost is not None
        statistics = [
            exactly(name, getattr(self._layer, name), getattr(c, name), c.scales[name], DEFINITION)
            for name in ("running_M", "running_V")
        ]
        yield from self._judged(statistics, lost)
        truth = self._truth(lost)

        def gradients(*names: str) -> list[Comparison]:
            claims = [self._claim(truth, name, lost) for name in names]
            return self._judged(claims, lost)

        yield from gradients("dLdBb", "dLdBW")
        yield self._tally("dLdNZ", self._of_dLdNZ, lost, FINITE_DIFFERENCES).comparison
        yield from gradients("dLdV", "dLdM")
        yield self._tally("dLdZ", self._of_dLdZ, lost, DEFINITION).comparison
        if len(self.rows):
            (sampled,) = gradients(SAMPLED_ROWS)
            assert sampled.worst is not None
            row = int(self.rows[sampled.worst.row or 0])
            yield replace(sampled, worst=replace(sampled.worst, row=row), entries=None)
            yield from gradients(*truth.directions)

    def notes(self, checks: Iterable[Comparison]) -> Iterator[Note]:
        """What there is to say besides the comparisons."""
        for check in checks:
            doubt = reason_for_doubt(check, self._columns, EPS, agrees=True)
            if doubt:
                yield doubt
        yield from hidden_mistakes(self._columns, self._brought_names, self._names)
        if not len(self.rows):
            N, C = self._Z.shape
            yield Note(
                "black-box-skipped",
                "dLdZ",
                f"the definition in closed form judges all {N} × {C} entries; the layer's own "
                "forward was not differenced, which takes too long here: --full does it",
            )

    def _tally(self, name: str, values: Values, BZ_error: Array | None, against: str) -> Tally:
        return tally(
            name,
            values,
            self._Z.shape,
            self._columns.scales[name],
            tolerance_of(name, self._columns, EPS, self._rtol, BZ_error),
            against=against,
            names=self._names,
            of_columns=name == "BZ",
        )

    def _judged(self, claims: list[Claim], BZ_error: Array) -> list[Comparison]:
        kind = np.dtype(np.float64)
        return judge_claims(claims, self._columns, kind, self._rtol, self._names, BZ_error)

    def _X_of(self, rows: slice) -> Array:
        return self._X.of(Block(rows.start, rows.stop, 1))

    def _of_BZ(self, rows: slice) -> tuple[Array, Array, Array]:
        c, p = self._columns, self._columns.parameters
        true = scale_and_shift(self._X_of(rows) / c.root, p.BW, p.Bb)
        return self._BZ[rows], true, DEFINITION_ERROR * c.scales["BZ"]

    def _of_dLdNZ(self, rows: slice) -> tuple[Array, Array, Array]:
        c, upstream = self._columns, self._dLdBZ[rows]
        numeric = difference_NZ(self._X_of(rows) / c.root, upstream, c, self._formula)
        return self._layer.dLdNZ_of(rows), numeric.value, numeric.uncertainty

    def _of_dLdZ(self, rows: slice) -> tuple[Array, Array, Array]:
        true = self._closed_form(rows)
        return self._dLdZ[rows], true.value, true.uncertainty

    def _closed_form(self, rows: slice) -> Derivative:
        """The definition's dLdZ of some rows."""
        c, upstream = self._columns, self._dLdBZ[rows]
        if c.eval:
            return difference_of_inference_loss(upstream, c)
        value = self._differences.of(self._X_of(rows), upstream)
        return Derivative(value, self._differences.uncertainty(c.largest_dLdBZ))

    def _claim(self, truth: Truth, name: str, BZ_error: Array) -> Claim:
        c = self._columns
        tolerance = tolerance_of(quantity_of(name), c, EPS, self._rtol, BZ_error)
        scale = c.scales[quantity_of(name)] * (np.sqrt(c.N) if name in truth.directions else 1)
        claimed = self._claimed[name] if name in self._claimed else getattr(self._layer, name)
        numeric, against = truth.of(name, claimed, scale, tolerance)
        return Claim(name, claimed, numeric.value, numeric.uncertainty, scale, against)

    def _truth(self, BZ_error: Array) -> Truth:
        """What is known of all but the single entries, from both sources."""
        c = self._columns
        agrees = BZ_error <= agrees_to(c.N, c.condition, EPS)
        closed_form = differences_of_parameters(self._T, self._S / c.root, c)
        stages = difference_statistics(self._S, self._T, c, self._formula)
        if not len(self.rows):
            return Truth({}, closed_form, stages, agrees, 0)
        smooth = agrees[0] & (not c.eval)
        losses = BlockLosses(self._Z, self._dLdBZ, c.parameters, eval=c.eval)
        noise = noise_of_losses(losses, self._Z, c, self._rng, LINES)
        black_box = difference_parameters(
            losses,
            ("Bb", "BW"),
            c,
            kind=np.dtype(np.float64),
            formula=self._formula,
            smooth=smooth,
        )
        one_by_one = [slice(int(row), int(row) + 1) for row in self.rows]
        sampled = np.concatenate([self._Z[row] for row in one_by_one])
        black_box[SAMPLED_ROWS] = difference_rows(
            losses, sampled, c, rows=self.rows, noise=noise, formula=self._formula, smooth=smooth
        )
        of_rows = [self._closed_form(row) for row in one_by_one]
        closed_form[SAMPLED_ROWS] = Derivative(
            np.concatenate([each.value for each in of_rows]), of_rows[0].uncertainty
        )
        self._claimed[SAMPLED_ROWS] = np.concatenate([self._dLdZ[row] for row in one_by_one])
        directions: dict[str, Rows] = {}
        every_row = len(self.rows) == c.N
        for index in range(1, 1 if every_row else DIRECTIONS + 1):
            name, signs = f"{ALONG}_{index}", random_signs(self._rng, self._Z.shape)
            directions[name] = signs
            black_box[name] = difference_along(
                losses,
                signs,
                c,
                noise=noise,
                kind=np.dtype(np.float64),
                formula=self._formula,
                smooth=smooth,
            )
            self._claimed[name], true = self._along(signs)
            closed_form[name] = Derivative(true, c.N * of_rows[0].uncertainty)
        return Truth(black_box, closed_form, stages, agrees, len(self.rows), directions)

    def _along(self, signs: Rows) -> tuple[Array, Array]:
        """Sums over the rows of dLdZ times signs, (1, C): the layer's and the closed form's."""

        def of(block: Block) -> tuple[Array, Array]:
            rows = slice(block.start, block.stop)
            S = signs[rows].astype(float)
            claimed, true = self._dLdZ[rows], self._closed_form(rows).value
            return sum_of_products(claimed, S, 1), sum_of_products(true, S, 1)

        return fold(for_each(of, self._Z.shape), lambda a, b: (a[0] + b[0], a[1] + b[1]))

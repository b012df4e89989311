"""gradcheck: a layer's gradients against finite differences and against the definition."""

# What only some checks need is imported where it is used: a check of a small file is nearly all
# start.

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bncheck import progress
from bncheck.arrays import FLOAT64, Array, LazyRows, Rows, RowsByFunction
from bncheck.batchnorm.quantities import OUTPUTS, QUANTITIES
from bncheck.check.oracle import DIRECTIONS, Oracle, consult_both, consult_definition
from bncheck.check.setup import CheckOptions, CheckSetup, MiniBatch, finite_matrix, set_up
from bncheck.compare.claims import (
    Claim,
    align,
    compare,
    exact,
    precision,
)
from bncheck.compare.comparison import Comparison, Verdict, uncomparable
from bncheck.compare.tolerance import RTOL, Tolerance
from bncheck.diagnose.blind_spots import hidden_mistakes
from bncheck.diagnose.notes import remarks_on
from bncheck.errors import LayerError
from bncheck.layers.adapters import LayerAdapter
from bncheck.layers.objects import adapter_of
from bncheck.layers.under_test import LayerUnderTest, Run
from bncheck.numdiff import DEFINITION
from bncheck.reference.derivatives import Numeric
from bncheck.reference.sums import sum_of_products
from bncheck.report.model import InputReport, Note, Report, StepCurve

if TYPE_CHECKING:
    from bncheck.layers.source import Line

SWEEPS = 10
"""Over the rows, without the black box: the definition, forward, backward, and comparisons."""


def gradcheck(
    layer: Any,
    Z: ArrayLike | LazyRows,
    *,
    dLdBZ: ArrayLike | LazyRows | None = None,
    state: Mapping[str, ArrayLike] | None = None,
    mode: str = "train",
    seed: int = 0,
    rtol: float = RTOL,
    method: str = "richardson",
    names: Sequence[str] | None = None,
    source: str = "array",
    curve: bool = False,
    full: bool = False,
) -> Report:
    """Check every gradient of a batch-normalisation layer on one mini-batch.

    Parameters
    ----------
    layer
        An object with `forward(Z, eval=False)`, `backward(dLdBZ)` and the attributes BW, Bb,
        running_M, running_V, alpha, eps, dLdBW and dLdBb, as far as it has them; spellings such as
        gamma, beta, running_mean are understood too. It is copied, never changed.
    Z
        The mini-batch, (N, C), of floating-point numbers. The built-in layer is checked block by
        block on a large one, which may be the rows of a file.
    dLdBZ
        The upstream gradient, (N, C); drawn from the seed where it is missing.
    state
        Any of BW, Bb, running_M and running_V, (1, C) each. What is missing is taken from the
        layer, and drawn from the seed where the layer still has its starting values, which hide
        mistakes.
    mode
        "train" or "eval".
    seed
        Of everything that is drawn.
    rtol
        Tolerance, in units of the column's gradient scale |BW| / sqrt(V + eps) * max|dLdBZ|.
    method
        The difference formula: "richardson", or one of the textbook's, "central", "forward" or
        "complex".
    names
        The features' names, for the report.
    source
        What the report calls the mini-batch.
    curve
        Whether to compute the step-size curve of the worst entry of dLdZ too.
    full
        Whether to difference the layer's own forward in every row, however long that takes.

    Returns
    -------
    Report
        `assert gradcheck(layer, Z).passed` is a test.

    Raises
    ------
    ValueError
        Where an argument cannot be used: a shape, a value that is not finite, a name.

    Examples
    --------
    >>> from bncheck import BatchNorm1d, gradcheck
    >>> gradcheck(BatchNorm1d(2), [[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]]).passed
    True
    """
    options = CheckOptions(mode, seed, rtol, method, full, curve)
    given = Z if isinstance(Z, LazyRows) else finite_matrix("Z", Z)
    upstream: Rows | None = None
    if dLdBZ is not None:
        lazy = isinstance(dLdBZ, LazyRows)
        upstream = dLdBZ if lazy else finite_matrix("dLdBZ", dLdBZ, given.shape)  # type: ignore[assignment, arg-type]
    batch = MiniBatch(given, upstream, state or {}, tuple(names) if names else None, source)
    return Report(seed, rtol, method, (check_layer(adapter_of(layer), batch, options),))


def check_layer(adapter: LayerAdapter, batch: MiniBatch, options: CheckOptions) -> InputReport:
    """Run a layer on a mini-batch, and check all that it computes.

    Raises
    ------
    InputError
        Where something of it cannot be used.
    """
    N, C = batch.Z.shape
    progress.plan(SWEEPS * N * C * FLOAT64.itemsize)
    setup = set_up(adapter, batch, options)
    assert setup.layer is not None
    return check_run(setup, setup.layer.run(setup.Z, setup.dLdBZ, eval=options.eval))


class Judged(NamedTuple):
    """A claim, and what came out."""

    claim: Claim
    check: Comparison


def check_run(
    setup: CheckSetup,
    run: Run,
    notes: Sequence[Note] = (),
    statistics: Mapping[str, Array] | None = None,
) -> InputReport:
    """Compare all that a layer, or another program, computed with what it should be.

    Parameters
    ----------
    setup
        The mini-batch, the definition, and the layer if there is one.
    run
        What was computed.
    notes
        What else there is to say of it.
    statistics
        Running statistics of another convention than the definition's, if these are right here.
    """
    judge = partial(_judge, setup.batch.names)
    r, layer = setup.reference, setup.layer
    forward = judge(_forward_claims(setup, run, statistics or {}))
    of_BZ = next((check for claim, check in forward if claim.name == "BZ"), None)
    BZ_error = of_BZ.column_errors if of_BZ and layer else None
    oracle, failure = _consult(setup, run, BZ_error)
    judged = forward + judge(list(_gradient_claims(setup, run, oracle, BZ_error)))
    found = list(notes)
    failure = failure or run.error
    if failure is not None:
        found.append(Note("raised", _missing(failure), str(failure)))
    elif layer is not None and not layer.keeps_promises:
        from bncheck.check.behaviour import further_claims, large_eps_claims

        for look in (further_claims, large_eps_claims):
            claims, remarks = look(setup, layer, run)
            judged += judge(claims)
            found += remarks
            if not all(check.passed for _, check in judged):
                break  # what is wrong is wrong with any eps
        found += _not_found(run)
    checks = [check for _, check in judged]
    if any(check.verdict is Verdict.FAIL for check in checks):
        from bncheck.diagnose.explain import explain

        line_of = partial(_line_of, layer)
        explanations = explain(judged, precision(setup.kind), BZ_error, line_of)
        found = [*explanations, *found, *_forward_differs(of_BZ)]
    found += remarks_on(judged, r, precision(setup.kind), oracle.agrees)
    found += hidden_mistakes(r, setup.given, setup.batch.names)
    found += _sampled(setup, oracle)
    found.sort(key=lambda note: note.meant is None)  # what is wrong comes before what is remarkable
    if failure is not None:
        checks.append(uncomparable(_missing(failure), (), DEFINITION))
    return InputReport(
        input=setup.batch.source,
        layer=setup.name,
        shape=(r.N, r.M.shape[1]),
        dtype=str(setup.kind),
        mode=setup.options.mode,
        names=setup.batch.names,
        checks=tuple(checks),
        notes=tuple(found),
        rows_sampled=oracle.rows,
        curve=_curve(setup, oracle, checks) if setup.options.step_curve else None,
    )


def _judge(names: tuple[str, ...] | None, claims: Sequence[Claim]) -> list[Judged]:
    return [Judged(claim, compare(claim, names)) for claim in claims]


def _forward_claims(setup: CheckSetup, run: Run, statistics: Mapping[str, Array]) -> list[Claim]:
    """BZ and the running statistics beside the definition's."""
    r = setup.reference

    def numeric_of(name: str) -> Callable[[Array, Tolerance], Numeric]:
        right = RowsByFunction(r.Z.shape, r.BZ) if name == "BZ" else getattr(r, name)
        return lambda scale, _: exact(statistics.get(name, right), scale)

    there = [(name, A) for name, A in run.results.items() if name in OUTPUTS]
    return [setup.claim(name, A, numeric_of(name)) for name, A in there]


def _gradient_claims(
    setup: CheckSetup, run: Run, oracle: Oracle, BZ_error: Array | None
) -> Iterator[Claim]:
    """The gradients beside the oracle's."""
    r = setup.reference
    there = {name: A for name, A in run.results.items() if name not in OUTPUTS}
    dLdZ = align(there["dLdZ"], r.shape_of("dLdZ")) if "dLdZ" in there else None
    if dLdZ is not None:
        for name, direction in oracle.directions.items():
            there[name] = sum_of_products(direction, dLdZ)
    for name, A in there.items():
        shape = (1, r.shape_of(name)[1]) if name in oracle.directions else r.shape_of(name)
        numeric = partial(oracle.numeric, name, align(A, shape))
        yield setup.claim(name, A, numeric, BZ_error=BZ_error)


def _consult(
    setup: CheckSetup, run: Run, BZ_error: Array | None
) -> tuple[Oracle, LayerError | None]:
    """The oracle, and what the layer raised on the way to it."""
    if BZ_error is None or setup.layer is None or not np.isfinite(BZ_error).all():
        return consult_definition(setup), None
    try:
        return consult_both(setup, setup.layer, run.results["BZ"], BZ_error), None
    except LayerError as error:
        return consult_definition(setup), error


def _missing(failure: LayerError) -> str:
    """The quantity that is missing after a method raised."""
    return "BZ" if failure.method == "forward" else "dLdZ"


def _not_found(run: Run) -> Iterator[Note]:
    """Name what a layer does not show under any known name."""
    missing = [name for name in ("dLdBb", "dLdBW") if name not in run.results]
    if missing:
        names = ", ".join(missing)
        yield Note("not-found", None, f"{names} not found under any known name: unchecked")


def _sampled(setup: CheckSetup, oracle: Oracle) -> Iterator[Note]:
    """Say in how many rows the black box was differenced, where that was not all."""
    N, C = setup.Z.shape
    if 0 < oracle.rows < N:
        yield Note(
            "rows-sampled",
            "dLdZ",
            f"the layer's own forward was differenced in {oracle.rows} of {N} rows and along "
            f"{DIRECTIONS} directions, drawn from the seed; the definition in closed form judges "
            "every row; --full takes all rows",
        )
    elif oracle.rows == 0 and oracle.agrees.any():
        yield Note(
            "black-box-skipped",
            "dLdZ",
            f"the definition in closed form judges all {N} × {C} entries; the layer's own "
            "forward was not differenced, which takes too long here: --full does it",
        )


def _curve(setup: CheckSetup, oracle: Oracle, checks: Sequence[Comparison]) -> StepCurve | None:
    """The step-size curve of the worst entry of dLdZ, or of its first."""
    if setup.layer is None or oracle.step is None or isinstance(setup.Z, LazyRows):
        return None
    from bncheck.check.step_curve import step_curve

    worst = [check.worst for check in checks if check.name == "dLdZ" and check.worst]
    at = (worst[0].row or 0, worst[0].feature) if worst else (0, 0)
    agrees = bool(oracle.agrees[0, at[1]])
    return step_curve(setup, setup.layer, at, oracle.step, agrees=agrees)


def _line_of(layer: LayerUnderTest | None, quantity: str) -> Line | None:
    """The line of the layer's code that computes a quantity."""
    method = QUANTITIES[quantity].method
    function = layer.fresh().source_of(method) if layer else None
    if function is None:
        return None
    from bncheck.layers.source import line_of

    return line_of(function, quantity, method)


def _forward_differs(of_BZ: Comparison | None) -> Iterator[Note]:
    """Say what the gradients of a wrong forward are compared with."""
    if of_BZ and of_BZ.verdict is Verdict.FAIL and of_BZ.compared:
        yield Note(
            "forward-differs",
            "BZ",
            "the layer's forward is not the definition's: its gradients are compared with finite "
            "differences of its own forward",
        )

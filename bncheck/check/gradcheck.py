"""gradcheck: a layer's gradients against finite differences and against the definition."""

# What only some checks need is imported where it is used: a check of a small file is nearly all
# start.

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bncheck.arrays import Array, LazyRows, Rows
from bncheck.batchnorm.blocks import products_of
from bncheck.check.oracle import DIRECTIONS, Truth, find_truth
from bncheck.check.setup import Trial, check_settings, finite_matrix, set_up
from bncheck.compare.claims import Claim, exactly, judge_claims, largest_error, precision
from bncheck.compare.comparison import (
    DEFINITION,
    Comparison,
    Tolerance,
    Verdict,
    align,
    uncomparable,
)
from bncheck.compare.tolerance import RTOL, tolerance_of
from bncheck.diagnose.blind_spots import hidden_mistakes
from bncheck.diagnose.notes import remarks_on
from bncheck.errors import InputError, LayerError
from bncheck.layers.adapters import describe, face_of, is_built_in
from bncheck.layers.under_test import Run, Subject
from bncheck.numdiff import FORMULAS, Formula
from bncheck.reference.forward import Columns
from bncheck.report.model import InputReport, Note, Report

if TYPE_CHECKING:
    from bncheck.layers.source import Line
    from bncheck.report.model import StepCurve

FORWARD = ("BZ", "running_M", "running_V")

LARGE = 2**21
"""Entries of Z, (N, C), beyond which a check of the built-in layer goes block by block."""


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
    names: tuple[str, ...] | None = None,
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
    """
    if method not in FORMULAS:
        raise InputError(
            f"method is {method!r}, expected one of {', '.join(FORMULAS)}", "leave it out"
        )
    check_settings(mode, rtol)
    given = Z if isinstance(Z, LazyRows) else finite_matrix("Z", Z)
    N, C = given.shape
    upstream: Rows | None = None
    if isinstance(dLdBZ, LazyRows):
        upstream = dLdBZ
    elif dLdBZ is not None:
        upstream = finite_matrix("dLdBZ", dLdBZ, (N, C))
    options = _Options(mode == "eval", rtol, FORMULAS[method], names, full, curve)
    check = _check_blocks if _goes_by_blocks(layer, (N, C)) else _check_whole
    found = check(layer, given, upstream, state or {}, np.random.default_rng(seed), options)
    report = InputReport(
        input=source,
        layer=describe(layer),
        shape=(N, C),
        dtype=found.dtype,
        mode=mode,
        names=names,
        checks=found.checks,
        notes=found.notes,
        rows_sampled=found.rows,
        curve=found.curve,
    )
    return Report(seed=seed, rtol=rtol, method=method, inputs=(report,))


@dataclass(frozen=True, eq=False)
class _Options:
    eval: bool
    rtol: float
    formula: Formula
    names: tuple[str, ...] | None
    full: bool
    curve: bool


@dataclass(frozen=True, eq=False)
class _Found:
    checks: tuple[Comparison, ...]
    notes: tuple[Note, ...]
    rows: int
    dtype: str
    curve: StepCurve | None = None


def _goes_by_blocks(layer: Any, shape: tuple[int, int]) -> bool:
    """Whether a check is that of a large mini-batch: of the built-in layer, in its usual type."""
    return (
        shape[0] * shape[1] > LARGE
        and is_built_in(layer)
        and bool(face_of(layer).get("dtype") == np.float64)
    )


def _check_blocks(
    layer: Any,
    Z: Rows,
    dLdBZ: Rows | None,
    state: Mapping[str, ArrayLike],
    rng: np.random.Generator,
    o: _Options,
) -> _Found:
    from bncheck.check.blockwise import LargeCheck

    check = LargeCheck(
        face_of(layer),
        _in_double(Z),
        None if dLdBZ is None else _in_double(dLdBZ),
        state,
        rng,
        eval=o.eval,
        rtol=o.rtol,
        formula=o.formula,
        names=o.names,
        full=o.full,
    )
    checks = tuple(check.checks())
    notes = (*check.notes(checks), *_sampled(len(check.rows), Z.shape[0]))
    return _Found(checks, notes, len(check.rows), str(np.dtype(np.float64)))


def _in_double(A: Rows) -> Rows:
    return A.astype(float, copy=False) if isinstance(A, np.ndarray) else A


def _check_whole(
    layer: Any,
    Z: Rows,
    dLdBZ: Rows | None,
    state: Mapping[str, ArrayLike],
    rng: np.random.Generator,
    o: _Options,
) -> _Found:
    upstream = None if dLdBZ is None else dLdBZ[:]
    trial = set_up(layer, Z[:], upstream, state, rng, eval=o.eval)
    checks, notes, truth = _check(
        trial, rng, o.rtol, o.formula, o.names, further=not is_built_in(layer), full=o.full
    )
    curve = _curve(trial, truth, checks, o.names) if o.curve else None
    return _Found(checks, notes, truth.rows, str(trial.Z.dtype), curve)


def _check(
    trial: Trial,
    rng: np.random.Generator,
    rtol: float,
    formula: Formula,
    names: tuple[str, ...] | None,
    *,
    further: bool,
    full: bool,
) -> tuple[tuple[Comparison, ...], tuple[Note, ...], Truth]:
    """Run the layer, find the truth of every quantity that it computes, and compare."""
    e, kind = trial.expected, trial.Z.dtype
    run = trial.subject.run(trial.Z, trial.dLdBZ, eval=e.eval)
    BZ = align(run.results["BZ"], e.Z.shape) if "BZ" in run.results else None
    truth, failure = _truth(trial, run, BZ, formula, rng, full=full)
    BZ_error = largest_error(BZ, e)
    claims = list(_claims(trial, run, truth, rtol, BZ_error))
    truth = truth.without_values()
    checks = judge_claims(claims, e, kind, rtol, names, BZ_error)
    notes: list[Note] = []
    if failure is not None:
        notes.append(Note("raised", _broken(failure), str(failure)))
    elif further:
        from bncheck.check.behaviour import claims_with_large_eps, further_claims

        for look in (further_claims, claims_with_large_eps):
            more, remarks = look(trial, run)
            claims += more
            checks += judge_claims(more, e, kind, rtol, names, None)
            notes += remarks
            if not all(check.passed for check in checks):
                break  # what is wrong is wrong with any eps
        notes += _not_found(run)
    if any(check.verdict is Verdict.FAIL for check in checks):
        from bncheck.diagnose.explain import explain

        line_of = partial(_line_of, trial.subject)
        explanations = explain(claims, checks, precision(kind), BZ_error, line_of)
        notes = [*explanations, *notes, *_forward_differs(checks)]
    notes += remarks_on(checks, claims, e, kind, truth.agrees)
    notes += hidden_mistakes(e, trial.brought, names)
    notes += _sampled(truth.rows, e.N)
    notes.sort(key=lambda note: note.meant is None)  # what is wrong comes before what is remarkable
    if failure is not None:
        checks.append(uncomparable(_broken(failure), (), DEFINITION))
    return tuple(checks), tuple(notes), truth


def _sampled(rows: int, N: int) -> Iterator[Note]:
    """Say in how many rows the black box was differenced, where that was not all."""
    if 0 < rows < N:
        yield Note(
            "rows-sampled",
            "dLdZ",
            f"the layer's own forward was differenced in {rows} of {N} rows and along "
            f"{DIRECTIONS} directions, drawn from the seed; the definition in closed form judges "
            "every row; --full takes all rows",
        )


def _broken(failure: LayerError) -> str:
    """The quantity that is missing after a method raised."""
    return "BZ" if failure.method == "forward" else "dLdZ"


def _not_found(run: Run) -> Iterator[Note]:
    """Name what a layer does not show under any known name."""
    missing = [name for name in ("dLdBb", "dLdBW") if name not in run.results]
    if missing:
        names = ", ".join(missing)
        yield Note("not-found", None, f"{names} not found under any known name: unchecked")


def _curve(
    trial: Trial, truth: Truth, checks: tuple[Comparison, ...], names: tuple[str, ...] | None
) -> StepCurve | None:
    """The step-size curve of the worst entry of dLdZ, or of its first."""
    from bncheck.check.step_curve import step_curve

    worst = [check.worst for check in checks if check.name == "dLdZ" and check.worst]
    at = (worst[0].row or 0, worst[0].feature) if worst else (0, 0)
    return step_curve(trial, truth, at, names)


def _claims(
    trial: Trial, run: Run, truth: Truth, rtol: float, BZ_error: Array | None
) -> Iterator[Claim]:
    """What the layer computed, beside what it should be."""
    e = trial.expected
    scales = e.scales
    # First what takes room while it is judged, and the definition's BZ after it.
    gradients = {}
    for name, claimed in run.results.items():
        if name not in FORWARD:
            eps = precision(trial.Z.dtype, claimed.dtype)
            tolerance = tolerance_of(name, e, eps, rtol, BZ_error)
            aligned = align(claimed, e.shape_of(name))
            numeric, against = truth.of(name, aligned, scales[name], tolerance)
            value, known_to = numeric.value, numeric.uncertainty
            gradients[name] = Claim(name, claimed, value, known_to, scales[name], against, e)
    for name, claimed in run.results.items():
        if name in FORWARD:
            yield exactly(name, claimed, getattr(e, name), scales[name], DEFINITION, e)
    yield from gradients.values()
    dLdZ = align(run.results["dLdZ"], e.Z.shape) if "dLdZ" in run.results else None
    if dLdZ is not None:
        eps = precision(trial.Z.dtype, dLdZ.dtype)
        for name, direction in truth.directions.items():
            claimed = products_of(direction[:], dLdZ.astype(float, copy=False))
            yield along(name, claimed, truth, e, tolerance_of("dLdZ", e, eps, rtol, BZ_error))


def along(name: str, claimed: Array, truth: Truth, columns: Columns, tolerance: Tolerance) -> Claim:
    """A claim about the sum over the rows of dLdZ times random signs, (1, C).

    Errors add up as sums of random signs do, to sqrt(N) times as much.
    """
    scale = columns.scales["dLdZ"] * np.sqrt(columns.N)
    numeric, against = truth.of(name, claimed, scale, tolerance)
    return Claim(name, claimed, numeric.value, numeric.uncertainty, scale, against)


def _line_of(subject: Subject, quantity: str) -> Line | None:
    """The line of the layer's code that computes a quantity."""
    from bncheck.layers.source import line_of

    face = subject.fresh()
    if is_built_in(face):
        return None
    method = "backward" if quantity.startswith("dLd") else "forward"
    return line_of(face.function(method), quantity, method)


def _truth(
    trial: Trial,
    run: Run,
    BZ: Array | None,
    formula: Formula,
    rng: np.random.Generator,
    *,
    full: bool,
) -> tuple[Truth, LayerError | None]:
    """The truth, and what the layer raised on the way to it, or before."""
    e = trial.expected
    try:
        return find_truth(trial.subject, trial.Z, BZ, e, formula, rng, full=full), run.error
    except LayerError as error:
        return find_truth(trial.subject, trial.Z, None, e, formula, rng), error


def _forward_differs(checks: list[Comparison]) -> Iterator[Note]:
    """Say what the gradients of a wrong forward are compared with."""
    wrong = [check for check in checks if check.name == "BZ" and check.verdict is Verdict.FAIL]
    if wrong and wrong[0].compared:
        yield Note(
            "forward-differs",
            "BZ",
            "the layer's forward is not the definition's: its gradients are compared with finite "
            "differences of its own forward",
        )

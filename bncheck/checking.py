"""gradcheck: a layer's gradients against finite differences and against the definition."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bncheck.claims import Claim, exactly, judge_claims, precision
from bncheck.compare import Comparison, Verdict, align, uncomparable
from bncheck.explain.explaining import explain
from bncheck.foreign.face import describe, is_built_in
from bncheck.foreign.lines import Line, line_of
from bncheck.further import further_claims, without_large_eps
from bncheck.numdiff import FORMULAS, Formula
from bncheck.power import hidden_mistakes
from bncheck.remarks import remarks_on
from bncheck.report import InputReport, Note, Report
from bncheck.subject import LayerError, Run
from bncheck.tolerance import tolerance_of
from bncheck.trial import Trial, finite_matrix, set_up
from bncheck.truth import DEFINITION, Truth, find_truth

RTOL = 1e-6
"""Default tolerance, in units of the column's scale."""

FORWARD = ("BZ", "running_M", "running_V")


def gradcheck(
    layer: Any,
    Z: ArrayLike,
    *,
    dLdBZ: ArrayLike | None = None,
    state: Mapping[str, ArrayLike] | None = None,
    mode: str = "train",
    seed: int = 0,
    rtol: float = RTOL,
    method: str = "richardson",
    names: tuple[str, ...] | None = None,
    source: str = "array",
) -> Report:
    """Check every gradient of a batch-normalisation layer on one mini-batch.

    Parameters
    ----------
    layer
        An object with `forward(Z, eval=False)`, `backward(dLdBZ)` and the attributes BW, Bb,
        running_M, running_V, alpha, eps, dLdBW and dLdBb, as far as it has them; spellings such as
        gamma, beta, running_mean are understood too. It is copied, never changed.
    Z
        The mini-batch, (N, C), of floating-point numbers.
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
        raise ValueError(f"method is {method!r}, where one of {', '.join(FORMULAS)} is meant")
    if mode not in ("train", "eval"):
        raise ValueError(f"mode is {mode!r}, where train or eval is meant")
    if not 0 < rtol < np.inf:
        raise ValueError(f"rtol is {rtol:g}, where a positive number is meant")
    given = finite_matrix("Z", Z)
    upstream = None if dLdBZ is None else finite_matrix("dLdBZ", dLdBZ, given.shape)
    rng = np.random.default_rng(seed)
    trial = set_up(layer, given, upstream, state or {}, rng, eval=mode == "eval")
    checks, notes, rows = _check(
        trial, rng, rtol, FORMULAS[method], names, further=not is_built_in(layer)
    )
    report = InputReport(
        input=source,
        layer=describe(layer),
        shape=(given.shape[0], given.shape[1]),
        dtype=str(trial.Z.dtype),
        mode=mode,
        names=names,
        checks=checks,
        notes=notes,
        rows_sampled=rows,
    )
    return Report(seed=seed, rtol=rtol, method=method, inputs=(report,))


def _check(
    trial: Trial,
    rng: np.random.Generator,
    rtol: float,
    formula: Formula,
    names: tuple[str, ...] | None,
    *,
    further: bool,
) -> tuple[tuple[Comparison, ...], tuple[Note, ...], int]:
    """Run the layer, find the truth of every quantity that it computes, and compare."""
    e, kind = trial.expected, trial.Z.dtype
    run = trial.subject.run(trial.Z, trial.dLdBZ, eval=e.eval)
    truth, failure = _truth(trial, run, formula, rng)
    claims = list(_claims(trial, run, truth, rtol))
    checks = judge_claims(claims, e, kind, rtol, names)
    notes: list[Note] = []
    if failure is not None:
        name = "BZ" if failure.method == "forward" else "dLdZ"
        notes.append(Note("raised", name, str(failure)))
    elif further:
        more, remarks = further_claims(trial, run)
        if not all(check.passed for check in checks):  # what is wrong is wrong with any eps
            more, remarks = without_large_eps(more, remarks)
        claims += more
        checks += judge_claims(more, e, kind, rtol, names)
        notes += remarks
    explanations = explain(claims, checks, precision(kind), partial(_line_of, trial))
    notes = [*explanations, *notes, *_forward_differs(checks)]
    if failure is not None:
        checks.append(uncomparable(name, (), DEFINITION))
    notes += remarks_on(checks, e, kind, truth.agrees)
    notes += hidden_mistakes(e, trial.brought, names)
    return tuple(checks), tuple(notes), truth.rows


def _claims(trial: Trial, run: Run, truth: Truth, rtol: float) -> Iterator[Claim]:
    """What the layer computed, beside what it should be."""
    e = trial.expected
    scales = e.scales()
    for name, claimed in run.results.items():
        scale = scales[name]
        if name in FORWARD:
            yield exactly(name, claimed, getattr(e, name), scale, DEFINITION, e)
        else:
            tolerance = tolerance_of(e, precision(trial.Z.dtype, claimed.dtype), rtol)
            numeric, against = truth.of(name, align(claimed, e.shape_of(name)), scale, tolerance)
            yield Claim(name, claimed, numeric.value, numeric.uncertainty, scale, against, e)


def _line_of(trial: Trial, quantity: str) -> Line | None:
    """The line of the layer's code that computes a quantity."""
    if is_built_in(trial.subject.fresh()):
        return None
    method = "backward" if quantity.startswith("dLd") else "forward"
    return line_of(trial.subject.fresh().function(method), quantity, method)


def _truth(
    trial: Trial, run: Run, formula: Formula, rng: np.random.Generator
) -> tuple[Truth, LayerError | None]:
    """The truth, and what the layer raised on the way to it, or before."""
    e = trial.expected
    BZ = align(run.results["BZ"], e.Z.shape) if "BZ" in run.results else None
    try:
        return find_truth(trial.subject, trial.Z, BZ, e, formula, rng), run.error
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

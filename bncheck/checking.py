"""gradcheck: a layer's gradients against finite differences and against the definition."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bncheck.compare import Comparison, Tolerance, Verdict, align, compare, uncomparable
from bncheck.definition import PER_FEATURE, Array
from bncheck.doubt import reason_for_doubt
from bncheck.expected import Expected
from bncheck.foreign.face import describe, is_built_in
from bncheck.further import WITH_LARGE_EPS, further_checks
from bncheck.numdiff import FORMULAS, Formula
from bncheck.power import hidden_mistakes
from bncheck.report import InputReport, Note, Report
from bncheck.subject import LayerError, Run
from bncheck.tolerance import tolerance_of
from bncheck.trial import Trial, finite_matrix, set_up
from bncheck.truth import DEFINITION, Truth, find_truth

RTOL = 1e-6
"""Default tolerance, in units of the column's scale."""

FORWARD = ("BZ", "running_M", "running_V")

DEFINITION_ERROR = 32 * float(np.finfo(float).eps)
"""What the definition's own forward is known to in float64, in units of the column's scale."""


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
    e, Z = trial.expected, trial.Z
    run = trial.subject.run(Z, trial.dLdBZ, eval=e.eval)
    truth, failure = _truth(trial, run, formula, rng)
    scales = e.scales()
    checks: list[Comparison] = []
    notes: list[Note] = []

    def add(
        name: str,
        claimed: Array,
        true: Array,
        uncertainty: Array,
        scale: Array,
        tolerance: Tolerance,
        against: str,
    ) -> None:
        check = compare(
            name,
            claimed,
            true,
            uncertainty,
            scale=scale,
            tolerance=tolerance,
            against=against,
            names=names,
        )
        checks.append(check)
        notes.extend(_notes_on(check, truth, e, _precision(Z, claimed)))

    for name, claimed in run.results.items():
        scale = scales[name]
        tolerance = tolerance_of(e, _precision(Z, claimed), rtol)
        if name in FORWARD:
            add(
                name,
                claimed,
                getattr(e, name),
                DEFINITION_ERROR * scale,
                scale,
                tolerance,
                DEFINITION,
            )
        else:
            numeric, against = truth.of(name, align(claimed, e.shape_of(name)), scale, tolerance)
            add(name, claimed, numeric.value, numeric.uncertainty, scale, tolerance, against)
    if failure is not None:
        checks.append(uncomparable("BZ" if failure.method == "forward" else "dLdZ", (), DEFINITION))
        notes.append(Note("raised", checks[-1].name, str(failure)))
    elif further:
        for each in further_checks(trial, run):
            if isinstance(each, Note):
                notes.append(each)
                continue
            if each.name.endswith(WITH_LARGE_EPS) and not all(check.passed for check in checks):
                continue  # whatever is wrong is wrong with any eps
            tolerance = tolerance_of(e, _precision(Z, each.claimed), rtol)
            known_to = DEFINITION_ERROR * each.scale
            add(each.name, each.claimed, each.true, known_to, each.scale, tolerance, each.against)
    notes += _flat_shapes(checks, e.M.shape)
    notes += hidden_mistakes(e, trial.brought, names)
    return tuple(checks), tuple(notes), truth.rows


def _flat_shapes(checks: list[Comparison], meant: tuple[int, ...]) -> Iterator[Note]:
    """A remark on the quantities that come as (C,) where (1, C) is meant."""
    flat = [each for each in checks if each.compared and each.name in PER_FEATURE]
    flat = [each for each in flat if each.shape != meant]
    if flat:
        names = ", ".join(each.name for each in flat)
        verb = "has" if len(flat) == 1 else "have"
        yield Note(
            "shape-1d", None, f"{names} {verb} shape {flat[0].shape}, where {meant} is meant"
        )


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


def _notes_on(
    check: Comparison, truth: Truth, expected: Expected, precision: float
) -> Iterator[Note]:
    """What there is to say about one comparison."""
    meant = expected.shape_of(check.name)
    if check.compared == 0:
        yield Note("shape", check.name, f"{check.name} has shape {check.shape}, meant {meant}")
    column = check.worst.feature if check.worst else 0
    agrees = bool(truth.agrees[0, column])
    if check.name == "BZ" and check.verdict is not Verdict.PASS:
        yield Note(
            "forward-differs",
            "BZ",
            "the layer's forward is not the definition's: its gradients are compared with finite "
            "differences of its own forward",
        )
    doubt = reason_for_doubt(check, expected, precision, agrees=agrees)
    if doubt:
        yield doubt


def _precision(Z: Array, array: Array) -> float:
    """The relative precision of the coarser of two types."""
    return max(float(np.finfo(A.dtype).eps) for A in (Z, array) if A.dtype.kind == "f")

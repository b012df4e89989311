"""gradcheck: a layer's gradients against finite differences and against the definition."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bncheck.batchnorm import BatchNorm1d
from bncheck.compare import Comparison, Verdict, align, compare, uncomparable
from bncheck.definition import Array
from bncheck.doubt import reason_for_doubt
from bncheck.draws import draw
from bncheck.expected import Expected, Parameters, expect, statistics
from bncheck.numdiff import FORMULAS, Formula
from bncheck.power import hidden_mistakes
from bncheck.report import InputReport, Note, Report
from bncheck.subject import Layer, LayerError, Subject
from bncheck.tolerance import tolerance_of
from bncheck.truth import DEFINITION, Truth, find_truth

RTOL = 1e-6
"""Default tolerance, in units of the column's scale."""

DEFINITION_ERROR = 32 * float(np.finfo(float).eps)
"""What the definition's own forward is known to in float64, in units of the column's scale."""


def gradcheck(
    layer: Layer,
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
        running_M, running_V, alpha and eps. It is copied, never changed.
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
    given = _matrix("Z", Z)
    upstream = None if dLdBZ is None else _matrix("dLdBZ", dLdBZ, given.shape)
    rng = np.random.default_rng(seed)
    trial = _set_up(layer, given, upstream, state or {}, rng, eval=mode == "eval")
    checks, notes, rows = _check(trial, rng, rtol, FORMULAS[method], names)
    report = InputReport(
        input=source,
        layer=_describe(layer),
        shape=(given.shape[0], given.shape[1]),
        dtype=str(trial.Z.dtype),
        mode=mode,
        names=names,
        checks=checks,
        notes=notes,
        rows_sampled=rows,
    )
    return Report(seed=seed, rtol=rtol, method=method, inputs=(report,))


@dataclass(frozen=True)
class _Trial:
    """All that one check needs: the layer, its input in its own type, and what is to come out."""

    subject: Subject
    Z: Array
    expected: Expected
    brought: frozenset[str]


def _set_up(
    layer: Layer,
    Z: Array,
    dLdBZ: Array | None,
    state: Mapping[str, ArrayLike],
    rng: np.random.Generator,
    *,
    eval: bool,  # noqa: A002
) -> _Trial:
    """Settle the parameters and the upstream gradient: brought along, the layer's own, or drawn.

    All are rounded to the layer's own type first and converted to float64 exactly from there, so
    that the layer and the definition get the very same numbers.
    """
    shape = (1, Z.shape[1])
    alpha, eps = float(getattr(layer, "alpha", 0.9)), float(getattr(layer, "eps", 1e-8))
    start = {"BW": 1.0, "Bb": 0.0, "running_M": 0.0, "running_V": 1.0}
    own = {}
    for name, value in start.items():
        A = _matrix(name, np.reshape(np.asarray(getattr(layer, name), dtype=float), (1, -1)), shape)
        if (A != value).any():
            own[name] = A
    brought = own | {name: _matrix(name, value, shape) for name, value in state.items()}

    working_type = _working_type(layer, Z)
    with np.errstate(over="ignore"):
        Z = _matrix(f"Z in {working_type}", Z.astype(working_type))
    exact = Z.astype(float)
    M, V, _ = statistics(exact, eps)
    drawn = draw(rng, exact, M, V, eps)
    values = {
        name: np.asarray(brought.get(name, getattr(drawn, name))).astype(working_type).astype(float)
        for name in start
    }
    upstream = (drawn.dLdBZ if dLdBZ is None else dLdBZ).astype(working_type).astype(float)
    return _Trial(
        subject=Subject(layer, values),
        Z=Z,
        expected=expect(exact, upstream, Parameters(**values, alpha=alpha, eps=eps), eval=eval),
        brought=frozenset(brought) | (frozenset() if dLdBZ is None else {"dLdBZ"}),
    )


def _working_type(layer: Layer, Z: Array) -> np.dtype[Any]:
    """The coarser of the types of Z and of what the layer makes of it."""
    if isinstance(layer, BatchNorm1d):
        return layer.dtype
    try:
        made = Subject(layer, {}).forward(Z, eval=False).dtype
    except LayerError:
        return Z.dtype
    return min(Z.dtype, made, key=lambda kind: kind.itemsize) if made.kind == "f" else Z.dtype


def _check(
    trial: _Trial,
    rng: np.random.Generator,
    rtol: float,
    formula: Formula,
    names: tuple[str, ...] | None,
) -> tuple[tuple[Comparison, ...], tuple[Note, ...], int]:
    """Run the layer, find the truth of every quantity that it computes, and compare."""
    e, Z = trial.expected, trial.Z
    claimed, failure = trial.subject.run(Z, e.dLdBZ.astype(Z.dtype), eval=e.eval)
    BZ = align(claimed["BZ"], e.Z.shape) if "BZ" in claimed else None
    truth = find_truth(trial.subject, Z, BZ, e, formula, rng)
    scales = e.scales()
    checks: list[Comparison] = []
    notes: list[Note] = []
    for name, array in claimed.items():
        scale, shape = scales[name], e.shape_of(name)
        precision = _precision(Z, array)
        tolerance = tolerance_of(e, precision, rtol)
        true, uncertainty, against = getattr(e, name, None), DEFINITION_ERROR * scale, DEFINITION
        if true is None:
            derivative, against = truth.of(name, align(array, shape), scale, tolerance)
            true, uncertainty = derivative.value, derivative.uncertainty
        check = compare(
            name,
            array,
            true,
            uncertainty,
            scale=scale,
            tolerance=tolerance,
            against=against,
            names=names,
        )
        checks.append(check)
        notes += _notes_on(check, truth, e, precision)
    if failure is not None:
        checks.append(_raised(failure, e))
        notes.append(Note("raised", checks[-1].name, str(failure)))
    notes += hidden_mistakes(e, trial.brought, names)
    return tuple(checks), tuple(notes), truth.rows


def _notes_on(
    check: Comparison, truth: Truth, expected: Expected, precision: float
) -> Iterator[Note]:
    """What there is to say about one comparison."""
    meant = expected.shape_of(check.name)
    if check.compared == 0:
        yield Note("shape", check.name, f"{check.name} has shape {check.shape}, meant {meant}")
    elif check.shape != meant:
        yield Note("shape-1d", check.name, f"shape {check.shape}, meant {meant}")
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


def _raised(failure: LayerError, expected: Expected) -> Comparison:
    """The failed check of a method that raised."""
    name = "BZ" if failure.method == "forward" else "dLdZ"
    return uncomparable(name, (), DEFINITION)


def _precision(Z: Array, array: Array) -> float:
    """The relative precision of the coarser of two types."""
    return max(float(np.finfo(A.dtype).eps) for A in (Z, array) if A.dtype.kind == "f")


def _matrix(name: str, A: ArrayLike, shape: tuple[int, ...] | None = None) -> Array:
    """A as a matrix of finite floating-point numbers."""
    A = np.asarray(A)
    if A.dtype.kind in "iu":
        A = A.astype(float)
    if A.dtype.kind != "f" or A.dtype.itemsize > 8:
        raise ValueError(f"{name} is of {A.dtype}, where float64, float32 or float16 is meant")
    if A.ndim != 2 or A.size == 0 or (shape is not None and A.shape != shape):
        meant = shape or "(N, C)"
        raise ValueError(f"{name} has shape {A.shape}, where {meant} is meant")
    if not np.isfinite(A).all():
        row, column = np.argwhere(~np.isfinite(A))[0]
        raise ValueError(f"{name} is {A[row, column]} in row {row}, column {column}")
    # Native byte order, rows one after the other: what every layer can take.
    return np.ascontiguousarray(A, dtype=A.dtype.newbyteorder("="))


def _describe(layer: Layer) -> str:
    return "built-in layer" if type(layer) is BatchNorm1d else type(layer).__name__

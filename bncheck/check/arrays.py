"""Arrays that another program computed, checked against the definition."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import GRADIENTS, QUANTITIES, RESULTS
from bncheck.check.setup import (
    DEFAULT_ALPHA,
    DEFAULT_EPS,
    STARTING_VALUES,
    check_settings,
    finite_matrix,
)
from bncheck.compare.claims import Claim, exactly, judge_claims
from bncheck.compare.comparison import DEFINITION
from bncheck.compare.tolerance import RTOL
from bncheck.diagnose.blind_spots import hidden_mistakes
from bncheck.diagnose.notes import remarks_on
from bncheck.errors import InputError
from bncheck.numdiff import FORMULAS
from bncheck.reference.derivatives import difference_definition
from bncheck.reference.forward import Expected, Parameters, expect
from bncheck.reference.stages import difference_stages
from bncheck.report.model import InputReport, Note, Report

CHECKED = tuple(name for name in RESULTS if not QUANTITIES[name].inside)
"""What is missed where it is missing."""

OF_PYTORCH = ("weight.grad", "bias.grad", "input.grad", "num_batches_tracked")
"""Names that tell that a file was written from PyTorch, whose running variance is unbiased."""


def check_results(
    results: Mapping[str, ArrayLike],
    Z: ArrayLike,
    *,
    dLdBZ: ArrayLike | None = None,
    state: Mapping[str, ArrayLike] | None = None,
    alpha: float = DEFAULT_ALPHA,
    eps: float = DEFAULT_EPS,
    mode: str = "train",
    rtol: float = RTOL,
    names: tuple[str, ...] | None = None,
    source: str = "array",
    layer: str = "results",
) -> Report:
    """Check arrays that were computed elsewhere for this mini-batch.

    Nothing is drawn and no layer is run: the arrays are compared with the definition, the gradients
    with its differences in closed form.

    Parameters
    ----------
    results
        Any of BZ, running_M, running_V, dLdZ, dLdBW, dLdBb, and of dLdNZ, dLdV, dLdM, under one of
        their spellings in `QUANTITIES`.
    Z, dLdBZ
        Input and upstream gradient, (N, C). Without an upstream gradient no gradient is checked.
    state
        BW, Bb, running_M, running_V as they were before, (1, C) each; the starting values where
        they are missing.
    alpha, eps, mode, rtol, names, source
        As in `gradcheck`.
    layer
        What the report calls the program.

    Raises
    ------
    ValueError
        Where an argument cannot be used, or `results` has nothing that is known.
    """
    check_settings(mode, rtol)
    if not (0 <= alpha <= 1 and 0 <= eps < np.inf):
        raise InputError(
            f"alpha is {alpha:g} and eps {eps:g}, expected 0 to 1 and 0 up",
            "pass those that the other program used",
        )
    given = finite_matrix("Z", Z).astype(float)
    upstream = None if dLdBZ is None else finite_matrix("dLdBZ", dLdBZ, given.shape).astype(float)
    shape = (1, given.shape[1])
    start = {name: np.full(shape, value) for name, value in STARTING_VALUES.items()}
    brought = {name: finite_matrix(name, A, shape) for name, A in (state or {}).items()}
    parameters = Parameters(**(start | brought), alpha=alpha, eps=eps)
    nothing = np.zeros_like(given)
    e = expect(given, nothing if upstream is None else upstream, parameters, eval=mode == "eval")

    found = named(results)
    kind = np.dtype(np.float64)
    claims = list(
        _claims(found, e, gradients=upstream is not None, of_pytorch=_of_pytorch(results))
    )
    if not claims and upstream is None and found:
        raise InputError(
            f"{', '.join(found)} cannot be checked without the upstream gradient",
            "pass --upstream FILE with the dLdBZ that the other program used",
        )
    if not claims:
        raise InputError(
            f"the results are {', '.join(results) or 'empty'}, expected some of "
            f"{', '.join(CHECKED)}",
            "save the arrays under these names with np.savez",
        )
    checks = judge_claims(claims, e, kind, rtol, names, None)
    notes = [
        *_missing(found, gradients=upstream is not None),
        *_unbiased(found, e, of_pytorch=_of_pytorch(results)),
        *remarks_on(checks, claims, e, kind, np.ones(shape, bool)),
        *hidden_mistakes(e, frozenset(start if upstream is None else (*start, "dLdBZ")), names),
    ]
    report = InputReport(
        input=source,
        layer=layer,
        shape=(given.shape[0], given.shape[1]),
        dtype=str(kind),
        mode=mode,
        names=names,
        checks=tuple(checks),
        notes=tuple(notes),
        rows_sampled=0,
    )
    return Report(seed=0, rtol=rtol, method="richardson", inputs=(report,))


def named(results: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """The arrays by the definition's names, in the order of computation.

    Raises
    ------
    ValueError
        Where one quantity is there under two names.
    """
    found = {}
    for quantity in RESULTS:
        there = [name for name in QUANTITIES[quantity].names if name in results]
        if len(there) > 1:
            raise InputError(
                f"the results have one thing under two names: {' and '.join(there)}",
                f"keep one of them, best {there[0]}",
            )
        if there:
            found[quantity] = np.asarray(results[there[0]])
    return found


def _of_pytorch(results: Mapping[str, ArrayLike]) -> bool:
    return any(name in results for name in OF_PYTORCH)


def _claims(
    found: Mapping[str, Array], e: Expected, *, gradients: bool, of_pytorch: bool
) -> list[Claim]:
    scales = e.scales
    numeric = difference_definition(e) | difference_stages(e, FORMULAS["richardson"])
    claims = []
    for name, claimed in found.items():
        if name not in GRADIENTS:
            true = (
                _unbiased_running_V(e) if name == "running_V" and of_pytorch else getattr(e, name)
            )
            claims.append(exactly(name, claimed, true, scales[name], DEFINITION))
        elif gradients:
            true = numeric[name]
            claims.append(
                Claim(name, claimed, true.value, true.uncertainty, scales[name], DEFINITION)
            )
    return claims


def _unbiased_running_V(e: Expected) -> Array:
    """The running variance as PyTorch has it: of N/(N-1) V, where the definition has V."""
    N = len(e.Z)
    if e.eval or N == 1:
        return e.running_V
    return e.running_V + (1 - e.parameters.alpha) * e.V / (N - 1)


def _missing(found: Mapping[str, Array], *, gradients: bool) -> list[Note]:
    missing = [name for name in CHECKED if name not in found]
    notes = []
    if missing:
        notes.append(Note("skipped", None, f"not among the results: {', '.join(missing)}"))
    if not gradients and any(name in found for name in GRADIENTS):
        there = ", ".join(name for name in GRADIENTS if name in found)
        message = f"{there} cannot be checked without the upstream gradient: pass --upstream"
        notes.append(Note("no-upstream", None, message))
    return notes


def _unbiased(found: Mapping[str, Array], e: Expected, *, of_pytorch: bool) -> list[Note]:
    if not of_pytorch or "running_V" not in found or e.eval or len(e.Z) == 1:
        return []
    N = len(e.Z)
    return [
        Note(
            "running-variance-unbiased",
            "running_V",
            f"running_V is PyTorch's, which takes in the unbiased variance, {N}/{N - 1} V, and was "
            "checked as such",
        )
    ]

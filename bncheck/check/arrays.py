"""Arrays that another program computed, checked against the definition."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import GRADIENTS, QUANTITIES, RESULTS
from bncheck.check.gradcheck import check_run
from bncheck.check.setup import STARTING_VALUES, CheckOptions, CheckSetup, MiniBatch, finite_matrix
from bncheck.errors import InputError
from bncheck.layers.under_test import Run
from bncheck.reference.forward import Parameters, ReferenceForward, apply_definition
from bncheck.report.model import InputReport, Note

EXPECTED = tuple(name for name in RESULTS if not QUANTITIES[name].inside)
"""What is missed where it is missing."""

OF_PYTORCH = ("weight.grad", "bias.grad", "input.grad", "num_batches_tracked")
"""Names that tell that a file was written from PyTorch, whose running variance is unbiased."""


def check_arrays(
    results: Mapping[str, ArrayLike],
    batch: MiniBatch,
    options: CheckOptions,
    *,
    alpha: float | None = None,
    eps: float | None = None,
    layer: str = "results",
) -> InputReport:
    """Check arrays that were computed elsewhere for a mini-batch.

    Nothing is drawn and no layer is run: the arrays are compared with the definition, the gradients
    with its differences in closed form.

    Parameters
    ----------
    results
        Any of BZ, running_M, running_V, dLdZ, dLdBW, dLdBb, and of dLdNZ, dLdV, dLdM, under one of
        their spellings in `QUANTITIES`.
    batch
        The input. Without an upstream gradient no gradient is checked; what is not in its state has
        the starting value.
    options
        The mode and the tolerance.
    alpha, eps
        As in `BatchNorm1d`.
    layer
        What the report calls the program.

    Raises
    ------
    InputError
        Where an argument cannot be used, or `results` has nothing that is known.
    """
    alpha, eps = (
        float(QUANTITIES[name].start or 0) if value is None else value
        for name, value in (("alpha", alpha), ("eps", eps))
    )
    if not (0 <= alpha <= 1 and 0 <= eps < np.inf):
        raise InputError(
            f"alpha is {alpha:g} and eps {eps:g}, expected 0 to 1 and 0 up",
            "pass those that the other program used",
        )
    found = name_results(results)
    gradients = batch.dLdBZ is not None
    used = {name: A for name, A in found.items() if gradients or name not in GRADIENTS}
    _refuse_nothing(results, found, used)
    Z = finite_matrix("Z", batch.Z[:]).astype(float)
    upstream = np.zeros_like(Z) if batch.dLdBZ is None else batch.dLdBZ[:].astype(float)
    shape = (1, Z.shape[1])
    start = {name: np.full(shape, value) for name, value in STARTING_VALUES.items()}
    state = {name: finite_matrix(name, A, shape) for name, A in batch.state.items()}
    parameters = Parameters(**(start | state), alpha=alpha, eps=eps)
    setup = CheckSetup(
        layer=None,
        name=layer,
        Z=Z,
        reference=apply_definition(Z, upstream, lambda _: parameters, eval=options.eval),
        given=frozenset(start) | ({"dLdBZ"} if gradients else set()),
        batch=batch,
        options=options,
        rng=np.random.default_rng(options.seed),
    )
    notes, statistics = list(_missing(found, gradients=gradients)), {}
    N = len(Z)
    of_pytorch = any(name in results for name in OF_PYTORCH)
    if of_pytorch and "running_V" in used and not options.eval and N > 1:
        statistics["running_V"] = _unbiased_running_V(setup.reference)
        notes.append(
            Note(
                "running-variance-unbiased",
                "running_V",
                f"running_V is PyTorch's, which takes in the unbiased variance, {N}/{N - 1} V, and "
                "was checked as such",
            )
        )
    return check_run(setup, Run(used), notes, statistics)


def name_results(results: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """Return the arrays by the definition's names, in the order of computation.

    Raises
    ------
    InputError
        Where one quantity is there under two names.

    >>> name_results({"dgamma": [1.0], "out": [[2.0]]})
    {'BZ': array([[2.]]), 'dLdBW': array([1.])}
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


def _refuse_nothing(
    results: Mapping[str, ArrayLike], found: Mapping[str, Array], used: Mapping[str, Array]
) -> None:
    if used:
        return
    if found:
        raise InputError(
            f"{', '.join(found)} cannot be checked without the upstream gradient",
            "pass --upstream FILE with the dLdBZ that the other program used",
        )
    raise InputError(
        f"the results are {', '.join(results) or 'empty'}, expected some of {', '.join(EXPECTED)}",
        "save the arrays under these names with np.savez",
    )


def _missing(found: Mapping[str, Array], *, gradients: bool) -> Iterator[Note]:
    missing = [name for name in EXPECTED if name not in found]
    if missing:
        yield Note("skipped", None, f"not among the results: {', '.join(missing)}")
    unchecked = [name for name in GRADIENTS if name in found]
    if unchecked and not gradients:
        message = f"{', '.join(unchecked)} cannot be checked without the upstream gradient"
        yield Note("no-upstream", None, f"{message}: pass --upstream")


def _unbiased_running_V(r: ReferenceForward) -> Array:
    """The running variance as PyTorch has it: of N/(N-1) V, where the definition has V."""
    return r.running_V + (1 - r.parameters.alpha) * r.V / (r.N - 1)

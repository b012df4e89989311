"""What is checked of somebody else's layer besides its forward and its gradients.

Its inference output after training; that it leaves its arguments alone; that it gives the same
answer twice; that its eps is where it should be, which the usual eps is too small to show.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import STATISTICS, formula_of
from bncheck.check.setup import CheckSetup
from bncheck.compare.claims import Claim, align, exact
from bncheck.compare.tolerance import Tolerance
from bncheck.errors import LayerError
from bncheck.layers.adapters import LayerAdapter
from bncheck.layers.calling import NOTHING
from bncheck.layers.under_test import LayerUnderTest, Run
from bncheck.reference.derivatives import difference_definition
from bncheck.reference.forward import ReferenceForward, apply_definition
from bncheck.report.model import Note

GIVEN = "input"
FIRST_ANSWER = "first answer"

Found = Iterator[Claim | Note]


def further_claims(
    setup: CheckSetup, layer: LayerUnderTest, run: Run
) -> tuple[list[Claim], list[Note]]:
    """Return all that can be checked after a run that got to its end, and what is left to say."""
    return _sort(_everything(setup, layer, run))


def large_eps_claims(
    setup: CheckSetup, layer: LayerUnderTest, _: Run
) -> tuple[list[Claim], list[Note]]:
    """Return BZ, dLdZ and the inference output with an eps of the size of the data's variance."""
    return _sort(_with_large_eps(setup, layer))


def _sort(found: Found) -> tuple[list[Claim], list[Note]]:
    everything = list(found)
    claims = [each for each in everything if isinstance(each, Claim)]
    return claims, [each for each in everything if isinstance(each, Note)]


def _everything(setup: CheckSetup, layer: LayerUnderTest, run: Run) -> Found:
    r = setup.reference
    for name, now in (("Z", run.Z), ("dLdBZ", run.dLdBZ)):
        before = getattr(r, name)[:]
        assert now is not None
        yield _unchanged(name, now[:], before)
    try:
        yield from _again(setup, layer, run)
    except LayerError as error:
        yield Note("raised", f"{error.method}_again", f"the second time, {error}")
        yield setup.claim("BZ_again", NOTHING, _known(r.BZ()), against=FIRST_ANSWER)
    if r.eval:
        return
    if layer.has_eval:
        assert run.layer is not None
        yield from _inference(setup, run.layer, r)
        yield from _inference_before_backward(setup, layer, run)
    else:
        yield Note(
            "no-inference-mode", None, "the layer's mode cannot be told: its inference is unchecked"
        )


def _unchanged(name: str, now: Array, before: Array) -> Claim:
    """The claim that an argument is what it was."""
    nothing = np.zeros((1, before.shape[1]))
    numeric = exact(before, nothing)
    return Claim(
        name, now, numeric, before.shape, nothing, Tolerance(nothing, nothing), against=GIVEN
    )


def _known(value: NDArray[Any]) -> Any:
    return lambda scale, _: exact(value, scale)


def _again(setup: CheckSetup, layer: LayerUnderTest, run: Run) -> Iterator[Claim]:
    """The same mini-batch after another one: nothing of that may be left in the answer."""
    r, Z, dLdBZ = setup.reference, setup.Z[:], setup.dLdBZ[:]
    fresh = layer.fresh()
    fresh.forward(_another(Z), eval=r.eval)
    fresh.backward(dLdBZ[::-1].copy())
    BZ = fresh.forward(Z.copy(), eval=r.eval).copy()
    dLdZ = fresh.backward(dLdBZ.copy())
    for name, analytic in (("BZ", BZ), ("dLdZ", dLdZ)):
        first = align(run.results[name], r.Z.shape)
        if first is not None and np.isfinite(first).all():
            numeric = _known(first.astype(float))
            yield setup.claim(f"{name}_again", analytic, numeric, against=FIRST_ANSWER)


def _another(Z: Array) -> Array:
    """Another mini-batch of the same size and type, (N, C), with another mean and variance."""
    return np.ascontiguousarray(Z[::-1] * 0.5).astype(Z.dtype)


def _inference(
    setup: CheckSetup, layer: LayerAdapter, r: ReferenceForward, ending: str = ""
) -> Found:
    """What a trained layer makes of Z in inference mode, by its own running statistics.

    They are the layer's own, so that a mistake in them is told once.
    """
    label, Z = f"BZ_eval{ending}", setup.Z[:]
    statistics = {name: _copy(align(layer.get(name), r.M.shape)) for name in STATISTICS}
    used: dict[str, Any] = {
        name: getattr(r, name) if A is None or not np.isfinite(A).all() else A.astype(float)
        for name, A in statistics.items()
    }
    if (used["running_V"] < 0).any():
        return
    try:
        layer.forward(Z.copy(), eval=True)
        if _changed(layer, statistics):
            yield Note(
                "updates-in-inference",
                label,
                "an inference forward changes the running statistics, which only training may",
                formula_of("running_V", eval=True),
            )
        # The second answer, which shows such a change.
        analytic = layer.forward(Z.copy(), eval=True)
    except LayerError as error:
        yield Note("raised", label, f"in inference mode, {error}")
        analytic = NOTHING
    parameters = replace(r.parameters, **used)
    other = apply_definition(r.Z, r.dLdBZ, lambda _: parameters, eval=True)
    yield setup.claim(label, analytic, _known(other.BZ()), reference=other)


def _copy(A: Array | None) -> Array | None:
    return None if A is None else A.copy()


def _changed(layer: LayerAdapter, before: Mapping[str, Array | None]) -> bool:
    """Whether running statistics are no longer what they were."""
    after = {name: align(layer.get(name), A.shape) for name, A in before.items() if A is not None}
    return any(A is None or bool((A != before[name]).any()) for name, A in after.items())


def _inference_before_backward(
    setup: CheckSetup, layer: LayerUnderTest, run: Run
) -> Iterator[Note]:
    """Whether an inference forward in between changes what backward returns: a remark."""
    if "dLdZ" not in run.results:
        return
    fresh, first, Z = layer.fresh(), run.results["dLdZ"], setup.Z[:]
    try:
        fresh.forward(Z.copy(), eval=False)
        fresh.forward(_another(Z), eval=True)
        dLdZ = fresh.backward(setup.dLdBZ[:].copy())
        same = dLdZ.shape == first.shape and np.allclose(dLdZ, first, rtol=1e-6, equal_nan=True)
    except LayerError:
        same = False
    if not same:
        yield Note(
            "inference-before-backward",
            "dLdZ",
            "an inference forward between the training forward and backward changes dLdZ: run them "
            "one after the other",
        )


def _with_large_eps(setup: CheckSetup, layer: LayerUnderTest) -> Found:
    """BZ and dLdZ once more with an eps of the size of the data's variance."""
    r = setup.reference
    eps = float(f"{np.median(r.used_V):.1g}")
    if eps <= r.parameters.eps:  # the layer's own eps shows well enough
        return
    if not layer.has("eps"):
        yield Note(
            "eps-fixed", None, "the layer's eps cannot be set: an eps at a wrong place is unchecked"
        )
        return
    parameters = replace(r.parameters, eps=eps)
    other = apply_definition(r.Z, r.dLdBZ, lambda _: parameters, eval=r.eval)
    run = layer.with_state(eps=eps).run(setup.Z, setup.dLdBZ, eval=r.eval)
    right = {"BZ": other.BZ(), "dLdZ": difference_definition(other)["dLdZ"](slice(None)).value}
    for name, value in right.items():
        if name in run.results:
            label = f"{name}_eps"
            yield setup.claim(label, run.results[name], _known(value), reference=other)
    if run.error is not None:
        return
    yield Note("large-eps", None, f"the rows that end in _eps were computed with eps = {eps:g}")
    if not r.eval and layer.has_eval:
        assert run.layer is not None
        yield from _inference(setup, run.layer, other, "_eps")

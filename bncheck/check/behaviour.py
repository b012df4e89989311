"""What is checked of somebody else's layer besides its forward and its gradients.

Its inference output after training; that it leaves its arguments alone; that it gives the same
answer twice; that its eps is where it should be, which the usual eps is too small to show.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import STATISTICS, formula_of
from bncheck.check.setup import Trial
from bncheck.compare.claims import Claim, exactly
from bncheck.compare.comparison import DEFINITION, align
from bncheck.errors import LayerError
from bncheck.layers.adapters import Face
from bncheck.layers.under_test import NOTHING, Run, Subject, backward, forward
from bncheck.reference.derivatives import difference_definition
from bncheck.reference.forward import Expected, expect
from bncheck.report.model import Note

WITH_LARGE_EPS = "_eps"
"""Ends the names of what was computed with an eps of the size of the variance."""

LARGE_EPS = "large-eps"
"""Code of the note that says which eps that was."""

GIVEN = "input"
FIRST_ANSWER = "first answer"


def further_claims(trial: Trial, run: Run) -> tuple[list[Claim], list[Note]]:
    """All that can be checked after a run that got to its end, and what is left to say."""
    return _sorted(_everything(trial, run))


def claims_with_large_eps(trial: Trial, _: Run) -> tuple[list[Claim], list[Note]]:
    """BZ, dLdZ and the inference output with an eps of the size of the data's variance."""
    return _sorted(_with_large_eps(trial))


def _sorted(found: Iterator[Claim | Note]) -> tuple[list[Claim], list[Note]]:
    everything = list(found)
    claims = [each for each in everything if isinstance(each, Claim)]
    return claims, [each for each in everything if isinstance(each, Note)]


def _everything(trial: Trial, run: Run) -> Iterator[Claim | Note]:
    e = trial.expected
    exact = np.zeros_like(e.M)
    yield exactly("Z", run.Z, trial.Z.astype(float), exact, GIVEN)
    yield exactly("dLdBZ", run.dLdBZ, e.dLdBZ, exact, GIVEN)
    try:
        yield from _again(trial, run)
    except LayerError as error:
        yield Note("raised", f"{error.method}_again", f"the second time, {error}")
        yield exactly("BZ_again", NOTHING, e.BZ, exact, FIRST_ANSWER)
    if not e.eval:
        yield from _inference_after_training(trial, run)
        yield from _inference_before_backward(trial, run)


def _again(trial: Trial, run: Run) -> Iterator[Claim]:
    """The same mini-batch after another one: nothing of that may be left in the answer."""
    e, scales = trial.expected, trial.expected.scales
    layer = trial.subject.fresh()
    forward(layer, _another(trial.Z), eval=e.eval)
    backward(layer, trial.dLdBZ[::-1].copy())
    BZ = forward(layer, trial.Z.copy(), eval=e.eval).copy()
    dLdZ = backward(layer, trial.dLdBZ)
    for name, claimed in (("BZ", BZ), ("dLdZ", dLdZ)):
        first = align(run.results[name], e.Z.shape)
        if first is not None and np.isfinite(first).all():
            label = f"{name}_again"
            yield exactly(label, claimed, first.astype(float), scales[name], FIRST_ANSWER)


def _another(Z: Array) -> Array:
    """Another mini-batch of the same size and type, (N, C), with another mean and variance."""
    return np.ascontiguousarray(Z[::-1] * 0.5).astype(Z.dtype)


def _inference_after_training(trial: Trial, run: Run) -> Iterator[Claim | Note]:
    """The inference output with the running statistics that the layer has after training.

    They are the layer's own, so that a mistake in them is told once.
    """
    if not trial.subject.has_eval:
        yield Note(
            "no-inference-mode", None, "the layer's mode cannot be told: its inference is unchecked"
        )
        return
    yield from _inference(run.layer, trial.Z, trial.expected)


def _inference(layer: Face, Z: Array, e: Expected, ending: str = "") -> Iterator[Claim | Note]:
    """What a trained layer makes of Z in inference mode, by its own running statistics."""
    label = f"BZ_eval{ending}"
    statistics = {name: _copy(align(layer.get(name), e.M.shape)) for name in STATISTICS}
    used: dict[str, Any] = {
        name: getattr(e, name) if A is None or not np.isfinite(A).all() else A.astype(float)
        for name, A in statistics.items()
    }
    if (used["running_V"] < 0).any():
        return
    try:
        forward(layer, Z.copy(), eval=True)
        if _changed(layer, statistics):
            yield Note(
                "updates-in-inference",
                label,
                "an inference forward changes the running statistics, which only training may",
                formula_of("running_V", eval=True),
            )
        # The second answer, which shows such a change.
        claimed = forward(layer, Z.copy(), eval=True)
    except LayerError as error:
        yield Note("raised", label, f"in inference mode, {error}")
        claimed = NOTHING
    other = expect(e.Z, e.dLdBZ, replace(e.parameters, **used), eval=True)
    yield exactly(label, claimed, other.BZ, other.scales["BZ"], DEFINITION, other)


def _copy(A: Array | None) -> Array | None:
    return None if A is None else A.copy()


def _changed(layer: Face, before: Mapping[str, Array | None]) -> bool:
    """Whether running statistics are no longer what they were."""
    after = {name: align(layer.get(name), A.shape) for name, A in before.items() if A is not None}
    return any(A is None or bool((A != before[name]).any()) for name, A in after.items())


def _inference_before_backward(trial: Trial, run: Run) -> Iterator[Note]:
    """Whether an inference forward in between changes what backward returns: a remark."""
    if not trial.subject.has_eval or "dLdZ" not in run.results:
        return
    layer, first = trial.subject.fresh(), run.results["dLdZ"]
    try:
        forward(layer, trial.Z.copy(), eval=False)
        forward(layer, _another(trial.Z), eval=True)
        dLdZ = backward(layer, trial.dLdBZ)
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


def _with_large_eps(trial: Trial) -> Iterator[Claim | Note]:
    """BZ and dLdZ once more with an eps of the size of the data's variance."""
    e = trial.expected
    eps = float(f"{np.median(e.used_V):.1g}")
    if eps <= e.parameters.eps:  # the layer's own eps shows well enough
        return
    if not trial.subject.has("eps"):
        yield Note(
            "eps-fixed", None, "the layer's eps cannot be set: an eps at a wrong place is unchecked"
        )
        return
    parameters = replace(e.parameters, eps=eps)
    other = expect(e.Z, e.dLdBZ, parameters, eval=e.eval)
    subject: Subject = trial.subject.with_parameters(eps=eps)
    run = subject.run(trial.Z, trial.dLdBZ, eval=e.eval)
    truth: dict[str, Array] = {"BZ": other.BZ, "dLdZ": difference_definition(other)["dLdZ"].value}
    scales = other.scales
    for name in ("BZ", "dLdZ"):
        if name in run.results:
            label, claimed = name + WITH_LARGE_EPS, run.results[name]
            yield exactly(label, claimed, truth[name], scales[name], DEFINITION, other)
    if run.error is not None:
        return
    yield Note(LARGE_EPS, None, f"the rows that end in _eps were computed with eps = {eps:g}")
    if not e.eval and subject.has_eval:
        yield from _inference(run.layer, trial.Z, other, WITH_LARGE_EPS)

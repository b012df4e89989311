"""A planted layer on one case: what is true of it, and what gradcheck says of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bncheck import Verdict, gradcheck
from tests.planted.data import ALPHA, DATA_SETS, Case, case
from tests.planted.layers import WRONG, Planted
from tests.planted.truth import Status, status_of

ATTRIBUTES = ("running_M", "running_V", "dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM")
"""What a layer computes besides BZ and dLdZ, which it returns; not every layer has all of it."""


@dataclass(frozen=True)
class Outcome:
    layer: str
    data: str
    mode: str
    status: Status
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.layer} on {self.data!r}, {self.mode}: {self.status.value}, {self.verdict}"


def outcomes(layer: Planted, seed: int) -> list[Outcome]:
    """What gradcheck says of the layer, wherever there is a right answer."""
    found = []
    for trial in cases(layer, seed):
        status = what_is_true(layer, trial)
        if status is not Status.UNASKED:
            verdict = ask(layer, trial)
            found.append(Outcome(layer.name, trial.name, trial.mode, status, verdict))
    return found


def what_is_true(layer: Planted, trial: Case) -> Status:
    """Whether the layer is right on this case.

    gradcheck looks further than at this case, at another eps for one: where a planted mistake does
    not show in the results, it may be found or not.
    """
    status = status_of(run(layer, trial), trial)
    if status is Status.RIGHT and layer.name in WRONG:
        return Status.UNASKED
    return status


def cases(layer: Planted, seed: int) -> Iterator[Case]:
    for mode in layer.modes:
        for name in DATA_SETS:
            yield case(name, mode, seed, layer.dtype)


def run(layer: Planted, trial: Case) -> Mapping[str, NDArray[Any]] | None:
    """All that the layer computes, by name; None where it raises."""
    made = make(layer, trial)
    for name, value in trial.state.items():
        setattr(made, name, value.copy())
    try:
        with np.errstate(all="ignore"):
            BZ = made.forward(trial.Z.copy(), eval=trial.mode == "eval")
            dLdZ = made.backward(trial.dLdBZ.copy())
    except (AttributeError, ValueError):
        return None
    attributes = {name: getattr(made, name) for name in ATTRIBUTES if hasattr(made, name)}
    return {"BZ": BZ, "dLdZ": dLdZ} | {name: np.asarray(A) for name, A in attributes.items()}


def ask(layer: Planted, trial: Case) -> Verdict:
    """The verdict of gradcheck."""
    return gradcheck(
        make(layer, trial),
        trial.Z,
        dLdBZ=trial.dLdBZ,
        state=trial.state,
        mode=trial.mode,
    ).verdict


def make(layer: Planted, trial: Case) -> Any:
    return layer.make(trial.Z.shape[1], ALPHA, eps=trial.eps)


def rejected(found: list[Outcome]) -> list[Outcome]:
    """Right layers that failed."""
    return _those(found, Status.RIGHT, Verdict.FAIL)


def overlooked(found: list[Outcome]) -> list[Outcome]:
    """Wrong layers that passed."""
    return _those(found, Status.WRONG, Verdict.PASS)


def undecided(found: list[Outcome]) -> list[Outcome]:
    return [each for each in found if each.verdict is Verdict.INCONCLUSIVE]


def _those(found: list[Outcome], status: Status, verdict: Verdict) -> list[Outcome]:
    return [each for each in found if each.status is status and each.verdict is verdict]

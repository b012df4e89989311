"""Layers made ready to be differenced, and the increments of their loss in more digits."""

from typing import Any

import numpy as np

from bncheck.check.setup import CheckOptions, CheckSetup, MiniBatch, set_up
from bncheck.layers.objects import adapter_of
from bncheck.reference.forward import ReferenceForward
from tests.planted.data import Case


def made_ready(
    layer: Any,
    Z: np.ndarray,
    mode: str = "train",
    dLdBZ: np.ndarray | None = None,
    **state: np.ndarray,
) -> CheckSetup:
    """What a check of a layer starts from."""
    return set_up(adapter_of(layer), MiniBatch(Z, dLdBZ, state), CheckOptions(mode))


def made_ready_for(trial: Case, layer: Any) -> CheckSetup:
    return made_ready(layer, trial.Z, trial.mode, trial.dLdBZ, **trial.state)


def loss_of(r: ReferenceForward, Z: np.ndarray, **parameters: np.ndarray) -> np.ndarray:
    """The loss of each column, (1, C), in the longest numbers that there are."""
    p = {name: getattr(r.parameters, name) for name in ("BW", "Bb", "running_M", "running_V")}
    p = {name: np.asarray(value, np.longdouble) for name, value in (p | parameters).items()}
    Z = Z.astype(np.result_type(Z, np.longdouble))
    M, V = (p["running_M"], p["running_V"])
    if not r.eval:
        M = Z.mean(axis=0, keepdims=True)
        V = ((Z - M) ** 2).mean(axis=0, keepdims=True)
    BZ = p["BW"] * (Z - M) / np.sqrt(V + np.longdouble(r.parameters.eps)) + p["Bb"]
    loss: np.ndarray = (r.dLdBZ[:] * BZ).sum(axis=0, keepdims=True)
    return loss

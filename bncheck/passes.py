"""forward, eval and backward over mini-batches, and what they lead to, feature by feature."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bncheck.definition import Array
from bncheck.expected import statistics
from bncheck.files.matrix import Matrix
from bncheck.foreign.face import Face, describe, setting
from bncheck.subject import GRADIENTS, LayerError, backward, forward
from bncheck.trial import DEFAULT_ALPHA, DEFAULT_EPS


@dataclass(frozen=True)
class PassOfInput:
    """What one mini-batch led to.

    Attributes
    ----------
    input, layer, mode
        What was run on what, in words.
    shape
        Of Z.
    names
        The features' names.
    features
        Values for each feature, (C,), by quantity, in the order of the table.
    results
        Arrays for files, by name: BZ, or every gradient.
    """

    input: str
    layer: str
    mode: str
    shape: tuple[int, int]
    names: tuple[str, ...] | None
    features: dict[str, Array]
    results: dict[str, Array]


@dataclass(frozen=True)
class PassReport:
    """One run of a command: forward, eval or backward."""

    command: str
    alpha: float
    eps: float
    inputs: tuple[PassOfInput, ...]


def run_forward(
    layer: Face,
    batches: Iterable[Matrix],
    *,
    eval: bool,  # noqa: A002
) -> PassReport:
    """Run the layer's forward over mini-batches in turn.

    In training mode the running statistics go from one to the next; they are in the layer
    afterwards. M and V are the definition's.

    Raises
    ------
    ValueError
        Where a variance cannot be represented.
    LayerError
        Where the layer raises, or gives something else than a matrix of the input's shape.
    """
    inputs = []
    eps = setting(layer, "eps", DEFAULT_EPS)
    for batch in batches:
        M, V, _ = statistics(batch.values, eps)
        BZ = _matrix("forward", forward(layer, batch.values, eval=eval), batch)
        features = {
            "M": M[0],
            "V": V[0],
            "running_M": _row(layer, "running_M", batch),
            "running_V": _row(layer, "running_V", batch),
            "BZ_min": BZ.min(axis=0),
            "BZ_max": BZ.max(axis=0),
        }
        inputs.append(_pass_of(layer, batch, eval, features, {"BZ": BZ}))
    return _report("eval" if eval else "forward", layer, inputs)


def run_backward(
    layer: Face,
    batch: Matrix,
    dLdBZ: Array,
    *,
    eval: bool,  # noqa: A002
) -> PassReport:
    """Run one forward and one backward.

    Raises
    ------
    ValueError
        Where a variance cannot be represented.
    LayerError
        Where the layer raises, or gives something else than a matrix of the input's shape.
    """
    statistics(batch.values, setting(layer, "eps", DEFAULT_EPS))
    forward(layer, batch.values, eval=eval)
    dLdZ = _matrix("backward", backward(layer, dLdBZ), batch)
    features = {name: _row(layer, name, batch) for name in ("dLdBb", "dLdBW", "dLdV", "dLdM")}
    features |= {"dLdZ_min": dLdZ.min(axis=0), "dLdZ_max": dLdZ.max(axis=0)}
    gradients = {name: layer.get(name) for name in GRADIENTS} | {"dLdZ": dLdZ}
    there = {name: _numbers(name, A) for name, A in gradients.items() if A is not None}
    return _report("backward", layer, [_pass_of(layer, batch, eval, features, there)])


def _matrix(method: str, A: Array, batch: Matrix) -> Array:
    if A.shape != batch.values.shape:
        shape = batch.values.shape
        raise LayerError(method, f"gave an array of shape {A.shape}, where {shape} is meant")
    return A.copy()


def _numbers(name: str, A: Any) -> Array:
    """A gradient as an array of real numbers, which is all that a file can hold."""
    array = np.asarray(A)
    if array.dtype.kind not in "fiu":
        raise LayerError("backward", f"left {name} as {array.dtype}, where numbers are meant")
    return array


def _row(layer: Face, quantity: str, batch: Matrix) -> Array:
    """A quantity of the features, (C,); NaN where the layer has none of that size."""
    C = batch.values.shape[1]
    value = layer.get(quantity)
    if value is None or np.size(value) != C:
        return np.full(C, np.nan)
    return np.array(value, dtype=float).reshape(C)


def _report(command: str, layer: Face, inputs: list[PassOfInput]) -> PassReport:
    alpha, eps = setting(layer, "alpha", DEFAULT_ALPHA), setting(layer, "eps", DEFAULT_EPS)
    return PassReport(command, alpha, eps, tuple(inputs))


def _pass_of(
    layer: Face,
    batch: Matrix,
    eval: bool,  # noqa: A002
    features: dict[str, Array],
    results: dict[str, Array],
) -> PassOfInput:
    return PassOfInput(
        input=batch.source,
        layer=describe(layer),
        mode="eval" if eval else "train",
        shape=(batch.values.shape[0], batch.values.shape[1]),
        names=batch.names,
        features=features,
        results=results,
    )

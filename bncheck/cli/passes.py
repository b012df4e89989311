"""forward, eval and backward over mini-batches, and what they lead to, feature by feature."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bncheck import progress
from bncheck.arrays import FLOAT64, Array, Rows
from bncheck.batchnorm.quantities import GRADIENTS, STATISTICS, is_per_feature
from bncheck.errors import LayerError
from bncheck.files.matrix import Matrix
from bncheck.layers.adapters import LayerAdapter, setting
from bncheck.reference.forward import find_statistics
from bncheck.report.model import PassOfInput, PassReport


def run_forward(
    layer: LayerAdapter,
    batches: Iterable[Matrix],
    *,
    eval: bool,  # noqa: A002
) -> PassReport:
    """Run the layer's forward over mini-batches in turn.

    In training mode the running statistics go from one to the next; they are in the layer
    afterwards. M and V are the definition's.

    Raises
    ------
    InputError
        Where a variance cannot be represented.
    LayerError
        Where the layer raises, or gives something else than a matrix of the input's shape.
    """
    inputs = []
    for batch in batches:
        progress.plan(batch.shape[0] * batch.shape[1] * FLOAT64.itemsize)
        BZ, found = layer.forward_features(batch.rows, eval=eval)
        rows = _matrix("forward", BZ, batch)
        features = {
            "M": found["M"],
            "V": found["V"],
            **{name: _row(layer, name, batch) for name in STATISTICS},
            "BZ_min": found["BZ_min"],
            "BZ_max": found["BZ_max"],
        }
        inputs.append(_pass_of(layer, batch, eval, features, {"BZ": rows}))
    return _report("eval" if eval else "forward", layer, inputs)


def run_backward(
    layer: LayerAdapter,
    batch: Matrix,
    dLdBZ: Array,
    *,
    eval: bool,  # noqa: A002
) -> PassReport:
    """Run one forward and one backward.

    Raises
    ------
    InputError
        Where a variance cannot be represented.
    LayerError
        Where the layer raises, or gives something else than a matrix of the input's shape.
    """
    find_statistics(batch.values)
    layer.forward(batch.values, eval=eval)
    dLdZ = _matrix("backward", layer.backward(dLdBZ), batch)[:]
    names = [name for name in GRADIENTS if is_per_feature(name)]
    features = {name: _row(layer, name, batch) for name in names}
    features |= {"dLdZ_min": dLdZ.min(axis=0), "dLdZ_max": dLdZ.max(axis=0)}
    gradients = {name: layer.get(name) for name in GRADIENTS} | {"dLdZ": dLdZ}
    there = {name: _numbers(name, A) for name, A in gradients.items() if A is not None}
    return _report("backward", layer, [_pass_of(layer, batch, eval, features, there)])


def _matrix(method: str, A: Any, batch: Matrix) -> Rows:
    if A.shape != batch.shape:
        raise LayerError(method, f"gave an array of shape {A.shape}, expected {batch.shape}")
    rows: Rows = A
    return rows


def _numbers(name: str, A: Any) -> Array:
    """A gradient as an array of real numbers, which is all that a file can hold."""
    array = np.asarray(A[:] if np.ndim(A) else A)
    if array.dtype.kind not in "fiu":
        raise LayerError("backward", f"left {name} as {array.dtype}, expected numbers")
    return array


def _row(layer: LayerAdapter, quantity: str, batch: Matrix) -> Array:
    """A quantity of the features, (C,); NaN where the layer has none of that size."""
    _, C = batch.shape
    value = layer.get(quantity)
    if value is None or np.size(value) != C:
        return np.full(C, np.nan)
    return np.array(value, dtype=float).reshape(C)


def _report(command: str, layer: LayerAdapter, inputs: list[PassOfInput]) -> PassReport:
    return PassReport(command, setting(layer, "alpha"), setting(layer, "eps"), tuple(inputs))


def _pass_of(
    layer: LayerAdapter,
    batch: Matrix,
    eval: bool,  # noqa: A002
    features: Mapping[str, Array],
    results: Mapping[str, Any],
) -> PassOfInput:
    return PassOfInput(
        input=batch.source,
        layer=layer.name,
        mode="eval" if eval else "train",
        shape=batch.shape,
        names=batch.names,
        features={name: np.ravel(row) for name, row in features.items()},
        results=results,
    )

"""forward, eval and backward over mini-batches, and what they lead to, feature by feature."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bncheck import progress
from bncheck.arrays import Array
from bncheck.batchnorm.blocks import FLOAT64
from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.batchnorm.quantities import GRADIENTS
from bncheck.batchnorm.sweeps import ComputedRows, survey
from bncheck.check.setup import DEFAULT_ALPHA, DEFAULT_EPS
from bncheck.errors import LayerError
from bncheck.files.matrix import Matrix
from bncheck.layers.adapters import Face, describe, is_built_in, setting
from bncheck.layers.under_test import backward, forward
from bncheck.reference.forward import refuse_beyond_float64, statistics
from bncheck.report.model import PassOfInput, PassReport


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
    run = _run_built_in if is_built_in(layer) else _run_foreign
    inputs = []
    for batch in batches:
        features, BZ = run(layer, batch, eval=eval)
        features = {name: np.ravel(row) for name, row in features.items()}
        inputs.append(_pass_of(layer, batch, eval, features, {"BZ": BZ}))
    return _report("eval" if eval else "forward", layer, inputs)


def _run_built_in(
    face: Face,
    batch: Matrix,
    *,
    eval: bool,  # noqa: A002
) -> tuple[dict[str, Array], ComputedRows]:
    """What there is to say of each feature, and BZ, for a mini-batch that may be a large file."""
    layer: BatchNorm1d = face.inner  # type: ignore[attr-defined]
    progress.plan(batch.shape[0] * batch.shape[1] * FLOAT64)
    with np.errstate(over="ignore", invalid="ignore"):
        found = survey(batch.rows)
    refuse_beyond_float64(batch.rows[:1] + found.moments.mean, found.moments.squares, layer.eps)
    BZ = layer.forward_rows(batch.rows, eval=eval, found=found.moments)
    # Every step from Z to BZ rises or falls throughout, rounding included: so the least and the
    # largest BZ are those of the least and the largest Z.
    ends = BZ.of_other(np.concatenate([found.low, found.high]))
    return {
        "M": layer.M,
        "V": layer.V,
        "running_M": layer.running_M,
        "running_V": layer.running_V,
        "BZ_min": ends.min(axis=0),
        "BZ_max": ends.max(axis=0),
    }, BZ


def _run_foreign(
    layer: Face,
    batch: Matrix,
    *,
    eval: bool,  # noqa: A002
) -> tuple[dict[str, Array], Array]:
    M, V, _ = statistics(batch.values, setting(layer, "eps", DEFAULT_EPS))
    BZ = _matrix("forward", forward(layer, batch.values, eval=eval), batch)
    return {
        "M": M,
        "V": V,
        "running_M": _row(layer, "running_M", batch),
        "running_V": _row(layer, "running_V", batch),
        "BZ_min": BZ.min(axis=0),
        "BZ_max": BZ.max(axis=0),
    }, BZ


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
    if A.shape != batch.shape:
        shape = batch.shape
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
    _, C = batch.shape
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
    results: Mapping[str, Array | ComputedRows],
) -> PassOfInput:
    return PassOfInput(
        input=batch.source,
        layer=describe(layer),
        mode="eval" if eval else "train",
        shape=batch.shape,
        names=batch.names,
        features=features,
        results=results,
    )

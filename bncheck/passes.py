"""forward, eval and backward over mini-batches, and what they lead to, feature by feature."""

from collections.abc import Iterable
from dataclasses import dataclass

from bncheck.batchnorm import BatchNorm1d
from bncheck.definition import Array
from bncheck.matrix import Matrix
from bncheck.subject import GRADIENTS


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
    layer: BatchNorm1d,
    batches: Iterable[Matrix],
    *,
    eval: bool,  # noqa: A002
) -> PassReport:
    """Run the layer's forward over mini-batches in turn.

    In training mode the running statistics go from one to the next; they are in the layer
    afterwards.

    Raises
    ------
    ValueError
        Where a variance cannot be represented.
    """
    inputs = []
    for batch in batches:
        BZ = layer.forward(batch.values, eval=eval)
        features = {
            "M": layer.M[0],
            "V": layer.V[0],
            "running_M": layer.running_M[0],
            "running_V": layer.running_V[0],
            "BZ_min": BZ.min(axis=0),
            "BZ_max": BZ.max(axis=0),
        }
        inputs.append(_pass_of(batch, "eval" if eval else "train", features, {"BZ": BZ}))
    return PassReport("eval" if eval else "forward", layer.alpha, layer.eps, tuple(inputs))


def run_backward(
    layer: BatchNorm1d,
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
    """
    layer.forward(batch.values, eval=eval)
    dLdZ = layer.backward(dLdBZ)
    features = {name: getattr(layer, name)[0] for name in ("dLdBb", "dLdBW", "dLdV", "dLdM")}
    features |= {"dLdZ_min": dLdZ.min(axis=0), "dLdZ_max": dLdZ.max(axis=0)}
    gradients = {name: getattr(layer, name) for name in GRADIENTS}
    report = _pass_of(batch, "eval" if eval else "train", features, gradients)
    return PassReport("backward", layer.alpha, layer.eps, (report,))


def _pass_of(
    batch: Matrix, mode: str, features: dict[str, Array], results: dict[str, Array]
) -> PassOfInput:
    return PassOfInput(
        input=batch.source,
        layer="built-in layer",
        mode=mode,
        shape=(batch.values.shape[0], batch.values.shape[1]),
        names=batch.names,
        features=features,
        results=results,
    )

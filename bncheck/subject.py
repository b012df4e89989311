"""The layer under test, put back into its starting state before every evaluation."""

import copy
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from bncheck.definition import Array

GRADIENTS = ("dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM", "dLdZ")
"""In the order in which a layer computes them."""


STATISTICS = ("running_M", "running_V")

IMMUTABLE = (int, float, str, bool, np.generic, np.dtype, type(None))


class Layer(Protocol):
    """What a layer must have; BW, Bb, running_M, running_V, alpha and eps are attributes."""

    def forward(self, Z: Any, eval: bool = False) -> Any:  # noqa: A002
        """BZ, (N, C)."""

    def backward(self, dLdBZ: Any) -> Any:
        """dLdZ, (N, C)."""


class LayerError(Exception):
    """The layer under test raised, or returned what is no array of numbers."""

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(f"{method} {reason}")
        self.method = method
        self.reason = reason


class Subject:
    """A layer together with the parameters that every evaluation starts from.

    The layer that is handed in is never changed: evaluations run on copies, so that no running
    statistic and no cache gets from one into the next.

    Parameters
    ----------
    layer
        As in `Layer`.
    parameters
        Arrays to set on it, by name; each takes the type of what it replaces.
    """

    def __init__(self, layer: Layer, parameters: Mapping[str, Array]) -> None:
        self._layer = copy.deepcopy(layer)
        self._set(self._layer, parameters)

    def forward(self, Z: Array, *, eval: bool, **parameters: Array) -> Array:  # noqa: A002
        """BZ of a fresh layer, with some parameters replaced."""
        layer = _clone(self._layer)
        self._set(layer, parameters)
        return _call(layer, "forward", Z, eval=eval)

    def run(
        self,
        Z: Array,
        dLdBZ: Array,
        *,
        eval: bool,  # noqa: A002
    ) -> tuple[dict[str, Array], LayerError | None]:
        """All that the layer computes in one forward and one backward, by name.

        Quantities that it does not have are missing. Where it raises, there is what it had computed
        until then, and the error.
        """
        layer = _clone(self._layer)
        results: dict[str, Array] = {}
        try:
            results["BZ"] = _call(layer, "forward", Z.copy(), eval=eval)
            results |= _attributes(layer, STATISTICS)
            dLdZ = _call(layer, "backward", dLdBZ.copy())
        except LayerError as error:
            return results, error
        return results | _attributes(layer, GRADIENTS) | {"dLdZ": dLdZ}, None

    @staticmethod
    def _set(layer: Layer, parameters: Mapping[str, ArrayLike]) -> None:
        for name, value in parameters.items():
            like = np.asarray(getattr(layer, name))
            kind = np.result_type(value, np.float32) if like.dtype.kind != "f" else like.dtype
            if np.iscomplexobj(value):
                kind = np.dtype(complex)
            setattr(layer, name, np.array(value, dtype=kind))


def _clone(layer: Layer) -> Layer:
    """A copy that shares nothing with the original that a method could change in place."""
    if not hasattr(layer, "__dict__"):
        return copy.deepcopy(layer)
    clone = copy.copy(layer)
    for name, value in vars(layer).items():
        if isinstance(value, np.ndarray):
            vars(clone)[name] = value.copy()
        elif not isinstance(value, IMMUTABLE):
            vars(clone)[name] = copy.deepcopy(value)
    return clone


def _attributes(layer: Layer, names: tuple[str, ...]) -> dict[str, Array]:
    """Copies of the layer's arrays of these names, as far as it has them."""
    values = {name: getattr(layer, name, None) for name in names}
    return {name: np.array(value) for name, value in values.items() if value is not None}


def _call(layer: Layer, method: str, argument: Array, **options: bool) -> Array:
    """Call a method of the layer; whatever goes wrong inside becomes a LayerError."""
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(getattr(layer, method)(argument, **options))
    except Exception as error:
        raise LayerError(method, f"raised {type(error).__name__}: {error}") from error
    if result.dtype.kind not in "fiuc":
        raise LayerError(method, f"returned {_describe(result)} where an array is meant")
    return result


def _describe(result: Array) -> str:
    return repr(result.item()) if result.ndim == 0 else f"an array of {result.dtype}"

"""One interface to every layer: quantities by the definition's names, whatever the code says."""

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bncheck.arrays import Array, Rows, RowsByFunction, is_large
from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.batchnorm.quantities import QUANTITIES
from bncheck.batchnorm.sweeps import survey
from bncheck.errors import InputError
from bncheck.layers.calling import call_guarded
from bncheck.reference.forward import find_statistics

ForwardFunction = Callable[[Rows, Mapping[str, Array]], Rows]
"""function(Z, state) -> BZ: a forward that keeps nothing and treats each column by itself."""


class LayerAdapter:
    """A layer as a check sees it.

    Attributes
    ----------
    name
        What reports call it.
    has_eval
        Whether its mode can be told.
    dtype
        The type that it computes in, where it has one of its own.
    takes_rows
        Whether its forward and backward take the rows of a file as well as arrays.
    keeps_promises
        Whether it is known to leave its arguments and results alone, and to keep nothing from one
        mini-batch to the next but its running statistics: nobody else's layer is.
    """

    name: str
    has_eval: bool
    dtype: np.dtype[Any] | None = None
    takes_rows = False
    keeps_promises = False

    def takes(self, quantity: str) -> bool:
        """Tell whether the code has a place for a parameter or a statistic of this name."""
        raise NotImplementedError

    def get(self, quantity: str) -> Any:
        """Return the quantity of this name, as the code has it; None where it has none."""
        raise NotImplementedError

    def set(self, quantity: str, value: Any) -> None:
        """Put a value, (1, C) or a number, in the place of a quantity that there is."""
        raise NotImplementedError

    def copy(self) -> "LayerAdapter":
        """Return a layer in the same state that shares nothing with this one."""
        raise NotImplementedError

    def source_of(self, method: str) -> Callable[..., Any] | None:
        """Return the user's code of the method "forward" or "backward", where there is any."""
        raise NotImplementedError

    def call_forward(self, Z: Array, *, eval: bool) -> Any:  # noqa: A002
        """Call the code's forward; what it returns as the output."""
        raise NotImplementedError

    def call_backward(self, dLdBZ: Array) -> Any:
        """Call the code's backward; what it returns as dLdZ. `get` gives the other gradients."""
        raise NotImplementedError

    def forward(self, Z: Any, *, eval: bool) -> Any:  # noqa: A002
        """Return BZ of the layer as it is, an array of numbers of whatever shape.

        Raises
        ------
        LayerError
            Where the layer raises, or returns no array of numbers.
        """
        return call_guarded("forward", lambda: self.call_forward(Z, eval=eval))

    def backward(self, dLdBZ: Any) -> Any:
        """Return dLdZ for the last forward; raises as `forward` does."""
        return call_guarded("backward", lambda: self.call_backward(dLdBZ))

    def forward_features(self, Z: Rows, *, eval: bool) -> tuple[Any, dict[str, Array]]:  # noqa: A002
        """Return BZ, and of each feature M and V, which are the definition's, and the extremes."""
        statistics, _ = find_statistics(Z)
        BZ = self.forward(Z[:], eval=eval)
        return BZ, {
            "M": statistics.M,
            "V": statistics.V,
            "BZ_min": BZ.min(axis=0),
            "BZ_max": BZ.max(axis=0),
        }

    def as_function(self, *, eval: bool) -> ForwardFunction | None:  # noqa: A002
        """Return its forward as a function, if it can be called as one."""
        return None


class BuiltInAdapter(LayerAdapter):
    """The layer of this package, as it came."""

    name = "built-in layer"
    has_eval = True
    keeps_promises = True

    def __init__(self, layer: BatchNorm1d) -> None:
        self._layer = layer
        self.dtype: np.dtype[Any] = layer.dtype
        self.takes_rows = layer.dtype == np.float64

    def takes(self, quantity: str) -> bool:  # noqa: D102
        return self.get(quantity) is not None

    def get(self, quantity: str) -> Any:  # noqa: D102
        layer = self._layer
        if quantity == "dLdNZ" and hasattr(layer, "Z") and is_large(layer.Z.shape):
            return RowsByFunction(layer.Z.shape, layer.dLdNZ_of)
        return getattr(layer, quantity, None)

    def set(self, quantity: str, value: Any) -> None:  # noqa: D102
        setattr(self._layer, quantity, cast_like(self.get(quantity), value))

    def copy(self) -> "BuiltInAdapter":  # noqa: D102
        return BuiltInAdapter(copy.copy(self._layer))  # whose arrays are never changed in place

    def source_of(self, method: str) -> None:  # noqa: D102
        return None

    def call_forward(self, Z: Any, *, eval: bool) -> Any:  # noqa: A002, D102
        if self.takes_rows and is_large(Z.shape):
            return self._layer.forward_rows(Z, eval=eval)
        return self._layer.forward(Z, eval=eval)

    def call_backward(self, dLdBZ: Any) -> Any:  # noqa: D102
        if self.takes_rows and is_large(dLdBZ.shape):
            return self._layer.backward_rows(dLdBZ)
        return self._layer.backward(dLdBZ)

    def forward_features(self, Z: Rows, *, eval: bool) -> tuple[Any, dict[str, Array]]:  # noqa: A002, D102
        if not self.takes_rows:
            return super().forward_features(Z, eval=eval)
        found, low, high = survey(Z)
        BZ = self._layer.forward_rows(Z, eval=eval, found=found)
        # Every step from Z to BZ rises or falls throughout, rounding included: so the least and the
        # largest BZ are those of the least and the largest Z.
        ends = BZ.apply_to(np.concatenate([low, high]))
        return BZ, {
            "M": self._layer.M,
            "V": self._layer.V,
            "BZ_min": ends.min(axis=0),
            "BZ_max": ends.max(axis=0),
        }

    def as_function(self, *, eval: bool) -> ForwardFunction | None:  # noqa: A002, D102
        if not self.takes_rows:
            return None
        eps = setting(self, "eps")

        def forward(Z: Rows, state: Mapping[str, Array]) -> Rows:
            layer = copy.copy(self._layer)
            layer.num_features, layer.eps = Z.shape[1], eps
            for name, value in state.items():
                setattr(layer, name, value)
            return layer.forward_rows(Z, eval=eval)

        return forward


def cast_like(like: Any, value: Any) -> Any:
    """Return `value` in the shape and the type of what it replaces.

    >>> cast_like(np.zeros(2, np.float32), np.ones((1, 2)))
    array([1., 1.], dtype=float32)
    """
    if np.ndim(value) == 0:
        return value
    value = np.asarray(value)
    old = None if like is None else np.asarray(like)
    shape = old.shape if old is not None and old.size == value.size else (value.size,)
    if old is not None and old.ndim == 2 and old.size != value.size:
        shape = value.shape
    kind = old.dtype if old is not None and old.dtype.kind == "f" else value.dtype
    return np.array(value, dtype=complex if np.iscomplexobj(value) else kind).reshape(shape)


def setting(layer: LayerAdapter, name: str) -> float:
    """Return a layer's alpha or eps; the usual one where it shows none.

    Raises
    ------
    InputError
        Where it is not one finite number.
    """
    value = layer.get(name)
    if value is None:
        return float(QUANTITIES[name].start or 0)
    numbers = set(np.asarray(value, dtype=float).ravel().tolist())
    number = numbers.pop() if len(numbers) == 1 else math.nan
    if not 0 <= number < math.inf:
        raise InputError(
            f"{name} of {layer.name} is {value}, expected one number from 0 up",
            f"mend the layer's {name}",
        )
    return number

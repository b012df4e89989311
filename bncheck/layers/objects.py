"""An object, whatever its class, behind the interface of a layer."""

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.batchnorm.quantities import QUANTITIES, is_pytorch_momentum
from bncheck.layers.adapters import BuiltInAdapter, LayerAdapter, cast_like
from bncheck.layers.modes import switch_of
from bncheck.layers.source import call_capturing_locals, name_gradients

IMMUTABLE = (int, float, str, bool, np.generic, np.dtype, type(None))


def adapter_of(layer: Any) -> LayerAdapter:
    """Return the adapter of a layer: itself where it is one already.

    >>> adapter_of(BatchNorm1d(3)).name
    'built-in layer'
    """
    if isinstance(layer, LayerAdapter):
        return layer
    own = type(layer) is BatchNorm1d and not {"forward", "backward"} & vars(layer).keys()
    return BuiltInAdapter(layer) if own else ObjectAdapter(layer)


class ObjectAdapter(LayerAdapter):
    """An object with a forward, or a __call__, and a backward.

    Its mode is told by an argument of the forward or by an attribute or a method of the object,
    whatever there is.
    """

    def __init__(self, layer: Any, name: str | None = None) -> None:
        self._layer = layer
        self.name = type(layer).__name__ if name is None else name
        self._switch = switch_of(layer, _forward_of(layer))
        attribute = _attribute(layer, "alpha")
        value = None if attribute is None else getattr(layer, attribute)
        self._momentum_of_new = is_pytorch_momentum(attribute, value)
        self._gradients: Mapping[str, Any] = {}

    @property
    def has_eval(self) -> bool:  # type: ignore[override]
        """Whether its mode can be told."""
        return self._switch is not None

    def takes(self, quantity: str) -> bool:  # noqa: D102
        attribute = _attribute(self._layer, quantity)
        if attribute is None:
            return False
        found = inspect.getattr_static(type(self._layer), attribute, None)
        return not isinstance(found, property) or found.fset is not None

    def get(self, quantity: str) -> Any:  # noqa: D102
        if quantity in self._gradients:
            return self._gradients[quantity]
        attribute = _attribute(self._layer, quantity)
        value = None if attribute is None else getattr(self._layer, attribute)
        if quantity == "alpha" and value is not None and self._momentum_of_new:
            return 1 - float(value)
        return value

    def set(self, quantity: str, value: Any) -> None:  # noqa: D102
        attribute = _attribute(self._layer, quantity)
        if attribute is None:
            raise AttributeError(f"{self.name} has no {quantity}")
        if quantity == "alpha" and self._momentum_of_new:
            value = 1 - value
        old = getattr(self._layer, attribute)
        new = cast_like(old, value)
        if _fits_in_place(old, new):  # so that other names of the array stay its names
            old[...] = new
        else:
            setattr(self._layer, attribute, new)

    def call_forward(self, Z: Array, *, eval: bool) -> Any:  # noqa: A002, D102
        arguments = {} if self._switch is None else self._switch(self._layer, eval)
        return _forward_of(self._layer)(Z, **arguments)

    def call_backward(self, dLdBZ: Array) -> Any:  # noqa: D102
        backward = self._layer.backward
        result, seen = call_capturing_locals(backward, dLdBZ)
        dLdZ, returned = name_gradients(result, backward, dLdBZ.shape)
        self._gradients = {**seen, **returned}
        return dLdZ

    def source_of(self, method: str) -> Callable[..., Any]:  # noqa: D102
        if method == "backward":
            backward: Callable[..., Any] = self._layer.backward
            return backward
        return getattr(self._layer, "forward", None) or type(self._layer).__call__

    def copy(self) -> "ObjectAdapter":  # noqa: D102
        clone = copy.copy(self)
        clone._layer = _clone(self._layer)
        clone._gradients = {}
        return clone


def _fits_in_place(old: Any, new: Any) -> bool:
    """Whether an array can take the place of another by taking over its entries."""
    if not (isinstance(old, np.ndarray) and isinstance(new, np.ndarray)):
        return False
    return (old.shape, old.dtype) == (new.shape, new.dtype) and old.flags.writeable


def _attribute(layer: Any, quantity: str) -> str | None:
    """The name under which an object has a quantity."""
    names = QUANTITIES[quantity].names if quantity in QUANTITIES else (quantity,)
    return next(
        (name for name in names if hasattr(layer, name) and not callable(getattr(layer, name))),
        None,
    )


def _forward_of(layer: Any) -> Callable[..., Any]:
    forward: Callable[..., Any] = getattr(layer, "forward", None) or layer
    return forward


def _clone(layer: Any) -> Any:
    """A copy that shares nothing that a method could change in place.

    Two names of one thing stay two names of one thing.
    """
    if not hasattr(layer, "__dict__"):
        return _copied(layer, {})
    clone = copy.copy(layer)
    copies: dict[int, Any] = {id(layer): clone}
    for name, value in vars(layer).items():
        if type(value) is np.ndarray and value.base is None and value.dtype.kind != "O":
            copies.setdefault(id(value), value.copy())
            vars(clone)[name] = copies[id(value)]
        elif not isinstance(value, IMMUTABLE):
            vars(clone)[name] = _copied(value, copies)
    return clone


def _copied(value: Any, copies: dict[int, Any]) -> Any:
    """A deep copy; the thing itself where there is none: a module, an open file, a lock."""
    try:
        return copy.deepcopy(value, copies)
    except Exception:
        return value

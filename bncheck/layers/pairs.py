"""A pair of functions, forward and backward, behind the interface of a layer."""

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import QUANTITIES, STATE, is_pytorch_momentum
from bncheck.layers.adapters import LayerAdapter, cast_like
from bncheck.layers.modes import WORDS_OF_MODE, switches
from bncheck.layers.source import call_capturing_locals, dictionary_default, name_gradients


class FunctionPairAdapter(LayerAdapter):
    """A pair of functions: forward(x, gamma, beta, …) -> (out, cache), backward(dout, cache).

    What else the forward takes is either a dictionary (mode, eps, momentum, running_mean,
    running_var) or arguments of these names.
    """

    def __init__(self, forward: Callable[..., Any], backward: Callable[..., Any], C: int) -> None:
        self.name = f"{forward.__name__} and {backward.__name__}"
        self._forward, self._backward = forward, backward
        parameters = list(inspect.signature(forward).parameters.values())[3:]
        self._names = [each.name for each in parameters]
        self._settings_in = next((name for name in self._names if _is_dictionary(name)), None)
        defaults = {each.name: each.default for each in parameters}
        momentum = defaults.get("momentum", dictionary_default(forward, "momentum"))
        self._momentum_of_new = is_pytorch_momentum("momentum", momentum)
        start = {name: np.full(C, float(QUANTITIES[name].start or 0)) for name in STATE}
        self._values: dict[str, Any] = {**start, "alpha": 0.9, "eps": 1e-5}
        self._cache: Any = None
        self._gradients: Mapping[str, Any] = {}

    @property
    def has_eval(self) -> bool:  # type: ignore[override]
        """Whether its mode can be told."""
        return self._settings_in is not None or any(name in self._names for name, _ in switches())

    def takes(self, quantity: str) -> bool:  # noqa: D102
        if quantity in ("BW", "Bb") or self._settings_in is not None:
            return quantity in self._values
        return quantity in QUANTITIES and self._argument_for(quantity) is not None

    def get(self, quantity: str) -> Any:  # noqa: D102
        if quantity in self._gradients:
            return self._gradients[quantity]
        return self._values.get(quantity) if self.takes(quantity) else None

    def set(self, quantity: str, value: Any) -> None:  # noqa: D102
        self._values[quantity] = cast_like(self._values[quantity], value)

    def call_forward(self, Z: Array, *, eval: bool) -> Any:  # noqa: A002, D102
        v = self._values
        arguments = self._settings(eval)
        result = self._forward(Z, v["BW"], v["Bb"], **arguments)
        if not isinstance(result, tuple) or len(result) < 2:
            raise TypeError("the forward function returned no pair (out, cache)")
        out, cache, *statistics = result
        # An inference forward that has nothing for a backward leaves the training forward's cache.
        self._cache = self._cache if eval and cache is None else cache
        settings = arguments.get(self._settings_in or "", {})
        for name, quantity in (("running_mean", "running_M"), ("running_var", "running_V")):
            if name in settings:
                v[quantity] = settings[name]
        if len(statistics) == 2:
            v["running_M"], v["running_V"] = statistics
        return out

    def call_backward(self, dLdBZ: Array) -> Any:  # noqa: D102
        result, seen = call_capturing_locals(self._backward, dLdBZ, self._cache)
        dLdZ, returned = name_gradients(result, self._backward, dLdBZ.shape)
        self._gradients = {**seen, **returned}
        return dLdZ

    def source_of(self, method: str) -> Callable[..., Any]:  # noqa: D102
        return self._forward if method == "forward" else self._backward

    def copy(self) -> "FunctionPairAdapter":  # noqa: D102
        clone = copy.copy(self)
        clone._values = copy.deepcopy(self._values)
        clone._cache, clone._gradients = None, {}
        return clone

    def _argument_for(self, quantity: str) -> str | None:
        return next((name for name in QUANTITIES[quantity].names if name in self._names), None)

    def _settings(self, eval: bool) -> dict[str, Any]:  # noqa: A002
        """What the forward takes besides x, gamma and beta."""
        v = self._values
        momentum = 1 - v["alpha"] if self._momentum_of_new else v["alpha"]
        if self._settings_in is not None:
            settings = {
                "mode": WORDS_OF_MODE[eval],
                "eps": v["eps"],
                "momentum": momentum,
                "running_mean": v["running_M"],
                "running_var": v["running_V"],
            }
            return {self._settings_in: settings}
        arguments = {
            name: momentum if name == "momentum" else v[quantity]
            for quantity in ("running_M", "running_V", "alpha", "eps")
            if (name := self._argument_for(quantity)) is not None
        }
        told = {name: word_of for name, word_of in switches() if name in self._names}
        return arguments | {name: word_of(eval) for name, word_of in told.items()}


def _is_dictionary(name: str) -> bool:
    return "param" in name or name in ("config", "cfg", "options")

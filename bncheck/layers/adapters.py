"""One face for every layer: quantities by the names of the definition, whatever the code says."""

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.batchnorm.quantities import QUANTITIES
from bncheck.errors import InputError
from bncheck.layers.returned import name_gradients
from bncheck.layers.watching import watched

IMMUTABLE = (int, float, str, bool, np.generic, np.dtype, type(None))


class Face:
    """A layer as gradcheck sees it.

    Attributes
    ----------
    name
        What reports call it.
    has_eval
        Whether its mode can be told.
    """

    name: str
    has_eval: bool

    def takes(self, quantity: str) -> bool:
        """Whether the code has a place for a parameter or a statistic of this name."""
        raise NotImplementedError

    def get(self, quantity: str) -> Any:
        """The quantity of this name, as the code has it; None where it has none."""
        raise NotImplementedError

    def set(self, quantity: str, value: Any) -> None:
        """Put a value, (1, C) or a number, in the place of a quantity that there is."""
        raise NotImplementedError

    def forward(self, Z: Array, *, eval: bool) -> Any:  # noqa: A002
        """What the code returns as the output."""
        raise NotImplementedError

    def backward(self, dLdBZ: Array) -> Any:
        """What the code returns as dLdZ; the other gradients can be got afterwards."""
        raise NotImplementedError

    def copy(self) -> "Face":
        """A layer in the same state that shares nothing with this one."""
        raise NotImplementedError

    def function(self, method: str) -> Callable[..., Any]:
        """The code of the method "forward" or "backward"."""
        raise NotImplementedError


class ObjectFace(Face):
    """An object with a forward, or a __call__, and a backward.

    Its mode is told by an argument of the forward or by an attribute or a method of the object,
    whatever there is.
    """

    def __init__(self, inner: Any, name: str | None = None) -> None:
        self.inner = inner
        self.name = type(inner).__name__ if name is None else name
        self._switch = _switch_of(inner)
        self._momentum_of_new = weighs_new(_attribute(inner, "alpha"), _alpha_of(inner))
        self._gradients: Mapping[str, Any] = {}

    @property
    def has_eval(self) -> bool:  # type: ignore[override]
        """Whether its mode can be told."""
        return self._switch is not None

    def takes(self, quantity: str) -> bool:  # noqa: D102
        attribute = _attribute(self.inner, quantity)
        return attribute is not None and _is_settable(self.inner, attribute)

    def get(self, quantity: str) -> Any:  # noqa: D102
        attribute = _attribute(self.inner, quantity)
        if quantity in self._gradients:
            return self._gradients[quantity]
        value = None if attribute is None else getattr(self.inner, attribute)
        if quantity == "alpha" and value is not None and self._momentum_of_new:
            return 1 - float(value)
        return value

    def set(self, quantity: str, value: Any) -> None:  # noqa: D102
        attribute = _attribute(self.inner, quantity)
        if attribute is None:
            raise AttributeError(f"{self.name} has no {quantity}")
        if quantity == "alpha" and self._momentum_of_new:
            value = 1 - value
        setattr(self.inner, attribute, in_the_form_of(getattr(self.inner, attribute), value))

    def forward(self, Z: Array, *, eval: bool) -> Any:  # noqa: A002, D102
        arguments = {} if self._switch is None else self._switch(self.inner, eval)
        return _forward_of(self.inner)(Z, **arguments)

    def backward(self, dLdBZ: Array) -> Any:  # noqa: D102
        backward = self.inner.backward
        if is_built_in(self):  # which has all of them as attributes
            return backward(dLdBZ)
        result, seen = watched(backward, dLdBZ)
        dLdZ, returned = name_gradients(result, backward, dLdBZ.shape)
        self._gradients = {**seen, **returned}
        return dLdZ

    def function(self, method: str) -> Callable[..., Any]:  # noqa: D102
        if method == "backward":
            backward: Callable[..., Any] = self.inner.backward
            return backward
        return getattr(self.inner, "forward", None) or type(self.inner).__call__

    def copy(self) -> "ObjectFace":  # noqa: D102
        clone = copy.copy(self)
        clone.inner = _clone(self.inner)
        clone._gradients = {}
        return clone


def weighs_new(name: str | None, value: Any) -> bool:
    """Whether a setting of this name and value is the weight of the NEW statistics.

    PyTorch's momentum is, and it is small; other code that says momentum means the old one's, and
    there it is large.
    """
    return name == "momentum" and np.ndim(value) == 0 and value is not None and value < 0.5


def _alpha_of(inner: Any) -> Any:
    attribute = _attribute(inner, "alpha")
    return None if attribute is None else getattr(inner, attribute)


def _is_settable(inner: Any, attribute: str) -> bool:
    """Whether an attribute can be set: a property without a setter cannot."""
    found = inspect.getattr_static(type(inner), attribute, None)
    return not isinstance(found, property) or found.fset is not None


def in_the_form_of(like: Any, value: Any) -> Any:
    """`value` in the shape and the type of what it replaces."""
    if np.ndim(value) == 0:
        return value
    value = np.asarray(value)
    old = None if like is None else np.asarray(like)
    shape = old.shape if old is not None and old.size == value.size else (value.size,)
    if old is not None and old.ndim == 2 and old.size != value.size:
        shape = value.shape
    kind = old.dtype if old is not None and old.dtype.kind == "f" else value.dtype
    return np.array(value, dtype=complex if np.iscomplexobj(value) else kind).reshape(shape)


def _attribute(inner: Any, quantity: str) -> str | None:
    """The name under which an object has a quantity."""
    for name in QUANTITIES[quantity].names if quantity in QUANTITIES else (quantity,):
        if hasattr(inner, name) and not callable(getattr(inner, name)):
            return name
    return None


def _forward_of(inner: Any) -> Callable[..., Any]:
    forward: Callable[..., Any] = getattr(inner, "forward", None) or inner
    return forward


EVAL_SWITCHES = ("eval", "inference", "test")
TRAIN_SWITCHES = ("training", "train", "train_flg", "is_training", "is_train")
MODE_SWITCHES = ("mode",)
WORDS_OF_MODE = {False: "train", True: "test"}
"""Names of what tells a forward its mode: True in inference, True in training, or a word."""

Switch = Callable[[Any, bool], dict[str, Any]]
"""Tells a layer its mode, True for inference; gives the arguments that its forward takes then."""

MODES: tuple[tuple[tuple[str, ...], Callable[[bool], Any]], ...] = (
    (EVAL_SWITCHES, lambda inference: inference),
    (TRAIN_SWITCHES, lambda inference: not inference),
    (MODE_SWITCHES, lambda inference: WORDS_OF_MODE[inference]),
)
"""Names of switches, and what each is set to."""


def _switch_of(inner: Any) -> Switch | None:
    """How the layer is told its mode: by an argument, by two methods, or by an attribute."""
    parameters = inspect.signature(_forward_of(inner)).parameters
    for name, word_of in _switches():
        if name in parameters:
            return partial(_as_argument, name, word_of)
    if callable(getattr(inner, "eval", None)) and callable(getattr(inner, "train", None)):
        return _as_method
    for name, word_of in _switches():
        if hasattr(inner, name) and not callable(getattr(inner, name)):
            return partial(_as_attribute, name, word_of)
    return None


def _switches() -> Iterator[tuple[str, Callable[[bool], Any]]]:
    for names, word_of in MODES:
        for name in names:
            yield name, word_of


def _as_argument(
    name: str, word_of: Callable[[bool], Any], _: Any, inference: bool
) -> dict[str, Any]:
    return {name: word_of(inference)}


def _as_method(inner: Any, inference: bool) -> dict[str, Any]:
    (inner.eval if inference else inner.train)()
    return {}


def _as_attribute(
    name: str, word_of: Callable[[bool], Any], inner: Any, inference: bool
) -> dict[str, Any]:
    setattr(inner, name, word_of(inference))
    return {}


def _clone(inner: Any) -> Any:
    """A copy that shares nothing that a method could change in place."""
    if not hasattr(inner, "__dict__"):
        return _copied(inner)
    clone = copy.copy(inner)
    for name, value in vars(inner).items():
        if isinstance(value, np.ndarray):
            vars(clone)[name] = value.copy()
        elif not isinstance(value, IMMUTABLE):
            vars(clone)[name] = _copied(value)
    return clone


def _copied(value: Any) -> Any:
    """A deep copy; the thing itself where there is none: a module, an open file, a lock."""
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


class PairFace(Face):
    """A pair of functions: forward(x, gamma, beta, …) -> (out, cache), backward(dout, cache).

    What else the forward takes is either a dictionary (mode, eps, momentum, running_mean,
    running_var) or arguments of these names.
    """

    def __init__(self, forward: Callable[..., Any], backward: Callable[..., Any], C: int) -> None:
        self.name = f"{forward.__name__} and {backward.__name__}"
        self._forward, self._backward = forward, backward
        names = list(inspect.signature(forward).parameters)[3:]
        self._settings_in = next((name for name in names if _is_dictionary(name)), None)
        self._names = names
        self._values: dict[str, Any] = {
            "BW": np.ones(C),
            "Bb": np.zeros(C),
            "running_M": np.zeros(C),
            "running_V": np.ones(C),
            "alpha": 0.9,
            "eps": 1e-5,
        }
        self._cache: Any = None
        self._gradients: Mapping[str, Any] = {}

    @property
    def has_eval(self) -> bool:  # type: ignore[override]
        """Whether its mode can be told."""
        return self._settings_in is not None or any(name in self._names for name, _ in _switches())

    def takes(self, quantity: str) -> bool:  # noqa: D102
        if quantity in ("BW", "Bb") or self._settings_in is not None:
            return quantity in self._values
        return self._name_among(QUANTITIES[quantity].names) is not None

    def get(self, quantity: str) -> Any:  # noqa: D102
        if quantity in self._gradients:
            return self._gradients[quantity]
        return self._values.get(quantity) if self.takes(quantity) else None

    def set(self, quantity: str, value: Any) -> None:  # noqa: D102
        self._values[quantity] = in_the_form_of(self._values[quantity], value)

    def forward(self, Z: Array, *, eval: bool) -> Any:  # noqa: A002, D102
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

    def backward(self, dLdBZ: Array) -> Any:  # noqa: D102
        result, seen = watched(self._backward, dLdBZ, self._cache)
        dLdZ, returned = name_gradients(result, self._backward, dLdBZ.shape)
        self._gradients = {**seen, **returned}
        return dLdZ

    def function(self, method: str) -> Callable[..., Any]:  # noqa: D102
        return self._forward if method == "forward" else self._backward

    def copy(self) -> "PairFace":  # noqa: D102
        clone = copy.copy(self)
        clone._values = copy.deepcopy(self._values)
        clone._cache, clone._gradients = None, {}
        return clone

    def _name_among(self, names: tuple[str, ...]) -> str | None:
        return next((name for name in names if name in self._names), None)

    def _settings(self, eval: bool) -> dict[str, Any]:  # noqa: A002
        """What the forward takes besides x, gamma and beta."""
        v = self._values
        if self._settings_in is not None:
            settings = {
                "mode": WORDS_OF_MODE[eval],
                "eps": v["eps"],
                "momentum": v["alpha"],
                "running_mean": v["running_M"],
                "running_var": v["running_V"],
            }
            return {self._settings_in: settings}
        arguments = {
            name: v[quantity]
            for quantity in ("running_M", "running_V", "alpha", "eps")
            if (name := self._name_among(QUANTITIES[quantity].names)) is not None
        }
        switches = {name: word_of for name, word_of in _switches() if name in self._names}
        return arguments | {name: word_of(eval) for name, word_of in switches.items()}


def _is_dictionary(name: str) -> bool:
    return "param" in name or name in ("config", "cfg", "options")


def setting(layer: Face, name: str, default: float) -> float:
    """A layer's alpha or eps.

    Raises
    ------
    ValueError
        Where it is not one finite number.
    """
    value = layer.get(name)
    if value is None:
        return default
    numbers = set(np.asarray(value, dtype=float).ravel().tolist())
    number = numbers.pop() if len(numbers) == 1 else math.nan
    if not 0 <= number < math.inf:
        raise InputError(
            f"{name} of {layer.name} is {value}, expected one number from 0 up",
            f"mend the layer's {name}",
        )
    return number


def is_built_in(layer: Any) -> bool:
    """Whether a layer, or what is behind a face, is the one of this package, as it came."""
    inner = getattr(layer, "inner", layer)
    return type(inner) is BatchNorm1d and not {"forward", "backward"} & vars(inner).keys()


def describe(layer: Any) -> str:
    """What reports call a layer."""
    return "built-in layer" if is_built_in(layer) else face_of(layer).name


def face_of(layer: Any) -> Face:
    """The face of a layer: its own where it has one already."""
    return layer if isinstance(layer, Face) else ObjectFace(layer)

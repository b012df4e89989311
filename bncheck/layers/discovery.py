"""From ``FILE.py:NAME`` to a layer: what in a module is one, and how one is made."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from bncheck.batchnorm.quantities import canonical
from bncheck.errors import InputError
from bncheck.layers.adapters import LayerAdapter
from bncheck.layers.importing import load_module, split_layer
from bncheck.layers.objects import ObjectAdapter
from bncheck.layers.pairs import FunctionPairAdapter
from bncheck.wording import listed, one_line, quoted

_LIKE_BATCHNORM = re.compile(r"batch_?norm|^bn\d?", re.IGNORECASE)
_OTHER_NORM = re.compile(r"spatial|layer_?norm|group|instance|conv|2d|3d", re.IGNORECASE)

BRIDGE = (
    "write a class of these names that calls it: `class BatchNorm1d:` with "
    "`__init__(self, num_features, alpha=0.9)`, `forward(self, Z, eval=False)`, "
    "`backward(self, dLdBZ)`, and the attributes BW, Bb, running_M, running_V, dLdBW, dLdBb"
)


@dataclass(frozen=True)
class LayerClass:
    """A class with a forward and a backward.

    Attributes
    ----------
    name
        Of the class.
    cls
        The class.
    """

    name: str
    cls: type


@dataclass(frozen=True)
class FunctionPair:
    """A forward function (x, gamma, beta, …) and a backward function (dout, cache)."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]


Candidate = LayerClass | FunctionPair


def build_layer(argument: str, C: int, alpha: float | None, eps: float | None) -> LayerAdapter:
    """Load a layer and make one of C features.

    Parameters
    ----------
    argument
        ``FILE.py``, ``FILE.py:NAME`` or ``package.module:NAME``.
    C
        Number of features.
    alpha, eps
        What the layer is to be made with; None for what it takes by itself.

    Raises
    ------
    InputError
        Where the file cannot be loaded, has no layer that is recognised or several, or the layer
        cannot be made.
    """
    place, name = split_layer(argument)
    candidate = find_layer(load_module(place), name, place)
    where = f"{candidate.name} in {place}"
    layer: LayerAdapter
    if isinstance(candidate, FunctionPair):
        layer = FunctionPairAdapter(candidate.forward, candidate.backward, C)
    else:
        layer = ObjectAdapter(_make(candidate, C, alpha, eps, where), where)
    layer.name = where
    for quantity, value in (("alpha", alpha), ("eps", eps)):
        if value is not None:
            _settle(layer, quantity, value)
    return layer


def _settle(layer: LayerAdapter, quantity: str, value: float) -> None:
    if not layer.takes(quantity):
        raise InputError(
            f"{layer.name} has no {quantity} that can be set",
            f"leave --{quantity} out, or give the layer an attribute {quantity}",
        )
    layer.set(quantity, value)


def _make(candidate: LayerClass, C: int, alpha: float | None, eps: float | None, where: str) -> Any:
    """An object of the class."""
    parameters = inspect.signature(candidate.cls).parameters
    required = [
        name
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if [canonical(name) for name in required[:2]] == ["BW", "Bb"] and len(required) == 2:
        positional: tuple[Any, ...] = (np.ones(C), np.zeros(C))
    elif len(required) <= 1:
        positional = (C,) if parameters else ()
    else:
        raise InputError(
            f"{where} asks for {', '.join(required)} when it is made, expected the "
            "number of features",
            BRIDGE,
        )
    settings = {"alpha": alpha, "eps": eps}
    named = {}
    for name in list(parameters)[len(positional) :]:
        value = settings.get(canonical(name) or "")
        if value is not None and name != "momentum":  # what that weighs, its default tells
            named[name] = value
    try:
        return candidate.cls(*positional, **named)
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{where} cannot be made: {type(error).__name__}: {one_line(str(error))}",
            f"make {quoted(candidate.name)} work with the number of features alone",
        ) from error


def find_layer(module: ModuleType, name: str | None, place: str) -> Candidate:
    """Find the one layer in a module, or the one of this name.

    Raises
    ------
    InputError
        Where nothing fits, or several things do.
    """
    candidates = _candidates(module)
    if name is not None:
        return _named(candidates, module, name, place)
    likely = [each for each in candidates if _is_batchnorm(each.name)] or candidates
    if len(likely) == 1:
        return likely[0]
    if likely:
        names = [each.name for each in likely]
        raise InputError(
            f"{quoted(place)} has several layers: {listed(names)}",
            f"pick one, as in {quoted(f'{place}:{names[0]}')}",
        )
    raise InputError(f"{quoted(place)} has no layer that is recognised: {_found(module)}", BRIDGE)


def _candidates(module: ModuleType) -> list[Candidate]:
    return [
        *(LayerClass(cls.__name__, cls) for cls in _own_classes(module) if _is_layer(cls)),
        *_pairs(_own_functions(module)),
    ]


def _named(candidates: list[Candidate], module: ModuleType, name: str, place: str) -> Candidate:
    for each in candidates:
        if each.name == name:
            return each
    thing = getattr(module, name, None)
    if isinstance(thing, type) and _is_layer(thing):  # imported from elsewhere
        return LayerClass(name, thing)
    pairs = [each for each in candidates if isinstance(each, FunctionPair)]
    for each in pairs:
        if each.forward.__name__ == name:
            same = [other for other in pairs if other.forward.__name__ == name]
            if len(same) == 1:
                return each
            names = [other.name for other in same]
            raise InputError(
                f"{quoted(name)} of {quoted(place)} has several backwards: {listed(names)}",
                f"name the backward, as in {quoted(f'{place}:{names[0]}')}",
            )
    if thing is None:
        there = [each.name for each in candidates] or list(_publics(module))
        raise InputError(
            f"{quoted(place)} has no {quoted(name)}: it has {listed(there)}", "check the name"
        )
    raise InputError(f"{quoted(name)} of {quoted(place)} is no layer: {_lacks(thing)}", BRIDGE)


def _is_batchnorm(name: str) -> bool:
    return bool(_LIKE_BATCHNORM.search(name)) and not _OTHER_NORM.search(name)


def _own_classes(module: ModuleType) -> list[type]:
    return [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and thing.__module__ == module.__name__
    ]


def _own_functions(module: ModuleType) -> dict[str, Callable[..., Any]]:
    return {
        name: thing
        for name, thing in vars(module).items()
        if inspect.isfunction(thing) and thing.__module__ == module.__name__
    }


def _is_layer(cls: type) -> bool:
    """Whether it has a forward and a backward that each ask for one matrix and nothing else."""
    forward = _method(cls, "forward") or _method(cls, "__call__")
    backward = _method(cls, "backward")
    return all(method is not None and _asks_for(method) == 2 for method in (forward, backward))


def _asks_for(function: Callable[..., Any]) -> int:
    """How many arguments it cannot do without, self included."""
    return sum(
        parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        for parameter in inspect.signature(function).parameters.values()
    )


def _method(cls: type, name: str) -> Callable[..., Any] | None:
    """A method that the class or a base wrote in Python defines; type's own __call__ is none."""
    found = inspect.getattr_static(cls, name, None)
    return found if inspect.isfunction(found) else None


def _pairs(functions: dict[str, Callable[..., Any]]) -> list[FunctionPair]:
    """Each backward with the forward whose name its own begins like."""
    forwards = {
        name: function
        for name, function in functions.items()
        if "forward" in name and _is_batchnorm(name) and _takes(function, 3)
    }
    pairs = []
    for name, backward in functions.items():
        if "backward" not in name or not _is_batchnorm(name) or not _takes(backward, 2):
            continue
        same = name.replace("backward", "forward")
        forward = forwards.get(same) or forwards.get(same.split("forward")[0] + "forward")
        if forward is not None:
            pairs.append(FunctionPair(name, forward, backward))
    return pairs


def _takes(function: Callable[..., Any], arguments: int) -> bool:
    return len(inspect.signature(function).parameters) >= arguments


def _found(module: ModuleType) -> str:
    """What there is instead, and what it lacks."""
    classes = [f"{quoted(cls.__name__)} {_lacks(cls)}" for cls in _own_classes(module)]
    functions = [_signature(name, function) for name, function in _own_functions(module).items()]
    parts = [f"class {each}" for each in classes[:4]]
    if functions:
        parts.append(f"functions {', '.join(functions[:6])}")
    return "; ".join(parts) or "it defines no class and no function"


def _signature(name: str, function: Callable[..., Any]) -> str:
    parameters = [each for each in inspect.signature(function).parameters if each != "self"]
    return quoted(f"{name}({', '.join(parameters)})")


def _lacks(thing: Any) -> str:
    if not isinstance(thing, type):
        return "it is no class, and no function of a forward and backward pair"
    missing = [name for name in ("forward", "backward") if _method(thing, name) is None]
    if _method(thing, "__call__") and "forward" in missing:
        missing.remove("forward")
    if missing:
        return f"has no {' and no '.join(missing)}"
    methods = {name: _method(thing, name) for name in ("forward", "__call__", "backward")}
    there = [_signature(name, method) for name, method in methods.items() if method is not None]
    return f"has {' and '.join(there)}, expected forward(Z) and backward(dLdBZ)"


def _publics(module: ModuleType) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_")]

"""From ``FILE.py:NAME`` to a layer of so many features."""

import inspect
from typing import Any

import numpy as np

from bncheck.batchnorm.quantities import canonical
from bncheck.errors import InputError
from bncheck.layers.adapters import Face, ObjectFace, PairFace
from bncheck.layers.discovery import BRIDGE, FunctionPair, LayerClass, find_layer
from bncheck.layers.importing import load_module, split_layer
from bncheck.wording import one_line, quoted


def build_layer(argument: str, C: int, alpha: float | None, eps: float | None) -> Face:
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
    face: Face
    if isinstance(candidate, FunctionPair):
        face = PairFace(candidate.forward, candidate.backward, C)
    else:
        face = ObjectFace(_make(candidate, C, alpha, eps, where), where)
    face.name = where
    for quantity, value in (("alpha", alpha), ("eps", eps)):
        if value is not None:
            _settle(face, quantity, value)
    return face


def _settle(face: Face, quantity: str, value: float) -> None:
    if not face.takes(quantity):
        raise InputError(
            f"{face.name} has no {quantity} that can be set",
            f"leave --{quantity} out, or give the layer an attribute {quantity}",
        )
    face.set(quantity, value)


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
            f"{where} asks for {', '.join(required)} when it is made, where the number of features "
            "is meant",
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

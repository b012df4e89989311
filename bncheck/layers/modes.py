"""How a layer is told its mode, training or inference."""

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

Switch = Callable[[Any, bool], dict[str, Any]]
"""Tells a layer its mode, True for inference; gives the arguments that its forward takes then."""

WORDS_OF_MODE = {False: "train", True: "test"}

MODES: tuple[tuple[tuple[str, ...], Callable[[bool], Any]], ...] = (
    (("eval", "inference", "test"), lambda inference: inference),
    (
        ("training", "train", "train_flg", "is_training", "is_train"),
        lambda inference: not inference,
    ),
    (("mode",), lambda inference: WORDS_OF_MODE[inference]),
)
"""Names of switches, and what each is set to."""


def switches() -> Iterator[tuple[str, Callable[[bool], Any]]]:
    """Yield the name of each switch, and what gives its value for inference or not."""
    for names, word_of in MODES:
        for name in names:
            yield name, word_of


def switch_of(layer: Any, forward: Callable[..., Any]) -> Switch | None:
    """Find how a layer is told its mode: by an argument, by two methods, or by an attribute."""
    parameters = inspect.signature(forward).parameters
    for name, word_of in switches():
        if name in parameters:
            return partial(_as_argument, name, word_of)
    if callable(getattr(layer, "eval", None)) and callable(getattr(layer, "train", None)):
        return _as_method
    for name, word_of in switches():
        if hasattr(layer, name) and not callable(getattr(layer, name)):
            return partial(_as_attribute, name, word_of)
    return None


def _as_argument(
    name: str, word_of: Callable[[bool], Any], _: Any, inference: bool
) -> dict[str, Any]:
    return {name: word_of(inference)}


def _as_method(layer: Any, inference: bool) -> dict[str, Any]:
    (layer.eval if inference else layer.train)()
    return {}


def _as_attribute(
    name: str, word_of: Callable[[bool], Any], layer: Any, inference: bool
) -> dict[str, Any]:
    setattr(layer, name, word_of(inference))
    return {}

"""Which of the arrays that a backward returns is which gradient."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from bncheck.batchnorm.quantities import canonical

IN_ORDER = ("dLdBW", "dLdBb")
"""Of gradients returned beside dLdZ, where nothing else tells them apart."""


def name_gradients(
    result: Any, backward: Callable[..., Any], shape: tuple[int, ...]
) -> tuple[Any, dict[str, Any]]:
    """Split what a backward returned into dLdZ and the other gradients by name.

    Parameters
    ----------
    result
        dLdZ alone, or a tuple of it with the gradients of scale and shift.
    backward
        The function, whose return statement may name them.
    shape
        That of dLdZ.
    """
    if not isinstance(result, (tuple, list)) or len(result) < 2:
        return result, {}
    names = _returned_names(backward)
    if len(names) == len(result) and all(name in names for name in IN_ORDER):
        found = dict(zip(names, result, strict=True))
        rest = [each for name, each in zip(names, result, strict=True) if name not in IN_ORDER]
        return rest[0], {name: found[name] for name in IN_ORDER}
    shaped = [index for index, each in enumerate(result) if np.shape(each) == shape]
    at = shaped[0] if len(shaped) == 1 else 0
    others = [each for index, each in enumerate(result) if index != at]
    return result[at], dict(zip(IN_ORDER, others, strict=False))


def _returned_names(backward: Callable[..., Any]) -> list[str | None]:
    """What the last return statement calls its values, by the names of the definition."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(backward)))
    except (OSError, TypeError, SyntaxError):
        return []
    tuples = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple)
    ]
    return [canonical(_name(element)) for element in tuples[-1].elts] if tuples else []


def _name(element: ast.expr) -> str:
    if isinstance(element, ast.Name):
        return element.id
    return element.attr if isinstance(element, ast.Attribute) else ""

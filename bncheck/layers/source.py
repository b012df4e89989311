"""What somebody's source and locals tell: which line computes what, what a return calls it."""

import ast
import inspect
import os
import re
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np

from bncheck.batchnorm.quantities import INTERMEDIATES, QUANTITIES, canonical

_RUNNING = re.compile("running|moving")

RETURNED = {"forward": "BZ", "backward": "dLdZ"}
"""What a function returns, whatever it calls it."""


@dataclass(frozen=True)
class Line:
    """A line of source: ``file.py:41``, and its text."""

    place: str
    text: str


def line_of(function: Callable[..., Any], quantity: str, method: str) -> Line | None:
    """Find the last line of a function that assigns a quantity; the return where it has no name.

    Parameters
    ----------
    function
        A forward or a backward, in a file.
    quantity
        By its name in the definition.
    method
        "forward" or "backward".
    """
    function = inspect.unwrap(function)
    tree = _parsed(function)
    if tree is None:
        return None
    lines, first = inspect.getsourcelines(function)
    file = inspect.getsourcefile(function)
    names = QUANTITIES[quantity].names
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    found = [node.lineno for node in statements if _assigns(node, names)]
    if quantity == "V":  # the inference branch may give it another value
        found = [at for at in found if not _RUNNING.search(lines[at - 1])] or found
    if not found and RETURNED[method] == quantity:
        found = [node.lineno for node in statements if isinstance(node, ast.Return)]
    if not found or file is None:
        return None
    at = max(found)
    return Line(f"{os.path.basename(file)}:{first + at - 1}", lines[at - 1].strip())


def _parsed(function: Callable[..., Any]) -> ast.Module | None:
    """The source of a function as a tree, where there is any."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None


def _assigns(node: ast.stmt, names: tuple[str, ...]) -> bool:
    if isinstance(node, ast.Assign):
        targets: list[ast.expr] = [
            each
            for target in node.targets
            for each in (target.elts if isinstance(target, ast.Tuple) else [target])
        ]
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    else:
        return False
    return any(_name(target) in names for target in targets)


def _name(target: ast.expr) -> str:
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Attribute):
        return target.attr
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    return ""


def dictionary_default(function: Callable[..., Any], key: str) -> object:
    """Return the default with which a function gets a key of a dictionary: `d.get(key, 0.9)`."""
    tree = _parsed(function)
    for node in ast.walk(tree) if tree else ():
        match node:
            case ast.Call(
                func=ast.Attribute(attr="get" | "setdefault"),
                args=[ast.Constant(value=found), ast.Constant(value=default)],
            ) if found == key:
                return default
    return None


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
    tree = _parsed(backward)
    tuples = [
        node.value
        for node in (ast.walk(tree) if tree else ())
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple)
    ]
    last = max(tuples, key=lambda each: each.lineno, default=None)
    return [canonical(_name(element)) for element in last.elts] if last else []


def call_capturing_locals(
    function: Callable[..., Any], *arguments: Any
) -> tuple[Any, dict[str, Any]]:
    """Call a function; return its result, and its locals of intermediate gradients' names."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    seen: dict[str, Any] = {}

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            local = frame.f_locals
            seen.update({name: local[name] for name in INTERMEDIATES if name in local})

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        return function(*arguments), seen
    finally:
        sys.setprofile(before)

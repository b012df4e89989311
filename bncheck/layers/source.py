"""The line of somebody's code that computes a quantity."""

import ast
import inspect
import os
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bncheck.batchnorm.quantities import QUANTITIES

_RUNNING = re.compile("running|moving")

RETURNED = {"forward": "BZ", "backward": "dLdZ"}
"""What a function returns, whatever it calls it."""


@dataclass(frozen=True)
class Line:
    """A line of source: ``file.py:41``, and its text."""

    place: str
    text: str


def line_of(function: Callable[..., Any], quantity: str, method: str) -> Line | None:
    """The last line of a function that assigns a quantity; the return where it has no name.

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
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
        file = inspect.getsourcefile(function)
    except (OSError, TypeError, SyntaxError):
        return None
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

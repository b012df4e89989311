"""What somebody's source and locals tell: lines, names of what is returned, defaults."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bncheck.layers.importing import load_module
from bncheck.layers.source import (
    Line,
    call_capturing_locals,
    dictionary_default,
    line_of,
    name_gradients,
)


@pytest.fixture
def module_of(tmp_path: Path) -> Callable[[str], ModuleType]:
    """A module of this source."""

    def load(source: str) -> ModuleType:
        (tmp_path / "mine.py").write_text(source)
        return load_module(str(tmp_path / "mine.py"))

    return load


FORWARD = """
class BatchNorm:
    def forward(self, x, training=True):
        self.mean = x.mean(axis=0)
        if training:
            self.var = x.var(axis=0)
        else:
            self.var = self.running_var
        self.running_mean = self.running_mean * 0.9 + 0.1 * self.mean
        self.running_var *= 0.9
        (self.a, self.BZ), cache["gamma"] = (1, x), 2
        eps: float = 1e-5
        return x

    def backward(self, dout):
        self.dgamma = 1
        self.dgamma = (
            2
        )
        dx = dout
        if dx:
            return dx
        return 3 * dx
"""


@pytest.mark.parametrize(
    ("quantity", "method", "place", "text"),
    [
        ("V", "forward", 6, "self.var = x.var(axis=0)"),
        (
            "running_M",
            "forward",
            9,
            "self.running_mean = self.running_mean * 0.9 + 0.1 * self.mean",
        ),
        ("running_V", "forward", 10, "self.running_var *= 0.9"),
        ("BW", "forward", 11, '(self.a, self.BZ), cache["gamma"] = (1, x), 2'),
        ("eps", "forward", 12, "eps: float = 1e-5"),
        ("dLdBW", "backward", 17, "self.dgamma = ("),
        ("dLdZ", "backward", 20, "dx = dout"),
        ("dLdBb", "backward", None, ""),
        ("Bb", "forward", None, ""),
    ],
)
def test_the_last_line_that_assigns_a_quantity_is_found(
    quantity: str, method: str, place: int | None, text: str, module_of: Any
) -> None:
    layer = module_of(FORWARD).BatchNorm()
    line = line_of(getattr(layer, method), quantity, method)
    assert line == (None if place is None else Line(f"mine.py:{place}", text))


def test_what_has_no_name_is_returned(module_of: Any) -> None:
    source = "def forward(x):\n    if x:\n        return 1\n    return 2\n"
    assert line_of(module_of(source).forward, "BZ", "forward") == Line("mine.py:4", "return 2")
    assert line_of(module_of(source).forward, "dLdZ", "backward") == Line("mine.py:4", "return 2")
    assert line_of(module_of(source).forward, "BZ", "backward") is None


def test_a_variance_that_is_only_the_running_one_is_found_too(module_of: Any) -> None:
    source = "def forward(running_var):\n    var = running_var\n"
    line = line_of(module_of(source).forward, "V", "forward")
    assert line == Line("mine.py:2", "var = running_var")


def test_a_decorated_function_is_looked_through(module_of: Any) -> None:
    source = (
        "import functools\n\n\ndef loud(function):\n    @functools.wraps(function)\n"
        "    def call(*arguments):\n        return function(*arguments)\n\n    return call\n\n\n"
        "@loud\ndef backward(dout):\n    dgamma = 2\n    dLdV = 3\n    return dout\n"
    )
    module = module_of(source)
    assert line_of(module.backward, "dLdBW", "backward") == Line("mine.py:14", "dgamma = 2")
    assert call_capturing_locals(module.backward, 1) == (1, {"dLdV": 3})


def test_code_without_a_source_has_no_line() -> None:
    scope: dict[str, Any] = {}
    exec("def forward(x):\n    BZ = x\n    return BZ\n", scope)
    assert line_of(scope["forward"], "BZ", "forward") is None
    assert line_of(len, "BZ", "forward") is None
    assert line_of(functools.partial(len), "BZ", "forward") is None


# Defaults


@pytest.mark.parametrize(
    ("line", "default"),
    [
        ('momentum = d.get("momentum", 0.1)', 0.1),
        ('momentum = d.setdefault("momentum", 0.99)', 0.99),
        ('momentum = d.get("eps", 0.1)', None),
        ('momentum = d.get("momentum")', None),
        ('momentum = d.pop("momentum", 0.1)', None),
        ('momentum = d.get("momentum", d)', None),
        ('momentum = d["momentum"]', None),
        ('x = 1 if d else d.get("momentum", 0.5)', 0.5),
    ],
)
def test_the_default_of_a_key_is_read(line: str, default: float | None, module_of: Any) -> None:
    module = module_of(f"def forward(d):\n    {line}\n")
    assert dictionary_default(module.forward, "momentum") == default


def test_code_without_a_source_has_no_default() -> None:
    assert dictionary_default(len, "momentum") is None


# What is returned

Z = np.ones((4, 3))
W, B = np.full(3, 2.0), np.full(3, 5.0)


@pytest.mark.parametrize(
    ("last", "result"),
    [
        ("return dx, dgamma, dbeta", (Z, W, B)),
        ("return dx, dbeta, dgamma", (Z, B, W)),
        ("return dbeta, dgamma, dx", (B, W, Z)),
        ("return dgamma, dx, dbeta", (W, Z, B)),
        ("return self.dx, self.grad_weight, self.grad_bias", (Z, W, B)),
        ("return grads['dx'], grads['dbeta'], grads['dgamma']", (Z, B, W)),
        ("return [dx, dgamma, dbeta]", [Z, W, B]),
        ("return f(dx), g(x), h(x)", (Z, W, B)),
        ("return f(x), g(x), h(x)", (W, Z, B)),  # by its shape
        ("return result", (Z, W, B)),
    ],
)
def test_gradients_are_told_by_the_return_or_by_their_shape(
    last: str, result: Any, module_of: Any
) -> None:
    module = module_of(f"def backward(dout):\n    {last}\n")
    dLdZ, others = name_gradients(result, module.backward, (4, 3))
    assert dLdZ is Z
    assert list(others) == ["dLdBW", "dLdBb"]
    assert others["dLdBW"] is W
    assert others["dLdBb"] is B


def test_of_several_returns_the_last_one_names(module_of: Any) -> None:
    source = "def backward(d):\n    if d:\n        return a, b, c\n    return dx, dbeta, dgamma\n"
    _, others = name_gradients((Z, B, W), module_of(source).backward, (4, 3))
    assert others["dLdBb"] is B


def test_where_all_have_one_shape_the_first_is_dLdZ(module_of: Any) -> None:
    module = module_of("def backward(dout):\n    return result\n")
    first, second, third = (np.ones((1, 3)) for _ in range(3))
    dLdZ, others = name_gradients((first, second, third), module.backward, (1, 3))
    assert dLdZ is first
    assert others["dLdBW"] is second
    assert others["dLdBb"] is third


@pytest.mark.parametrize("result", [Z, None, (Z,), [], 3.0])
def test_one_result_is_dLdZ(result: Any) -> None:
    assert name_gradients(result, len, (4, 3)) == (result, {})


def test_of_two_results_the_other_is_the_scales() -> None:
    dLdZ, others = name_gradients((Z, W), len, (4, 3))
    assert dLdZ is Z
    assert list(others) == ["dLdBW"]


# Locals


def test_intermediate_gradients_are_seen_in_the_locals() -> None:
    def helper() -> None:
        dLdV = "not this one"
        assert dLdV

    def backward(dout: int, cache: int) -> int:
        dLdNZ, dLdV, dLdZ, other = dout, cache, 3, 4
        helper()
        return dLdNZ + dLdV + dLdZ + other

    assert call_capturing_locals(backward, 1, 2) == (10, {"dLdNZ": 1, "dLdV": 2})


def test_a_profiler_is_put_back() -> None:
    def profiler(*_: Any) -> None:
        return None

    before = sys.getprofile()
    sys.setprofile(profiler)
    try:
        call_capturing_locals(lambda: None)
        assert sys.getprofile() is profiler
        with pytest.raises(ZeroDivisionError):
            call_capturing_locals(lambda: 1 / 0)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(before)


def test_what_is_not_written_in_python_is_called_all_the_same() -> None:
    assert call_capturing_locals(len, [1, 2]) == (2, {})

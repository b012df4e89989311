"""Calls of somebody's code: an array comes back, or it is told what went wrong, and where."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import bncheck
from bncheck.arrays import RowsByFunction
from bncheck.errors import InputError, LayerError
from bncheck.layers import calling
from bncheck.layers.calling import NOTHING, call_guarded, copy_of, is_users
from bncheck.layers.importing import load_module


def raising(error: BaseException) -> Callable[[], Any]:
    def call() -> Any:
        raise error

    return call


@pytest.mark.parametrize(
    ("result", "dtype"),
    [
        (np.ones((2, 2)), "float64"),
        (np.ones((2, 2), np.float32), "float32"),
        (np.ones((2, 2), complex), "complex128"),
        (np.ones((2, 2), int), "float64"),
        (np.ones((2, 2), np.uint8), "float64"),
        ([[1, 2], [3, 4]], "float64"),
        (3.0, "float64"),
    ],
)
def test_numbers_come_back_as_an_array(result: Any, dtype: str) -> None:
    array = call_guarded("forward", lambda: result)
    assert isinstance(array, np.ndarray)
    assert array.dtype == dtype
    assert np.array_equal(array, result)


def test_rows_that_are_computed_come_back_as_they_are() -> None:
    rows = RowsByFunction((2, 2), lambda some: np.ones((2, 2))[some])
    assert call_guarded("forward", lambda: rows) is rows


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (None, "returned nothing (None): it is not finished"),
        (NotImplemented, "returned NotImplemented: it is not finished"),
        ((1, 2, 3), "returned a tuple of 3, expected an array"),
        ("text", "returned an object of type str, expected an array"),
        (True, "returned an object of type bool, expected an array"),
        ({}, "returned an object of type dict, expected an array"),
        (np.array([True]), "returned an array of bool, expected an array"),
        (np.array(["a"]), "returned an array of <U1, expected an array"),
    ],
)
def test_what_is_no_array_of_numbers_is_told(result: Any, reason: str) -> None:
    with pytest.raises(LayerError) as raised:
        call_guarded("backward", lambda: result)
    assert (raised.value.method, raised.value.reason) == ("backward", reason)


def test_rows_of_different_lengths_are_told() -> None:
    with pytest.raises(LayerError, match=r"raised ValueError: .*inhomogeneous"):
        call_guarded("forward", lambda: [[1], [2, 3]])


HERE = f"(test_calling.py:{raising.__code__.co_firstlineno + 2})"
"""Of the raise above."""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ZeroDivisionError("by nothing"), f"raised ZeroDivisionError: by nothing {HERE}"),
        (ValueError(), f"raised ValueError {HERE}"),
        (ValueError("two\nlines"), f"raised ValueError: two\\nlines {HERE}"),
        (NotImplementedError("to do"), f"is not finished: it raised NotImplementedError {HERE}"),
        (SystemExit(0), "ended the program (sys.exit)"),
        (GeneratorExit(), f"raised GeneratorExit {HERE}"),
        (MemoryError(), f"raised MemoryError {HERE}"),
        (RecursionError("deep"), f"raised RecursionError: deep {HERE}"),
    ],
)
def test_what_is_raised_is_told_with_its_line(error: BaseException, reason: str) -> None:
    with pytest.raises(LayerError) as raised:
        call_guarded("forward", raising(error))
    assert raised.value.reason == reason
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), InputError("no", "help"), LayerError("backward", "no")]
)
def test_what_is_not_the_layers_goes_on(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        call_guarded("forward", raising(error))
    assert raised.value is error


def test_numpy_does_not_warn_of_what_a_layer_computes() -> None:
    call_guarded("forward", lambda: np.ones(2) / 0 + np.sqrt(-np.ones(2)))


def test_the_line_is_the_last_one_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import json\nimport numpy as np\n\n\ndef forward():\n    return helper()\n\n\n"
        "def helper():\n    return json.loads('[')\n\n\n"
        "def of_numpy():\n    return np.linalg.inv(np.zeros((2, 2)))\n"
    )
    module = load_module(str(tmp_path / "mine.py"))
    with pytest.raises(LayerError, match=r"JSONDecodeError: .* \(mine.py:10\)$"):
        call_guarded("forward", module.forward)
    with pytest.raises(LayerError, match=r"LinAlgError: Singular matrix \(mine.py:14\)$"):
        call_guarded("forward", module.of_numpy)


def test_an_error_without_a_line_of_the_users_has_no_place() -> None:
    with pytest.raises(LayerError) as raised:
        call_guarded("forward", [].pop)
    assert raised.value.reason == "raised IndexError: pop from empty list"


# Whose file it is


def test_the_users_files_are_those_of_nobody_else(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("")
    assert is_users(str(mine))
    assert is_users(__file__)
    for module in (np, np.linalg, pytest, bncheck, calling, sys.modules["json"]):
        assert isinstance(module, ModuleType)
        assert module.__file__ is not None
        assert not is_users(module.__file__), module
    for name in ("<string>", "<frozen importlib>", str(tmp_path / "not there.py"), ""):
        assert not is_users(name), name


def test_a_numpy_outside_of_the_environment_is_nobodys_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where the system's NumPy is taken over into an environment, or PYTHONPATH has it.
    for name in ("numpy/__init__.py", "numpy/linalg/_linalg.py", "numpy_of_mine.py", "layer.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    monkeypatch.setattr(np, "__file__", str(tmp_path / "numpy" / "__init__.py"))
    assert not is_users(str(tmp_path / "numpy" / "linalg" / "_linalg.py"))
    assert not is_users(str(tmp_path / "numpy" / "__init__.py"))
    assert is_users(str(tmp_path / "numpy_of_mine.py"))
    assert is_users(str(tmp_path / "layer.py"))


def test_a_file_may_be_named_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert is_users("mine.py")


# Copies


def test_a_copy_of_what_is_an_array_is_another_array() -> None:
    A = np.ones((2, 2))
    copied = copy_of(A)
    assert np.array_equal(copied, A)
    assert not np.shares_memory(copied, A)
    assert copy_of([1, 2]).tolist() == [1, 2]
    assert copy_of(None).shape == ()


def test_there_is_no_copy_of_rows_of_different_lengths() -> None:
    assert copy_of([[1], [2, 3]]) is NOTHING

"""The names of the library, which are imported when they are first used."""

import subprocess
import sys

import pytest

import bncheck


def test_every_name_is_there_and_is_documented() -> None:
    for name in bncheck.__all__:
        assert getattr(bncheck, name) is not None
    assert [name for name in bncheck.__all__ if not getattr(bncheck, name).__doc__] == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'bncheck' has no attribute 'gradchek'"):
        bncheck.gradchek  # noqa: B018


def test_numpy_is_imported_with_the_first_name_that_needs_it() -> None:
    code = "import sys, bncheck; print('numpy' in sys.modules, end=' '); bncheck.gradcheck; "
    code += "print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"

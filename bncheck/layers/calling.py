"""Calls of somebody's code: what goes wrong inside becomes a LayerError, with the user's line."""

import os
import sysconfig
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bncheck.arrays import LazyRows
from bncheck.errors import InputError, LayerError
from bncheck.wording import one_line

NOTHING = np.array(None)
"""Stands for a result that never came."""


def call_guarded(method: str, function: Callable[[], Any]) -> Any:
    """Call forward or backward, and return its result: an array of numbers, or rows of them.

    Raises
    ------
    LayerError
        Where it raises, in whatever way, or returns something else.
    """
    try:
        with np.errstate(all="ignore"):
            return _as_array(method, function())
    except (KeyboardInterrupt, InputError, LayerError):
        raise
    except SystemExit as error:
        raise LayerError(method, "ended the program (sys.exit)") from error
    except BaseException as error:
        raise _layer_error(method, error) from error


def _as_array(method: str, result: Any) -> NDArray[Any] | LazyRows:
    if isinstance(result, LazyRows):
        return result
    if result is None:
        raise LayerError(method, "returned nothing (None): it is not finished")
    if result is NotImplemented:
        raise LayerError(method, "returned NotImplemented: it is not finished")
    if isinstance(result, tuple):
        raise LayerError(method, f"returned a tuple of {len(result)}, expected an array")
    array = np.asarray(result)
    if array.dtype.kind not in "fiuc":
        what = f"an array of {array.dtype}"
        if array.ndim == 0:
            what = f"an object of type {type(array.item()).__name__}"
        raise LayerError(method, f"returned {what}, expected an array")
    return array.astype(float) if array.dtype.kind in "iu" else array


def _layer_error(method: str, error: BaseException) -> LayerError:
    place = _place_of(error)
    if isinstance(error, NotImplementedError):
        return LayerError(method, f"is not finished: it raised NotImplementedError{place}")
    message = f": {one_line(str(error))}" if str(error) else ""
    return LayerError(method, f"raised {type(error).__name__}{message}{place}")


def _place_of(error: BaseException) -> str:
    """File and line of the last frame in code that is neither ours nor installed."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename)
    ]
    return f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""


def is_users(file: str) -> bool:
    """Tell whether a file of source is the user's: there, not ours, not a library's.

    >>> is_users(np.__file__)
    False
    """
    libraries = [os.path.dirname(os.path.dirname(__file__)), os.path.dirname(np.__file__)]
    libraries += [sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")]
    return os.path.isfile(file) and not any(
        os.path.commonpath([os.path.abspath(file), folder]) == folder for folder in libraries
    )


def copy_of(value: Any) -> NDArray[Any]:
    """Return a copy of an array, or NOTHING where it is none."""
    try:
        return np.array(value)
    except ValueError:  # rows of different lengths
        return NOTHING

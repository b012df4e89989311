"""The layer under test, put back into its starting state before every evaluation."""

import os
import sysconfig
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import GRADIENTS, INTERMEDIATES, STATISTICS
from bncheck.errors import LayerError
from bncheck.layers.adapters import Face, face_of, is_built_in
from bncheck.wording import one_line

NOTHING = np.array(None)
"""Stands for a result that never came."""


@dataclass(frozen=True, eq=False)
class Run:
    """One forward and one backward.

    Attributes
    ----------
    results
        All that the layer computed, by name; quantities that it does not have are missing.
    error
        What it raised; `results` has what was there until then.
    Z, dLdBZ
        The arrays that it was given, as they are afterwards.
    layer
        The layer, as it is afterwards; of the built-in layer, which is not looked at again, a new
        one, since the used one holds what it computed.
    """

    results: dict[str, Array]
    error: LayerError | None
    Z: Array
    dLdBZ: Array
    layer: Face


class Subject:
    """A layer together with the parameters that every evaluation starts from.

    The layer that is handed in is never changed: evaluations run on copies, so that no running
    statistic and no cache gets from one into the next.

    Parameters
    ----------
    layer
        An object with forward and backward, or the face of something else.
    parameters
        What to set on it, by name; each takes the shape and the type of what it replaces, and those
        that the layer does not have are left out.
    """

    def __init__(self, layer: Any, parameters: Mapping[str, Any]) -> None:
        self._face = face_of(layer).copy()
        _set(self._face, parameters)

    def with_parameters(self, **parameters: Any) -> "Subject":
        """The same layer with some parameters replaced."""
        return Subject(self._face, parameters)

    def fresh(self) -> Face:
        """A layer in its starting state."""
        return self._face.copy()

    def has(self, quantity: str) -> bool:
        """Whether the layer has a place for a parameter or a statistic."""
        return self._face.takes(quantity)

    @property
    def is_built_in(self) -> bool:
        """Whether the layer is the one of this package."""
        return is_built_in(self._face)

    @property
    def has_eval(self) -> bool:
        """Whether its mode can be told."""
        return self._face.has_eval

    def forward(
        self,
        Z: Array,
        *,
        eval: bool,  # noqa: A002
        copied: bool = True,
        **parameters: Array,
    ) -> Array:
        """BZ of a fresh layer, with some parameters replaced; of a copy of Z, or of Z itself.

        Raises
        ------
        LayerError
            Where the layer raises, or returns no array.
        """
        face = self.fresh()
        _set(face, parameters)
        return forward(face, Z.copy() if copied else Z, eval=eval)

    def run(self, Z: Array, dLdBZ: Array, *, eval: bool) -> Run:  # noqa: A002
        """One forward and one backward of a fresh layer."""
        face, mine = self.fresh(), self.is_built_in
        # Our own layer leaves its arguments and its results alone, so that no copies are needed.
        given = (Z, dLdBZ) if mine else (Z.copy(), dLdBZ.copy())
        results: dict[str, Array] = {}
        error = None
        try:
            results["BZ"] = forward(face, given[0], eval=eval).copy()
            results |= _quantities(face, STATISTICS)
            dLdZ = backward(face, given[1]).copy()
            results |= _quantities(face, GRADIENTS) | {"dLdZ": dLdZ}
        except LayerError as raised:
            error = raised
        return Run(results, error, *given, self.fresh() if mine else face)


def forward(face: Face, Z: Array, *, eval: bool) -> Array:  # noqa: A002
    """BZ of a layer as it is; whatever goes wrong inside becomes a LayerError."""
    try:
        with np.errstate(all="ignore"):
            return _array("forward", face.forward(Z, eval=eval))
    except KeyboardInterrupt:
        raise
    except SystemExit as error:
        raise LayerError("forward", "ended the program (sys.exit)") from error
    except BaseException as error:
        raise _layer_error("forward", error) from error


def backward(face: Face, dLdBZ: Array) -> Array:
    """What backward returns, dLdZ; whatever goes wrong inside becomes a LayerError."""
    try:
        with np.errstate(all="ignore"):
            return _array("backward", face.backward(dLdBZ))
    except KeyboardInterrupt:
        raise
    except SystemExit as error:
        raise LayerError("backward", "ended the program (sys.exit)") from error
    except BaseException as error:
        raise _layer_error("backward", error) from error


def _array(method: str, result: Any) -> Array:
    if result is None:
        raise LayerError(method, "returned nothing (None): it is not finished")
    if result is NotImplemented:
        raise LayerError(method, "returned NotImplemented: it is not finished")
    if isinstance(result, tuple):
        raise LayerError(method, f"returned a tuple of {len(result)} where an array is meant")
    array = np.asarray(result)
    if array.dtype.kind not in "fiuc":
        raise LayerError(method, f"returned {_describe(array)} where an array is meant")
    return array.astype(float) if array.dtype.kind in "iu" else array


def _describe(result: Any) -> str:
    if result.ndim == 0:
        return f"an object of type {type(result.item()).__name__}"
    return f"an array of {result.dtype}"


def _layer_error(method: str, error: BaseException) -> LayerError:
    """What a layer raised, and where."""
    if isinstance(error, LayerError):
        return error
    where = _place(error)
    if isinstance(error, NotImplementedError):
        return LayerError(method, f"is not finished: it raised NotImplementedError{where}")
    message = f": {one_line(str(error))}" if str(error) else ""
    return LayerError(method, f"raised {type(error).__name__}{message}{where}")


def _place(error: BaseException) -> str:
    """File and line of the last frame that is neither ours nor an installed library's."""
    ours = os.path.dirname(os.path.abspath(__file__))
    installed = sysconfig.get_path("purelib")
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((ours, installed, "<"))
    ]
    return f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""


def _set(face: Face, parameters: Mapping[str, Any]) -> None:
    for name, value in parameters.items():
        if face.takes(name):
            face.set(name, value)


def _quantities(face: Face, names: tuple[str, ...]) -> dict[str, Array]:
    """Copies of the layer's arrays of these names; NOTHING for what it has a place for only."""
    values = {name: face.get(name) for name in names}
    return {
        name: _copy_of(value)
        for name, value in values.items()
        if value is not None or (face.takes(name) and name not in INTERMEDIATES)
    }


def _copy_of(value: Any) -> Array:
    """A copy of an array, or NOTHING where it is none."""
    try:
        return np.array(value)
    except ValueError:  # rows of different lengths
        return NOTHING

"""A layer's parameters and running statistics in an .npz file."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bncheck.batchnorm.quantities import QUANTITIES, SETTINGS, STATE, is_pytorch_momentum
from bncheck.errors import InputError
from bncheck.files.convert import exact_float64, refuse_not_finite
from bncheck.files.matrix import read_archive
from bncheck.files.npy import Archive
from bncheck.wording import listed, quoted


@dataclass(frozen=True, eq=False)
class State:
    """What a state file holds; None for what it does not.

    Attributes
    ----------
    BW, Bb
        Scale and shift, (1, C).
    running_M, running_V
        Running statistics, (1, C).
    alpha, eps
        As in `BatchNorm1d`.
    """

    BW: NDArray[np.float64] | None = None
    Bb: NDArray[np.float64] | None = None
    running_M: NDArray[np.float64] | None = None
    running_V: NDArray[np.float64] | None = None
    alpha: float | None = None
    eps: float | None = None

    @property
    def parameters(self) -> dict[str, NDArray[np.float64]]:
        """The arrays in the file, by name."""
        arrays = {name: getattr(self, name) for name in STATE}
        return {name: A for name, A in arrays.items() if A is not None}


def read_state(path: str, num_features: int) -> State:
    """Read the state of a layer with `num_features` features.

    The names are those of `QUANTITIES`, in any spelling; other arrays in the file are left alone.
    A `running_var` is taken as it is: that of PyTorch is the unbiased variance, N / (N - 1) times
    the one here. A `momentum` below 0.5 is PyTorch's, 1 - alpha.

    Parameters
    ----------
    path
        An .npz file. Its arrays are (1, C) or (C,), with C = `num_features`.
    num_features
        C.

    Raises
    ------
    InputError
        If the file cannot be read, has nothing of a state, has the same thing under two names,
        or has values that no layer can have.
    """
    archive = read_archive(path)
    names = {part: _name_of(part, archive) for part in (*STATE, *SETTINGS)}
    if not any(names.values()):
        raise InputError(
            f"{quoted(path)} has nothing of a layer's state: it has {listed(archive.names)}",
            "give the arrays names such as BW, Bb, running_M, running_V",
        )
    found: dict[str, Any] = {}
    for part, name in names.items():
        if name is not None:
            A, where = archive.read(name), archive.where(name)
            if part in SETTINGS:
                found[part] = _number(A, where, name, highest=1 if part == "alpha" else math.inf)
            else:
                found[part] = _row(A, where, num_features)
            if part == "running_V":
                _refuse_negative(found[part], where)
    return State(**found)


def state_arrays(get: Callable[[str], Any]) -> dict[str, NDArray[Any]]:
    """Return BW, Bb, running_M, running_V, alpha and eps, as `Outputs.archive` takes them.

    Parameters
    ----------
    get
        Gives a part of the state by its name, or None where there is none.

    Examples
    --------
    >>> state_arrays({"BW": [[2.0]], "eps": 1e-8}.get)
    {'BW': array([[2.]]), 'eps': array(1.e-08)}
    """
    parts = {part: get(part) for part in (*STATE, *SETTINGS)}
    return {part: np.asarray(value) for part, value in parts.items() if value is not None}


def _name_of(part: str, archive: Archive) -> str | None:
    names = [name for name in QUANTITIES[part].names if name in archive.names]
    if len(names) > 1:
        raise InputError(
            f"{quoted(archive.source)} has the same thing under two names: {listed(names)}",
            f"keep one of them, best {names[0]}",
        )
    return names[0] if names else None


def _row(A: NDArray[Any], where: str, num_features: int) -> NDArray[np.float64]:
    if A.shape not in ((1, num_features), (num_features,)):
        raise InputError(
            f"{where} has shape {A.shape}, expected (1, {num_features})",
            "use the state of a layer with as many features as the input has columns",
        )
    row = exact_float64(A.reshape(1, num_features), where)
    refuse_not_finite(row, where)
    return row


def _refuse_negative(V: NDArray[np.float64], where: str) -> None:
    if V.min() < 0:
        column = int(np.argmax(V < 0))
        raise InputError(
            f"{where}: {V[0, column]} in column {column} (counting from 0)",
            "a variance is 0 or more",
        )


def _number(A: NDArray[Any], where: str, name: str, highest: float) -> float:
    if A.size != 1:
        raise InputError(
            f"{where} has shape {A.shape}, expected one number", f"save {name} as a number"
        )
    number = float(exact_float64(A.reshape(1, 1), where)[0, 0])
    if not (math.isfinite(number) and 0 <= number <= highest):
        possible = f"from 0 to {highest}" if math.isfinite(highest) else "finite, 0 or more"
        raise InputError(f"{where} is {number}", f"{name} is {possible}")
    return 1 - number if is_pytorch_momentum(name, number) else number

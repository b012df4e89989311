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

PARTS = (*STATE, *SETTINGS)


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
        """The arrays that there are, by name."""
        arrays = {name: getattr(self, name) for name in ("BW", "Bb", "running_M", "running_V")}
        return {name: A for name, A in arrays.items() if A is not None}


def read_state(path: str, num_features: int) -> State:
    """Read the state of a layer with `num_features` features.

    The names are those of `QUANTITIES`, in any spelling; other arrays in the file are left alone.
    A `running_var` is taken as it is: that of PyTorch is the unbiased variance, N / (N - 1) times
    the one here.

    Parameters
    ----------
    path
        An .npz file. Its arrays are (1, C) or (C,), with C = `num_features`.
    num_features
        C.

    Raises
    ------
    InputError
        Where the file cannot be read, has nothing of a state, has the same thing under two names,
        or has values that no layer can have.
    """
    archive = read_archive(path)
    names = {part: _name_of(part, archive) for part in PARTS}
    if not any(names.values()):
        raise InputError(
            f"{quoted(path)} has nothing of a layer's state: it has {listed(archive.names)}",
            "give the arrays names such as BW, Bb, running_M, running_V",
        )
    return State(
        BW=_row(archive, names["BW"], num_features),
        Bb=_row(archive, names["Bb"], num_features),
        running_M=_row(archive, names["running_M"], num_features),
        running_V=_variance(archive, names["running_V"], num_features),
        alpha=_number(archive, names["alpha"], highest=1),
        eps=_number(archive, names["eps"], highest=math.inf),
    )


def state_arrays(get: Callable[[str], Any]) -> dict[str, NDArray[Any]]:
    """BW, Bb, running_M, running_V, alpha and eps, as `Outputs.archive` takes them.

    Parameters
    ----------
    get
        Gives a part of the state by its name, or None where there is none.
    """
    parts = {part: get(part) for part in PARTS}
    return {part: np.asarray(value) for part, value in parts.items() if value is not None}


def _name_of(part: str, archive: Archive) -> str | None:
    names = [name for name in QUANTITIES[part].names if name in archive.names]
    if len(names) > 1:
        raise InputError(
            f"{quoted(archive.source)} has the same thing under two names: {listed(names)}",
            f"keep one of them, best {names[0]}",
        )
    return names[0] if names else None


def _row(archive: Archive, name: str | None, num_features: int) -> NDArray[np.float64] | None:
    if name is None:
        return None
    where = archive.where(name)
    A = archive.read(name)
    if A.shape not in ((1, num_features), (num_features,)):
        raise InputError(
            f"{where} has shape {A.shape}, where (1, {num_features}) is meant",
            "use the state of a layer with as many features as the input has columns",
        )
    row = exact_float64(A.reshape(1, num_features), where)
    refuse_not_finite(row, where)
    return row


def _variance(archive: Archive, name: str | None, num_features: int) -> NDArray[np.float64] | None:
    V = _row(archive, name, num_features)
    if name is not None and V is not None and V.min() < 0:
        column = int(np.argmax(V < 0))
        raise InputError(
            f"{archive.where(name)}: {V[0, column]} in column {column} (counting from 0)",
            "a variance is 0 or more",
        )
    return V


def _number(archive: Archive, name: str | None, highest: float) -> float | None:
    if name is None:
        return None
    where = archive.where(name)
    A = archive.read(name)
    if A.size != 1:
        raise InputError(
            f"{where} has shape {A.shape}, where one number is meant", f"save {name} as a number"
        )
    number = float(exact_float64(A.reshape(1, 1), where)[0, 0])
    if not (math.isfinite(number) and 0 <= number <= highest):
        possible = f"from 0 to {highest}" if math.isfinite(highest) else "finite, 0 or more"
        raise InputError(f"{where} is {number}", f"{name} is {possible}")
    return 1 - number if is_pytorch_momentum(name, number) else number

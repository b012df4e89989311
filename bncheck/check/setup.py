"""A trial: the layer, its input in its own type, and all that is to come out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import PARAMETERS, QUANTITIES, STATE
from bncheck.check.draws import draw, draw_upstream
from bncheck.check.measuring import measure_eps
from bncheck.errors import InputError, LayerError
from bncheck.layers.adapters import Face, face_of, is_built_in, setting
from bncheck.layers.under_test import Subject
from bncheck.reference.forward import Expected, Parameters, expect, statistics

STARTING_VALUES = {name: float(QUANTITIES[name].start or 0) for name in STATE}
DEFAULT_ALPHA = float(QUANTITIES["alpha"].start or 0)
DEFAULT_EPS = float(QUANTITIES["eps"].start or 0)


@dataclass(frozen=True, eq=False)
class Trial:
    """All that one check needs.

    Attributes
    ----------
    subject
        The layer, with the parameters that it starts from.
    Z
        The mini-batch in the layer's own type, (N, C).
    expected
        The definition's forward for the same numbers.
    brought
        What was not drawn, among BW, Bb, running_M, running_V and dLdBZ.
    """

    subject: Subject
    Z: Array
    expected: Expected
    brought: frozenset[str]

    @property
    def dLdBZ(self) -> Array:
        """The upstream gradient in the layer's own type, (N, C).

        A new array each time, unless the layer is known to leave it alone.
        """
        return self.expected.dLdBZ.astype(self.Z.dtype, copy=not self.subject.is_built_in)


def set_up(
    layer: Any,
    Z: Array,
    dLdBZ: Array | None,
    state: Mapping[str, ArrayLike],
    rng: np.random.Generator,
    *,
    eval: bool,  # noqa: A002
) -> Trial:
    """Settle the parameters and the upstream gradient: brought along, the layer's own, or drawn.

    All are rounded to the layer's own type first and converted to float64 exactly from there, so
    that the layer and the definition get the very same numbers.

    Raises
    ------
    ValueError
        Where something is of another shape than it must be, or beyond the range of its type.
    """
    face = face_of(layer)
    if eval and not face.has_eval:
        raise InputError(
            f"{face.name} has no inference mode that can be told from outside",
            "check it in train mode, or give its forward an argument eval=False",
        )
    shape = (1, Z.shape[1])
    own = _own(face, shape)
    brought = brought_along(face, state, shape)

    kind = _working_type(layer, Z)
    with np.errstate(over="ignore"):
        Z = finite_matrix(f"Z in {kind}", Z.astype(kind, copy=False))
    exact = Z.astype(float, copy=False)
    alpha, eps = setting(face, "alpha", DEFAULT_ALPHA), _eps(face, shape[1])
    M, V = statistics(exact, eps)[:2]
    drawn, drawn_upstream = draw(rng, M, V, eps), draw_upstream(rng, exact.shape)
    values = {
        name: _rounded(brought.get(name, getattr(drawn, name)), kind) for name in STARTING_VALUES
    }
    if eval:  # which divides by what it is given
        for name, value in values.items():
            finite_matrix(f"{name} in {kind}", value)
    for name, start in STARTING_VALUES.items():
        if not face.takes(name) and (face.get(name) is not None or name in PARAMETERS):
            # What cannot be set is what it is; a layer without BW is one that has it at 1.
            values[name] = own.get(name, np.full(shape, start))
    upstream = _rounded(drawn_upstream if dLdBZ is None else dLdBZ, kind)
    return Trial(
        subject=Subject(layer, values),
        Z=Z,
        expected=expect(exact, upstream, Parameters(**values, alpha=alpha, eps=eps), eval=eval),
        brought=frozenset(brought) | (frozenset() if dLdBZ is None else {"dLdBZ"}),
    )


def brought_along(
    face: Face, state: Mapping[str, ArrayLike], shape: tuple[int, int]
) -> dict[str, Array]:
    """The parameters and running statistics that need not be drawn, (1, C) each.

    Raises
    ------
    ValueError
        Where one of them is of another shape, or holds what is no finite number.
    """
    given = {name: finite_matrix(name, value, shape) for name, value in state.items()}
    return _own(face, shape) | given


def check_settings(mode: str, rtol: float) -> None:
    """Refuse what no check can run with.

    Raises
    ------
    ValueError
        Where the mode is none, or the tolerance not positive.
    """
    if mode not in ("train", "eval"):
        raise InputError(f"mode is {mode!r}, expected train or eval", "leave it out for train")
    if not 0 < rtol < np.inf:
        raise InputError(
            f"rtol is {rtol:g}, expected a positive number", "the tolerance is 1e-6 without it"
        )


def finite_matrix(name: str, A: ArrayLike, shape: tuple[int, ...] | None = None) -> Array:
    """A as a matrix of finite floating-point numbers.

    Raises
    ------
    ValueError
        Where it is something else, or not of the shape asked for.
    """
    A = np.asarray(A)
    if A.dtype.kind in "iu":
        A = A.astype(float)
    if A.dtype.kind != "f" or A.dtype.itemsize > 8:
        raise InputError(
            f"{name} is of {A.dtype}, expected float64, float32 or float16",
            "convert it with A.astype(np.float64)",
        )
    if A.ndim != 2 or A.size == 0 or (shape is not None and A.shape != shape):
        raise InputError(
            f"{name} has shape {A.shape}, expected {shape or '(N, C)'}",
            "give one row for each sample and one column for each feature",
        )
    if not np.isfinite(A).all():
        row, column = np.argwhere(~np.isfinite(A))[0]
        raise InputError(
            f"{name} is {A[row, column]} in row {row}, column {column}",
            "scale the input down, or leave the column out with --columns",
        )
    # Native byte order, rows one after the other: what every layer can take.
    return np.ascontiguousarray(A, dtype=A.dtype.newbyteorder("="))


def _own(face: Face, shape: tuple[int, int]) -> dict[str, Array]:
    """The layer's own parameters, where they are no longer its starting values."""
    own = {}
    for name, start in STARTING_VALUES.items():
        value = face.get(name)
        if value is None or np.size(value) != shape[1]:
            continue
        A = finite_matrix(name, np.asarray(value, dtype=float).reshape(shape))
        if (A != start).any():
            own[name] = A
    return own


def _eps(face: Face, C: int) -> float:
    """The layer's eps: what it says, or else what its output tells, or else the usual one."""
    if face.get("eps") is not None:
        return setting(face, "eps", DEFAULT_EPS)
    try:
        measured = measure_eps(Subject(face, {}).forward, C)
    except LayerError:
        measured = None
    return DEFAULT_EPS if measured is None else measured


def _working_type(layer: Any, Z: Array) -> np.dtype[Any]:
    """The coarser of the types of Z and of what the layer makes of it."""
    if is_built_in(layer):
        built_in: np.dtype[Any] = face_of(layer).get("dtype")
        return built_in
    try:
        made = Subject(layer, {}).forward(Z, eval=False).dtype
    except LayerError:
        return Z.dtype
    return min(Z.dtype, made, key=lambda kind: kind.itemsize) if made.kind == "f" else Z.dtype


def _rounded(A: Array, kind: np.dtype[Any]) -> Array:
    """A, each entry rounded to the type of this kind, as float64."""
    with np.errstate(over="ignore"):
        return A.astype(kind, copy=False).astype(float, copy=False)

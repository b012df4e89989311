"""How a layer's loss grows when its input or a parameter is replaced: all of it by its forward."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bncheck import progress
from bncheck.arrays import FLOAT64, Array, Rows, RowsByFunction
from bncheck.batchnorm.quantities import STATE
from bncheck.errors import InputError
from bncheck.layers.adapters import ForwardFunction
from bncheck.layers.under_test import LayerUnderTest
from bncheck.reference.forward import ReferenceForward
from bncheck.reference.sums import column_sum, sum_of_products, sweep_columns

SIDE_BY_SIDE = 2**14
"""Entries of small matrices that are put side by side into one: the calls cost more than these."""


class Losses(Protocol):
    """The loss sum(dLdBZ * BZ) of each column, as it changes.

    Each method raises InputError where a node is complex and BZ is not, and LayerError where the
    layer raises.
    """

    def replace_rows(self, rows: NDArray[np.intp], nodes: Array) -> Array:
        """Return its increment, (R, C), with these rows of Z replaced, one at a time, by nodes."""

    def replace_parameter(self, name: str, row: Array) -> Array:
        """Return its increment, (1, C), with BW or Bb replaced by this row."""

    def move_along(self, direction: Rows, step: Array) -> Array:
        """Return its increment, (1, C), with Z moved by a step, (1, C), times 1 and -1."""


def losses_of(layer: LayerUnderTest, Z: Rows, BZ: Rows, reference: ReferenceForward) -> Losses:
    """Return the losses of a layer that makes BZ of Z, evaluated as it can be evaluated."""
    function = layer.function(eval=reference.eval)
    if function is None:
        return LayerLosses(layer, Z[:], reference.dLdBZ[:], eval=reference.eval)
    return FunctionLosses(function, Z, BZ, reference)


class LayerLosses:
    """Those of any layer; it runs on one thread, since nobody knows what it shares.

    Parameters
    ----------
    layer
        The layer.
    Z
        Its input in its own type, (N, C).
    dLdBZ
        The upstream gradient, (N, C), in float64.
    eval
        Which of its modes.
    """

    def __init__(self, layer: LayerUnderTest, Z: Array, dLdBZ: Array, *, eval: bool) -> None:  # noqa: A002
        self._forward: Callable[..., Array] = partial(layer.forward, eval=eval)
        self._Z, self._dLdBZ = Z, dLdBZ
        self._work = Z.copy()
        self._base = self._forward(self._work, copied=False).astype(float)
        # A layer that changes its argument gets another one each time.
        self._copied = not np.array_equal(self._work, Z, equal_nan=True)
        if self._copied:
            self._work = Z.copy()
        self._change = np.empty_like(self._base)

    def replace_rows(self, rows: NDArray[np.intp], nodes: Array) -> Array:  # noqa: D102
        work = self._work if nodes.dtype.kind == "f" else self._Z.astype(nodes.dtype)
        increments = np.empty(nodes.shape, complex if nodes.dtype.kind == "c" else float)
        for at, (row, node) in enumerate(zip(rows, nodes, strict=True)):
            work[row] = node
            increments[at] = self._increment(self._forward(work, copied=self._copied), node)[0]
            work[row] = self._Z[row]
        return increments

    def replace_parameter(self, name: str, row: Array) -> Array:  # noqa: D102
        parameters = {name: row}
        return self._increment(self._forward(self._Z, **parameters), row)

    def move_along(self, direction: Rows, step: Array) -> Array:  # noqa: D102
        moved = self._Z + step * direction[:]
        if step.dtype.kind == "f":
            moved = moved.astype(self._Z.dtype)
        return self._increment(self._forward(moved, copied=False), step)

    def _increment(self, BZ: Array, node: Array) -> Array:
        if node.dtype.kind == "c":
            if BZ.dtype.kind != "c":
                raise InputError(
                    "the complex step needs a forward that computes in complex numbers",
                    "leave --method out, or write the variance as mean((Z - M) ** 2)",
                )
            progress.advance(BZ.size * FLOAT64.itemsize)
            return column_sum(self._dLdBZ * (BZ - self._base))
        return sum_of_products(self._dLdBZ, np.subtract(BZ, self._base, out=self._change))


class FunctionLosses:
    """Those of a layer whose forward can be called as a function of Z and the parameters.

    Such a function takes rows of a file too, and any number of columns.

    Parameters
    ----------
    function
        The forward.
    Z, BZ
        Input and what the layer makes of it, (N, C).
    reference
        The definition's forward, for the upstream gradient and the parameters.
    """

    def __init__(
        self, function: ForwardFunction, Z: Rows, BZ: Rows, reference: ReferenceForward
    ) -> None:
        self._function, self._Z, self._base = function, Z, BZ
        self._dLdBZ = reference.dLdBZ
        self._parameters = {name: getattr(reference.parameters, name) for name in STATE}
        self._side_by_side: dict[int, _Copies] = {}

    def replace_rows(self, rows: NDArray[np.intp], nodes: Array) -> Array:  # noqa: D102
        N, C = self._Z.shape
        at_once = max(SIDE_BY_SIDE // (N * C), 1)
        replace = self._replace_row if at_once == 1 else self._replace_side_by_side
        starts = range(0, len(rows), at_once)
        return np.concatenate(
            [replace(rows[at : at + at_once], nodes[at : at + at_once]) for at in starts]
        )

    def _replace_row(self, rows: NDArray[np.intp], nodes: Array) -> Array:
        (row,) = rows

        def give(some: slice) -> Array:
            found: Array = self._Z[some]
            if some.start <= row < some.stop:
                found = found.astype(nodes.dtype)  # a copy
                found[row - some.start] = nodes[0]
            return found

        return self._increment(RowsByFunction(self._Z.shape, give, nodes.dtype))

    def _replace_side_by_side(self, rows: NDArray[np.intp], nodes: Array) -> Array:
        """Replace some rows of a small matrix, by one forward of a wide one.

        The layer treats each column by itself, so that copies of the columns can lie side by side,
        each with another row replaced.
        """
        R, C = nodes.shape
        if R not in self._side_by_side:
            Z, dLdBZ, base = (np.tile(A[:], R) for A in (self._Z, self._dLdBZ, self._base))
            parameters = {name: np.tile(value, R) for name, value in self._parameters.items()}
            self._side_by_side[R] = _Copies(Z, dLdBZ, base, parameters)
        copies = self._side_by_side[R]
        wide = copies.Z.astype(nodes.dtype)
        for at, row in enumerate(rows):
            wide[row, at * C : (at + 1) * C] = nodes[at]
        change = self._function(wide, copies.parameters)[:]
        change -= copies.base
        progress.advance(wide.size * FLOAT64.itemsize)
        change *= copies.dLdBZ
        return column_sum(change).reshape(R, C)

    def replace_parameter(self, name: str, row: Array) -> Array:  # noqa: D102
        return self._increment(self._Z, {name: row})

    def move_along(self, direction: Rows, step: Array) -> Array:  # noqa: D102
        def give(some: slice) -> Array:
            moved: Array = direction[some] * step
            moved += self._Z[some]
            return moved

        return self._increment(RowsByFunction(self._Z.shape, give, step.dtype))

    def _increment(self, Z: Rows, others: Mapping[str, Array] | None = None) -> Array:
        BZ = self._function(Z, {**self._parameters, **(others or {})})

        def sum_of(rows: slice) -> tuple[Array]:
            change = BZ[rows]
            change -= self._base[rows]
            change *= self._dLdBZ[rows]
            return (column_sum(change),)

        (increment,) = sweep_columns(sum_of, BZ.shape, np.add)
        return increment


class _Copies(NamedTuple):
    """What one evaluation needs, several times side by side."""

    Z: Array
    dLdBZ: Array
    base: Array
    parameters: dict[str, Array]

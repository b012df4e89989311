"""How a layer's loss rises when its input or a parameter is replaced: all of it by its forward."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bncheck import progress
from bncheck.arrays import Array, Rows
from bncheck.batchnorm.blocks import FLOAT64, Block, fold, for_each, products_of, sum_of_products
from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.batchnorm.sweeps import Affine
from bncheck.errors import InputError
from bncheck.layers.under_test import Subject
from bncheck.reference.forward import Parameters

SIDE_BY_SIDE = 2**14
"""Entries of small matrices that are put side by side into one: the calls cost more than these."""


class Losses(Protocol):
    """The loss sum(dLdBZ * BZ) of each column, as it changes."""

    def of_rows(self, rows: NDArray[np.intp], nodes: Array) -> Array:
        """Its rise, (R, C), when these rows of Z are replaced, one at a time, by the nodes."""

    def of_parameter(self, name: str, row: Array) -> Array:
        """Its rise, (1, C), when BW or Bb is this row.

        Each of the three raises ValueError where a node is complex and BZ is not, and LayerError
        where the layer raises.
        """

    def along(self, direction: Rows, step: Array) -> Array:
        """Its rise, (1, C), when Z moves by a step, (1, C), times a matrix of 1 and -1."""


class SubjectLosses:
    """Of any layer; it is run on one thread, since nobody knows what it shares.

    Parameters
    ----------
    subject
        The layer.
    Z
        Its input in its own type, (N, C).
    dLdBZ
        The upstream gradient, (N, C), in float64.
    eval
        Which of its modes.
    """

    def __init__(self, subject: Subject, Z: Array, dLdBZ: Array, *, eval: bool) -> None:  # noqa: A002
        self._forward: Callable[..., Array] = partial(subject.forward, eval=eval)
        self._Z, self._dLdBZ = Z, dLdBZ
        self._work = Z.copy()
        self._base = self._forward(self._work, copied=False).astype(float)
        # A layer that changes its argument gets another one each time.
        self._copied = not np.array_equal(self._work, Z, equal_nan=True)
        if self._copied:
            self._work = Z.copy()
        self._change = np.empty_like(self._base)

    def of_rows(self, rows: NDArray[np.intp], nodes: Array) -> Array:  # noqa: D102
        work = self._work if nodes.dtype.kind == "f" else self._Z.astype(nodes.dtype)
        rises = np.empty(nodes.shape, complex if nodes.dtype.kind == "c" else float)
        for at, (row, node) in enumerate(zip(rows, nodes, strict=True)):
            work[row] = node
            rises[at] = self._rise(self._forward(work, copied=self._copied), node)[0]
            work[row] = self._Z[row]
        return rises

    def of_parameter(self, name: str, row: Array) -> Array:  # noqa: D102
        parameters = {name: row}
        return self._rise(self._forward(self._Z, **parameters), row)

    def along(self, direction: Rows, step: Array) -> Array:  # noqa: D102
        moved = self._Z + step * direction[:]
        if step.dtype.kind == "f":
            moved = moved.astype(self._Z.dtype)
        return self._rise(self._forward(moved, copied=False), step)

    def _rise(self, BZ: Array, node: Array) -> Array:
        progress.advance(BZ.size * FLOAT64)
        if node.dtype.kind == "c" and BZ.dtype.kind != "c":
            raise InputError(
                "the complex step needs a forward that computes in complex numbers",
                "leave --method out, or write the variance as mean((Z - M) ** 2)",
            )
        if BZ.dtype.kind == "c":
            return products_of(self._dLdBZ.astype(complex), BZ - self._base)
        return products_of(self._dLdBZ, np.subtract(BZ, self._base, out=self._change))


class BlockLosses:
    """Of the built-in layer in float64, whose input may be rows of a file.

    Parameters
    ----------
    Z, dLdBZ
        Input and upstream gradient, (N, C).
    parameters
        What the layer starts from.
    eval
        Which of its modes.
    BZ
        What the layer makes of Z, where it is at hand.
    """

    def __init__(
        self,
        Z: Rows,
        dLdBZ: Rows,
        parameters: Parameters,
        *,
        eval: bool,  # noqa: A002
        BZ: Array | None = None,
    ) -> None:
        self._Z, self._dLdBZ, self._parameters, self._eval = Z, dLdBZ, parameters, eval
        self._base = self._forward(Z) if BZ is None else BZ
        self._side_by_side: dict[int, _Copies] = {}

    def of_rows(self, rows: NDArray[np.intp], nodes: Array) -> Array:  # noqa: D102
        N, C = self._Z.shape
        at_once = max(SIDE_BY_SIDE // (N * C), 1)
        starts = range(0, len(rows), at_once)
        rise = self._of_row if at_once == 1 else self._of_rows_at_once

        def of(start: int) -> Array:
            some = slice(start, start + at_once)
            return rise(rows[some], nodes[some])

        return np.concatenate([of(start) for start in starts])

    def _of_row(self, rows: NDArray[np.intp], nodes: Array) -> Array:
        return self._rise(self._forward(_WithRow(self._Z, int(rows[0]), nodes[0])))

    def _of_rows_at_once(self, rows: NDArray[np.intp], nodes: Array) -> Array:
        """The same for some rows of a small matrix, by one forward of a wide one.

        The layer treats each column by itself, so that copies of the columns can lie side by side,
        each with another row replaced.
        """
        R, C = nodes.shape
        copies = self._copies(R)
        wide = copies.Z.astype(nodes.dtype)
        for at, row in enumerate(rows):
            wide[row, at * C : (at + 1) * C] = nodes[at]
        layer = built_in(copies.parameters)
        change = layer.forward_rows(wide, eval=self._eval).array()
        change -= copies.base
        progress.advance(wide.size * FLOAT64)
        rises: Array = np.einsum("ij,ij->j", change, copies.dLdBZ)
        return rises.reshape(R, C)

    def _copies(self, R: int) -> "_Copies":
        """All that one evaluation needs, R times side by side."""
        if R not in self._side_by_side:
            p = self._parameters
            self._side_by_side[R] = _Copies(
                np.tile(self._Z[:], R),
                np.tile(self._dLdBZ[:], R),
                np.tile(self._base[:], R),
                replace(
                    p,
                    BW=np.tile(p.BW, R),
                    Bb=np.tile(p.Bb, R),
                    running_M=np.tile(p.running_M, R),
                    running_V=np.tile(p.running_V, R),
                ),
            )
        return self._side_by_side[R]

    def of_parameter(self, name: str, row: Array) -> Array:  # noqa: D102
        return self._rise(self._forward(self._Z, **{name: row}))

    def along(self, direction: Rows, step: Array) -> Array:  # noqa: D102
        return self._rise(self._forward(_Moved(self._Z, direction, step)))

    def _forward(self, Z: Rows, **parameters: Array) -> Affine:
        return built_in(self._parameters, **parameters).forward_rows(Z, eval=self._eval)

    def _rise(self, BZ: Affine) -> Array:
        def of(block: Block) -> Array:
            change = BZ.new(block)
            base = self._base
            change -= base.new(block) if isinstance(base, Affine) else block.of(base)
            return sum_of_products(change, block.of(self._dLdBZ), block.side)

        rise: Array = fold(for_each(of, BZ.shape), np.add)
        return rise


class _Copies(NamedTuple):
    Z: Array
    dLdBZ: Array
    base: Array
    parameters: Parameters


def built_in(parameters: Parameters, **others: Array) -> BatchNorm1d:
    """The built-in layer with these parameters, some of them replaced."""
    layer = BatchNorm1d(parameters.BW.shape[1], parameters.alpha, eps=parameters.eps)
    for name in ("BW", "Bb", "running_M", "running_V"):
        setattr(layer, name, others.get(name, getattr(parameters, name)))
    return layer


class _WithRow:
    """A matrix with one row replaced."""

    def __init__(self, Z: Rows, row: int, node: Array) -> None:
        self.shape, self.dtype = Z.shape, node.dtype
        self._Z, self._row, self._node = Z, row, node

    def __getitem__(self, rows: slice) -> Array:
        start, stop, _ = rows.indices(self.shape[0])
        found: Array = self._Z[start:stop]
        if start <= self._row < stop:
            found = found.astype(self._node.dtype)  # a copy
            found[self._row - start] = self._node
        return found


class _Moved:
    """A matrix that moved along a direction."""

    def __init__(self, Z: Rows, direction: Rows, step: Array) -> None:
        self.shape, self.dtype = Z.shape, step.dtype
        self._Z, self._direction, self._step = Z, direction, step

    def __getitem__(self, rows: slice) -> Array:
        moved: Array = self._direction[rows] * self._step
        moved += self._Z[rows]
        return moved

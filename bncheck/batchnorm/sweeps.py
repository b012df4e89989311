"""Sweeps over a matrix, block by block: what batch normalisation asks of all its rows.

There are two kinds. Sums over the rows: `moments` for the forward and `gradient_sums` for the
backward. And results that have a row for each row of Z: `Affine` for BZ and `InputGradient` for
dLdZ, which compute the rows that they are asked for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bncheck.arrays import Array, LazyRows, Rows
from bncheck.batchnorm.blocks import (
    Block,
    TiledRow,
    extreme_of,
    fold,
    for_each,
    is_one_block,
    sum_of,
    sum_of_products,
)

_sum: Callable[..., Array] = np.add.reduce
"""What np.sum calls, in half the time where matrices are small."""


class Moments(NamedTuple):
    """Of some rows of Z: how many, their mean less the first row of Z, and their squares' sum.

    Attributes
    ----------
    N
        How many rows.
    mean
        Of Z - Z[0], (1, C).
    squares
        Sum of the squares of the rows around their own mean, (1, C).
    X
        The rows less their mean, (N, C), where they are a whole matrix of one block.
    """

    N: int
    mean: Array
    squares: Array
    X: Array | None = None


def moments(Z: Rows) -> Moments:
    """Moments of all rows of a matrix.

    The first row is subtracted before anything else: what is left does not lose digits where the
    mean is large beside the spread, and is 0 in a constant column.
    """
    if is_one_block(Z.shape):
        return _moments_of_one_block(Z[:])
    first = TiledRow(Z[:1])
    return fold(for_each(lambda block: _moments(block.of(Z), first, block), Z.shape), _merged)


@dataclass(frozen=True)
class Survey:
    """Moments of a matrix, and the least and the largest value of each column, (1, C)."""

    moments: Moments
    low: Array
    high: Array


def survey(Z: Rows) -> Survey:
    """Moments and extreme values of a matrix, in one sweep."""
    if is_one_block(Z.shape):
        A = Z[:]
        return Survey(moments(A), A.min(axis=0, keepdims=True), A.max(axis=0, keepdims=True))
    first = TiledRow(Z[:1])

    def of(block: Block) -> Survey:
        W = block.of(Z)
        low, high = (extreme_of(W, block.side, ufunc) for ufunc in (np.minimum, np.maximum))
        return Survey(_moments(W, first, block), low, high)

    def merged(a: Survey, b: Survey) -> Survey:
        both = _merged(a.moments, b.moments)
        return Survey(both, np.minimum(a.low, b.low), np.maximum(a.high, b.high))

    return fold(for_each(of, Z.shape), merged)


def _moments_of_one_block(Z: Array) -> Moments:
    N = len(Z)
    X = Z - Z[:1]
    mean = _sum(X, 0, None, None, True) / N
    X -= mean
    return Moments(N, mean, np.einsum("ij,ij->j", X, X)[None], X)


def _moments(W: Array, first: TiledRow, block: Block) -> Moments:
    side, N = block.side, block.stop - block.start
    X = W - first[side]
    mean = sum_of(X, side) / N
    X -= TiledRow(mean)[side]
    return Moments(N, mean, sum_of_products(X, X, side))


def _merged(a: Moments, b: Moments) -> Moments:
    """Moments of two sets of rows together.

    T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample Variance", The
    American Statistician 37 (1983), formulas 2.1.
    """
    N = a.N + b.N
    apart = b.mean - a.mean
    mean = a.mean + apart * (b.N / N)
    return Moments(N, mean, a.squares + b.squares + apart * apart * (a.N * b.N / N))


class Centred:
    """X = (Z - first) - mean, block by block.

    Parameters
    ----------
    Z
        (N, C).
    first
        A row near which all others are, (1, C): what is left after it is exact, or nearly so.
    mean
        Of what is left, (1, C); None for 0.
    kept
        All of X, where it is at hand.
    """

    def __init__(
        self, Z: Rows, first: Array, mean: Array | None, kept: Array | None = None
    ) -> None:
        self.Z = Z
        self.shape = Z.shape
        self.kept = kept
        self._first = TiledRow(first)
        self._mean = None if mean is None else TiledRow(mean)

    def keep(self) -> None:
        """Compute all of X now, so that Z may change afterwards."""
        if self.kept is None:
            whole = np.empty(self.shape, np.result_type(self.Z.dtype, self._first.row))
            for _ in for_each(lambda block: self.of(block, block.of(whole)), self.shape):
                pass
            self.kept = whole

    def of_other(self, Z: Array) -> "Centred":
        """Another matrix, centred in the same way."""
        return Centred(Z, self._first.row, None if self._mean is None else self._mean.row)

    def of(self, block: Block, out: Array | None = None) -> Array:
        """The wide view of a block of X, to be read only: in `out`, or somewhere else."""
        if self.kept is not None:
            return block.of(self.kept)
        X: Array = np.subtract(block.of(self.Z), self._first[block.side], out=out)
        if self._mean is not None:
            X -= self._mean[block.side]
        return X


def gradient_sums(X: Centred, dLdBZ: Rows) -> tuple[Array, Array]:
    """Sums over the rows of dLdBZ, and of dLdBZ * X, (1, C) each."""
    if X.kept is not None and is_one_block(X.shape):
        D = dLdBZ[:]
        return _sum(D, 0, None, None, True), np.einsum("ij,ij->j", D, X.kept)[None]

    def of(block: Block) -> tuple[Array, Array]:
        D = block.of(dLdBZ)
        return sum_of(D, block.side), sum_of_products(X.of(block), D, block.side)

    return fold(for_each(of, X.shape), lambda a, b: (a[0] + b[0], a[1] + b[1]))


class ComputedRows(LazyRows):
    """A matrix whose rows are computed when they are asked for, one block at a time."""

    def __init__(self, X: Centred) -> None:
        self.shape = X.shape
        self._X = X

    def compute(self, block: Block, out: Array) -> None:
        """Write the wide view of one block to `out`."""
        raise NotImplementedError

    def from_kept(self, X: Array) -> Array:
        """All rows from all of X: the same in as few calls as there can be."""
        raise NotImplementedError

    def __getitem__(self, rows: slice) -> Array:
        """Some rows, one after the other."""
        start, stop, _ = rows.indices(self.shape[0])
        return self.new(Block(start, max(start, stop), 1))

    def new(self, block: Block) -> Array:
        """The wide view of one block."""
        rows, columns = block.stop - block.start, self.shape[1]
        out = np.empty((rows // block.side, columns * block.side), self.dtype)
        self.compute(block, out)
        return out

    def blocks(self) -> Iterator[Array]:
        """All rows, block after block, (R, C) each."""
        return for_each(lambda block: self.new(block).reshape(-1, self.shape[1]), self.shape)

    def array(self) -> Array:
        """All rows at once, (N, C)."""
        if self._X.kept is not None and is_one_block(self.shape):
            return self.from_kept(self._X.kept)
        whole = np.empty(self.shape, self.dtype)
        for _ in for_each(lambda block: self.compute(block, block.of(whole)), self.shape):
            pass
        return whole


class Affine(ComputedRows):
    """X * scale + shift: BZ, or with another scale and no shift NZ."""

    def __init__(self, X: Centred, scale: Array, shift: Array) -> None:
        super().__init__(X)
        self._scale, self._shift = TiledRow(scale), TiledRow(shift)

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """Of the rows."""
        return np.result_type(self._X.Z.dtype, self._scale.row, self._shift.row)

    def of_other(self, Z: Array) -> Array:
        """What becomes of another matrix in the same way, (R, C)."""
        return Affine(self._X.of_other(Z), self._scale.row, self._shift.row).array()

    def compute(self, block: Block, out: Array) -> None:  # noqa: D102
        np.multiply(self._X.of(block, out), self._scale[block.side], out=out)
        out += self._shift[block.side]

    def from_kept(self, X: Array) -> Array:  # noqa: D102
        BZ, shift = X * self._scale.row, self._shift.row
        # In place, but where one of them is complex.
        return np.add(BZ, shift, out=BZ if BZ.dtype == shift.dtype else None)


class InputGradient(ComputedRows):
    """dLdZ in training mode: scale * (dLdBZ - X * slope - level).

    Parameters
    ----------
    X
        Centred input, (N, C).
    dLdBZ
        Upstream gradient, (N, C).
    slope, level
        sum(dLdBZ * NZ) / (N * sqrt(V + eps)) and sum(dLdBZ) / N, (1, C): what the variance and the
        mean pass on of dLdBZ.
    scale
        BW / sqrt(V + eps), (1, C).
    """

    def __init__(self, X: Centred, dLdBZ: Rows, slope: Array, level: Array, scale: Array) -> None:
        super().__init__(X)
        self._dLdBZ = dLdBZ
        self._slope, self._level, self._scale = TiledRow(slope), TiledRow(level), TiledRow(scale)

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """Of the rows."""
        return np.result_type(self._X.Z.dtype, self._scale.row, self._level.row)

    def compute(self, block: Block, out: Array) -> None:  # noqa: D102
        side = block.side
        np.multiply(self._X.of(block, out), self._slope[side], out=out)
        np.subtract(block.of(self._dLdBZ), out, out=out)
        out -= self._level[side]
        out *= self._scale[side]

    def from_kept(self, X: Array) -> Array:  # noqa: D102
        dLdZ = X * self._slope.row
        np.subtract(self._dLdBZ[:], dLdZ, out=dLdZ)
        dLdZ -= self._level.row
        dLdZ *= self._scale.row
        return dLdZ

"""Sweeps over a matrix, block by block: what batch normalisation asks of all its rows.

There are two kinds. Sums over the rows: `moments` for the forward and `gradient_sums` for the
backward. And results that have a row for each row of Z: `Affine` for BZ and `InputGradient` for
dLdZ, which compute the rows that they are asked for.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from bncheck.arrays import Array, LazyRows, Rows
from bncheck.batchnorm.blocks import (
    Block,
    TiledRow,
    blocks_of,
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
    """Return the moments of all rows of a matrix.

    The first row is subtracted before anything else: what is left does not lose digits where the
    mean is large beside the spread, and is 0 in a constant column.
    """
    if is_one_block(Z.shape):
        A = Z[:]
        N = len(A)
        X = A - A[:1]
        mean = _sum(X, 0, None, None, True) / N
        X -= mean
        return Moments(N, mean, np.einsum("ij,ij->j", X, X)[None], X)
    first = TiledRow(Z[:1])
    return fold(for_each(lambda block: _moments(block.take(Z), first, block), Z.shape), _merge)


def survey(Z: Rows) -> tuple[Moments, Array, Array]:
    """Return the moments, the least and the largest value of each column, (1, C), in one sweep."""
    first = TiledRow(Z[:1])

    def look(block: Block) -> tuple[Moments, Array, Array]:
        W = block.take(Z)
        low, high = (extreme_of(W, block.side, ufunc) for ufunc in (np.minimum, np.maximum))
        return _moments(W, first, block), low, high

    def merge(
        a: tuple[Moments, Array, Array], b: tuple[Moments, Array, Array]
    ) -> tuple[Moments, Array, Array]:
        return _merge(a[0], b[0]), np.minimum(a[1], b[1]), np.maximum(a[2], b[2])

    return fold(for_each(look, Z.shape), merge)


def _moments(W: Array, first: TiledRow, block: Block) -> Moments:
    side, N = block.side, block.stop - block.start
    X = W - first[side]
    mean = sum_of(X, side) / N
    X -= TiledRow(mean)[side]
    return Moments(N, mean, sum_of_products(X, X, side))


def _merge(a: Moments, b: Moments) -> Moments:
    """Moments of two sets of rows together.

    T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample Variance", The
    American Statistician 37 (1983), formulas 2.1.
    """
    N = a.N + b.N
    apart = b.mean - a.mean
    mean = a.mean + apart * (b.N / N)
    return Moments(N, mean, a.squares + b.squares + apart * apart * (a.N * b.N / N))


class ComputedRows(LazyRows):
    """A matrix whose rows are computed when they are asked for."""

    def compute(self, block: Block, out: Array | None) -> Array:
        """Return the wide view of one block, written to `out` if that is an array.

        What is at hand already is returned as it is, to be read only.
        """
        raise NotImplementedError

    def __getitem__(self, rows: slice) -> Array:
        """Some rows, one after the other."""
        start, stop, _ = rows.indices(self.shape[0])
        return self.new(Block(start, max(start, stop), 1))

    def new(self, block: Block) -> Array:
        """Return rows of one block, (stop - start, C), in an array of their own."""
        rows, C = block.stop - block.start, self.shape[1]
        out = np.empty((rows // block.side, C * block.side), self.dtype)
        self.compute(block, out)
        return out.reshape(rows, C)

    def blocks(self) -> Iterator[Array]:
        """Yield all rows, block after block, (R, C) each."""
        return for_each(self.new, self.shape)

    def array(self) -> Array:
        """Return all rows at once, (N, C)."""
        if is_one_block(self.shape):
            return self.compute(blocks_of(*self.shape)[0], None)
        whole = np.empty(self.shape, self.dtype)
        for _ in for_each(lambda block: self.compute(block, block.take(whole)), self.shape):
            pass
        return whole


class Centred(ComputedRows):
    """X = (Z - first) - mean.

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
        self.shape, self.dtype, self.kept = Z.shape, Z.dtype, kept
        self._Z, self._first = Z, TiledRow(first)
        self._mean = None if mean is None else TiledRow(mean)

    def keep(self) -> None:
        """Compute all of X now, so that Z may change afterwards."""
        self.kept = self.array() if self.kept is None else self.kept

    def centre_other(self, Z: Array) -> "Centred":
        """Return another matrix, centred in the same way."""
        return Centred(Z, self._first.row, None if self._mean is None else self._mean.row)

    def compute(self, block: Block, out: Array | None) -> Array:  # noqa: D102
        if self.kept is not None:
            return block.take(self.kept)
        X: Array = np.subtract(block.take(self._Z), self._first[block.side], out=out)
        if self._mean is not None:
            X -= self._mean[block.side]
        return X


def gradient_sums(X: Centred, dLdBZ: Rows) -> tuple[Array, Array]:
    """Return the sums over the rows of dLdBZ, and of dLdBZ * X, (1, C) each."""
    if X.kept is not None and is_one_block(X.shape):
        D = dLdBZ[:]
        return _sum(D, 0, None, None, True), np.einsum("ij,ij->j", D, X.kept)[None]

    def add(block: Block) -> tuple[Array, Array]:
        D = block.take(dLdBZ)
        return sum_of(D, block.side), sum_of_products(X.compute(block, None), D, block.side)

    return fold(for_each(add, X.shape), lambda a, b: (a[0] + b[0], a[1] + b[1]))


class Affine(ComputedRows):
    """X * scale + shift: BZ, or with another scale and no shift NZ."""

    def __init__(self, X: Centred, scale: Array, shift: Array) -> None:
        self.shape, self._X = X.shape, X
        self._scale, self._shift = TiledRow(scale), TiledRow(shift)

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """Of the rows."""
        return np.result_type(self._X.dtype, self._scale.row, self._shift.row)

    def apply_to(self, Z: Array) -> Array:
        """Return what becomes of another matrix in the same way, (R, C)."""
        return Affine(self._X.centre_other(Z), self._scale.row, self._shift.row).array()

    def compute(self, block: Block, out: Array | None) -> Array:  # noqa: D102
        BZ: Array = np.multiply(self._X.compute(block, out), self._scale[block.side], out=out)
        shift = self._shift[block.side]
        # In place, unless the shift alone is complex.
        return np.add(BZ, shift, out=BZ if BZ.dtype == shift.dtype else out)


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
        self.shape, self._X, self._dLdBZ = X.shape, X, dLdBZ
        self._slope, self._level, self._scale = TiledRow(slope), TiledRow(level), TiledRow(scale)

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """Of the rows."""
        return np.result_type(self._X.dtype, self._scale.row, self._level.row)

    def compute(self, block: Block, out: Array | None) -> Array:  # noqa: D102
        side = block.side
        dLdZ: Array = np.multiply(self._X.compute(block, out), self._slope[side], out=out)
        np.subtract(block.take(self._dLdBZ), dLdZ, out=dLdZ)
        dLdZ -= self._level[side]
        dLdZ *= self._scale[side]
        return dLdZ

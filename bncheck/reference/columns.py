"""What is known of the columns of a mini-batch of any size, in three sweeps over its rows."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bncheck.arrays import Array, Rows
from bncheck.batchnorm.blocks import (
    Beside,
    Block,
    extreme_of,
    fold,
    for_each,
    sum_of,
    sum_of_products,
)
from bncheck.batchnorm.sweeps import Centred
from bncheck.errors import InputError
from bncheck.reference.forward import Columns, Parameters, refuse_beyond_float64


class Known(NamedTuple):
    """What is known of a mini-batch.

    Attributes
    ----------
    columns
        Of each column.
    X
        Z less the mean in use, (N, C), computed when its rows are asked for.
    T, S
        Sums over the rows of dLdBZ and of dLdBZ * X, (1, C).
    """

    columns: Columns
    X: Centred
    T: Array
    S: Array


def know(
    Z: Rows,
    dLdBZ: Rows,
    parameters_for: Callable[[Array, Array], Parameters],
    *,
    eval: bool,  # noqa: A002
) -> Known:
    """Apply the definition's forward to a mini-batch, and take what sums there are.

    Mean and variance are those of the textbook, in two sweeps, and so are found in another way than
    by the layer, which merges what it finds of each block.

    Parameters
    ----------
    Z, dLdBZ
        Input and upstream gradient, (N, C).
    parameters_for
        Gives the parameters for the mini-batch's mean and variance, (1, C).
    eval
        Inference mode?

    Raises
    ------
    ValueError
        Where a statistic is beyond the range of float64, or V + eps is 0.
    """
    N, first = Z.shape[0], Z[:1]
    total, low, high, T, absolute, least, largest = _extremes(Z, dLdBZ, first)
    mean = total / N
    M, X = first + mean, Centred(Z, first, mean)
    with np.errstate(over="ignore", invalid="ignore"):
        V = fold(for_each(lambda block: _squares(X, block), Z.shape), np.add) / N
    refuse_beyond_float64(M, V, 0)
    p = parameters_for(M, V)
    if eval:
        X = Centred(Z, p.running_M, None)
    used_V = p.running_V if eval else V
    if not (used_V + p.eps > 0).all():
        raise InputError(
            f"V + eps of column {int(np.argmin(used_V[0]))} is 0", "pass an --eps above 0"
        )
    upstream = np.maximum(largest, -least)
    rstd = 1 / np.sqrt(used_V + p.eps)
    S, squares, products, largest_NZ = _products(X, dLdBZ, upstream, rstd)
    columns = Columns(
        parameters=p,
        eval=eval,
        N=N,
        M=M,
        V=V,
        largest_Z=np.maximum(high, -low),
        largest_NZ=np.maximum(largest_NZ, 1),
        largest_dLdBZ=upstream,
        range_dLdBZ=largest - least,
        total_dLdBZ=absolute,
        squares=squares,
        products=products,
    )
    return Known(columns, X, T, S)


def _extremes(Z: Rows, dLdBZ: Rows, first: Array) -> tuple[Array, ...]:
    """Sum of Z - first, least and largest Z; sums of dLdBZ and |dLdBZ|, least and largest dLdBZ."""
    beside = Beside(first)

    def of(block: Block) -> tuple[Array, ...]:
        side, W, D = block.side, block.of(Z), block.of(dLdBZ)
        return (
            sum_of(W - beside[side], side),
            extreme_of(W, side, np.minimum),
            extreme_of(W, side, np.maximum),
            sum_of(D, side),
            sum_of(np.abs(D), side),
            extreme_of(D, side, np.minimum),
            extreme_of(D, side, np.maximum),
        )

    merges = (np.add, np.minimum, np.maximum, np.add, np.add, np.minimum, np.maximum)
    with np.errstate(over="ignore", invalid="ignore"):
        return fold(for_each(of, Z.shape), _by(*merges))


def _squares(X: Centred, block: Block) -> Array:
    W = X.of(block)
    return sum_of_products(W, W, block.side)


def _products(X: Centred, dLdBZ: Rows, upstream: Array, rstd: Array) -> tuple[Array, ...]:
    """Sums of dLdBZ * X, shares**2 and (shares * NZ)**2, and the largest |NZ|.

    The shares are dLdBZ / upstream, whose squares fit any float.
    """
    beside = Beside(rstd)
    unit = Beside(1 / np.where(upstream > 0, upstream, 1))

    def of(block: Block) -> tuple[Array, ...]:
        side, W, D = block.side, X.of(block), block.of(dLdBZ)
        NZ, shares = W * beside[side], D * unit[side]
        weighted = shares * NZ
        np.abs(NZ, out=NZ)
        return (
            sum_of_products(D, W, side),
            sum_of_products(shares, shares, side),
            sum_of_products(weighted, weighted, side),
            extreme_of(NZ, side, np.maximum),
        )

    return fold(for_each(of, X.shape), _by(np.add, np.add, np.add, np.maximum))


def _by(*merges: np.ufunc) -> Callable[[tuple[Array, ...], tuple[Array, ...]], tuple[Array, ...]]:
    """Merge each of several parts in its own way."""
    return lambda a, b: tuple(merge(x, y) for merge, x, y in zip(merges, a, b, strict=True))

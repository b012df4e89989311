"""The definition of batch normalisation, stage by stage, forward only.

The layer is these stages put together; a gradient check differences the same stages. Nothing here
knows a derivative.

All matrices are (N, C): one row per sample, one column per feature. S. Ioffe, C. Szegedy,
"Batch Normalization", arXiv:1502.03167, algorithm 1.
"""

import numpy as np

from bncheck.arrays import Array

BLOCK = 256
"""Rows added up in one run before the partial sums are added: see `column_sum`."""


def column_sum(A: Array) -> Array:
    """Sum over the rows, as (1, C).

    NumPy adds the rows of a matrix one after the other, so its rounding error grows with N. Here
    blocks of rows are summed first and then the sums of the blocks: the error grows with
    BLOCK * log(N) at most, and the result depends on nothing but the numbers.
    """
    while len(A) > BLOCK:
        whole = len(A) // BLOCK * BLOCK
        sums = A[:whole].reshape(-1, BLOCK, A.shape[1]).sum(axis=1)
        A = np.concatenate([sums, A[whole:]])
    total: Array = A.sum(axis=0, keepdims=True)
    return total


def column_mean(A: Array) -> Array:
    """Mean over the rows, as (1, C)."""
    return column_sum(A) / len(A)


def largest(A: Array, at_least: float = 0) -> Array:
    """Largest absolute value of each column, (1, C)."""
    # Of the extremes, so that no second matrix is needed.
    high = A.max(axis=0, keepdims=True, initial=at_least)
    result: Array = np.maximum(high, -A.min(axis=0, keepdims=True))
    return result + 0.0  # -0 becomes 0


def centre(Z: Array) -> tuple[Array, Array]:
    """Mean M, (1, C), of each column and the centred columns X = Z - M, (N, C).

    The first row is subtracted before the mean is taken: the differences are exact or nearly so,
    hence X does not lose digits when the mean is large beside the spread, and a constant column
    gives exact zeros. T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample
    Variance", The American Statistician 37 (1983), on shifted data.
    """
    D = Z - Z[:1]
    mean_of_D = column_mean(D)
    return Z[:1] + mean_of_D, D - mean_of_D


def variance(X: Array) -> Array:
    """Biased variance V, (1, C), of centred columns X, (N, C): the mean of their squares."""
    return column_mean(X * X)


def change_of_reciprocal_root(change: Array, root: Array) -> Array:
    """1/sqrt(V + eps + change) - 1/root, where root = sqrt(V + eps), without cancellation.

    The difference of two reciprocal roots a and b is -(a**2 - b**2) / (a b (a + b)).
    """
    changed = np.sqrt(root**2 + change)
    result: Array = -(change / changed) / root / (changed + root)
    return result


def normalise(X: Array, V: Array, eps: float) -> Array:
    """NZ = X / sqrt(V + eps), (N, C), from centred columns X and a variance V, (1, C)."""
    return X * (1 / np.sqrt(V + eps))


def scale_and_shift(NZ: Array, BW: Array, Bb: Array, out: Array | None = None) -> Array:
    """BZ = BW * NZ + Bb, (N, C), with the scale BW and the shift Bb, both (1, C)."""
    BZ: Array = np.multiply(BW, NZ, out=out)
    return np.add(BZ, Bb, out=out)


def weighted_mean(old: Array, new: Array, alpha: float) -> Array:
    """Running statistic after one more mini-batch: alpha weighs the OLD value."""
    return alpha * old + (1 - alpha) * new

"""The definition's forward for one mini-batch, in float64, and the scale of each quantity.

S. Ioffe, C. Szegedy, "Batch Normalization", arXiv:1502.03167, algorithm 1. Mean and variance are
those of the textbook, in two sweeps over the rows. Nothing is shared with the layer that is judged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bncheck.arrays import Array, Rows
from bncheck.batchnorm.quantities import is_per_feature
from bncheck.errors import InputError
from bncheck.reference.sums import column_sum, largest, reduce_rows, sweep_columns

ALL = slice(None)


@dataclass(frozen=True, eq=False)
class Parameters:
    """What a layer starts from: scale, shift and running statistics, (1, C) each."""

    BW: Array
    Bb: Array
    running_M: Array
    running_V: Array
    alpha: float
    eps: float


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean M and biased variance V of a mini-batch, (1, C) each.

    M is `first` + `mean`: the first row is subtracted before the mean is taken. The differences are
    exact or nearly so, hence Z - M does not lose digits when the mean is large beside the spread,
    and a constant column gives exact zeros. T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for
    Computing the Sample Variance", The American Statistician 37 (1983), on shifted data.
    """

    first: Array
    mean: Array
    V: Array

    @property
    def M(self) -> Array:
        """Mean of each column."""
        return self.first + self.mean


@dataclass(frozen=True, eq=False)
class ReferenceForward:
    """What the definition makes of a mini-batch, and what is known of its columns.

    Matrices are computed from Z when some of their rows are asked for, so that Z may be a file.
    Everything that is said of a column is (1, C).

    Attributes
    ----------
    Z, dLdBZ
        Input and upstream gradient, (N, C).
    parameters
        As they were before the forward.
    eval
        Inference mode?
    statistics
        Of the mini-batch.
    largest_Z, largest_NZ, largest_dLdBZ
        Largest absolute values; that of NZ is at least 1.
    range_dLdBZ
        From the least to the largest dLdBZ.
    sum_dLdBZ, total_dLdBZ, sum_dLdBZ_X
        Sums over the rows of dLdBZ, of |dLdBZ| and of dLdBZ * X.
    squares, products
        Sums over the rows of (dLdBZ / largest_dLdBZ)**2, and of the same times NZ**2.
    """

    Z: Rows
    dLdBZ: Rows
    parameters: Parameters
    eval: bool
    statistics: Statistics
    largest_Z: Array
    largest_NZ: Array
    largest_dLdBZ: Array
    range_dLdBZ: Array
    sum_dLdBZ: Array
    total_dLdBZ: Array
    sum_dLdBZ_X: Array
    squares: Array
    products: Array

    @property
    def N(self) -> int:
        """Number of rows."""
        rows: int = self.Z.shape[0]
        return rows

    @property
    def M(self) -> Array:
        """Mean of the mini-batch."""
        return self.statistics.M

    @property
    def V(self) -> Array:
        """Biased variance of the mini-batch."""
        return self.statistics.V

    def X(self, rows: slice = ALL) -> Array:
        """Return rows of Z less the mean in use: in inference mode the running one."""
        if self.eval:
            centred: Array = self.Z[rows] - self.parameters.running_M
            return centred
        return _centred(self.Z, rows, self.statistics)

    def NZ(self, rows: slice = ALL) -> Array:
        """Return rows of the normalised input."""
        NZ = self.X(rows)
        NZ *= self.reciprocal_root
        return NZ

    def BZ(self, rows: slice = ALL) -> Array:
        """Return rows of the output."""
        BZ = self.NZ(rows)
        BZ *= self.parameters.BW
        BZ += self.parameters.Bb
        return BZ

    @property
    def used_V(self) -> Array:
        """The variance in use: that of the mini-batch, in inference mode the running one."""
        return self.parameters.running_V if self.eval else self.V

    @property
    def running_M(self) -> Array:
        """The running mean after the forward."""
        p = self.parameters
        return p.running_M if self.eval else p.alpha * p.running_M + (1 - p.alpha) * self.M

    @property
    def running_V(self) -> Array:
        """The running variance after the forward."""
        p = self.parameters
        return p.running_V if self.eval else p.alpha * p.running_V + (1 - p.alpha) * self.V

    @cached_property
    def root(self) -> Array:
        """sqrt(V + eps) of the variance in use: the unit of length of a column."""
        root: Array = np.sqrt(self.used_V + self.parameters.eps)
        return root

    @cached_property
    def reciprocal_root(self) -> Array:
        """1 / sqrt(V + eps)."""
        reciprocal: Array = 1 / self.root
        return reciprocal

    @property
    def length_scale(self) -> Array:
        """Change of one entry of Z over which the loss bends.

        In training mode sqrt(N) roots: the Taylor series of 1/sqrt(V' + eps), V' being the variance
        after the change, converges up to there. In inference mode the loss is linear and any length
        will do; this one is as large as the values themselves, which keeps the rounding small.
        """
        return self.root * (self.largest_NZ if self.eval else np.sqrt(self.N))

    @property
    def condition(self) -> Array:
        """How many times its unit of length a column's largest value is."""
        size = self.largest_Z
        if self.eval:
            size = np.maximum(size, np.abs(self.parameters.running_M))
        return size / self.root

    def shape_of(self, name: str) -> tuple[int, int]:
        """Return the shape that a quantity has."""
        return (1 if is_per_feature(name) else self.N, self.M.shape[1])

    @cached_property
    def scales(self) -> dict[str, Array]:
        """The size of each quantity: the unit in which its errors are told.

        dLdZ can cancel to nearly 0, so its scale is that of its direct path:
        |BW| / sqrt(V + eps) * max|dLdBZ|. The sums over the rows have the root of the sum of the
        squares of their terms, NZ counting for at least about 1.
        """
        p, root, size = self.parameters, self.root, np.abs(self.parameters.BW)
        upstream, new = self.largest_dLdBZ, 1 - self.parameters.alpha
        dLdBb = upstream * np.sqrt(self.squares)
        dLdBW = upstream * np.sqrt(self.squares + self.products)
        spread = self.V + p.eps
        return {
            "BZ": size * self.largest_NZ + np.abs(p.Bb),
            "running_M": p.alpha * np.abs(p.running_M) + new * (np.abs(self.M) + np.sqrt(spread)),
            "running_V": p.alpha * p.running_V + new * spread,
            "dLdBb": dLdBb,
            "dLdBW": dLdBW,
            "dLdNZ": size * upstream,
            "dLdV": 0.5 * size / root**2 * dLdBW,
            "dLdM": size / root * dLdBb,
            "dLdZ": size / root * upstream,
        }


def apply_definition(
    Z: Rows,
    dLdBZ: Rows,
    parameters_for: Callable[[Statistics], Parameters],
    *,
    eval: bool,  # noqa: A002
) -> ReferenceForward:
    """Apply the definition's forward to a mini-batch, in three sweeps over its rows.

    Parameters
    ----------
    Z, dLdBZ
        Input and upstream gradient, (N, C).
    parameters_for
        Gives the parameters for the mini-batch's statistics.
    eval
        Inference mode?

    Raises
    ------
    InputError
        Where a statistic is beyond the range of float64, or V + eps is 0.
    """
    statistics, largest_Z = find_statistics(Z)
    p = parameters_for(statistics)
    _refuse_beyond_float64("V + eps", statistics.V + p.eps)
    T, total, least, most = sweep_columns(
        lambda rows: _upstream_of(dLdBZ[rows]), Z.shape, np.add, np.add, np.minimum, np.maximum
    )
    upstream = np.maximum(most, -least)
    used_V = p.running_V if eval else statistics.V
    if not (used_V + p.eps > 0).all():
        column = int(np.argmin(used_V[0]))
        raise InputError(f"V + eps of column {column} is 0", "pass an --eps above 0")
    rstd = 1 / np.sqrt(used_V + p.eps)
    unit = 1 / np.where(upstream > 0, upstream, 1)  # times which squares fit any float

    def products_of(rows: slice) -> tuple[Array, ...]:
        X = Z[rows] - p.running_M if eval else _centred(Z, rows, statistics)
        D = dLdBZ[rows]
        S = column_sum(D * X)
        X *= rstd
        shares = D * unit
        weighted = shares * X
        return (
            S,
            column_sum(np.square(shares, out=shares)),
            column_sum(np.square(weighted, out=weighted)),
            largest(X, at_least=1),
        )

    S, squares, products, largest_NZ = sweep_columns(
        products_of, Z.shape, np.add, np.add, np.add, np.maximum
    )
    return ReferenceForward(
        Z=Z,
        dLdBZ=dLdBZ,
        parameters=p,
        eval=eval,
        statistics=statistics,
        largest_Z=largest_Z,
        largest_NZ=largest_NZ,
        largest_dLdBZ=upstream + 0.0,
        range_dLdBZ=most - least,
        sum_dLdBZ=T,
        total_dLdBZ=total,
        sum_dLdBZ_X=S,
        squares=squares,
        products=products,
    )


def find_statistics(Z: Rows) -> tuple[Statistics, Array]:
    """Find mean and biased variance of Z, (N, C), and the largest |Z| of each column, (1, C).

    Raises
    ------
    InputError
        Where one of them is beyond the range of float64.

    >>> statistics, largest_Z = find_statistics(np.array([[1.0, 1e8], [-3.0, 1e8]]))
    >>> statistics.M, statistics.V, largest_Z
    (array([[-1.e+00,  1.e+08]]), array([[4., 0.]]), array([[3.e+00, 1.e+08]]))
    """
    first = np.array(Z[:1])

    def sums_of(rows: slice) -> tuple[Array, Array, Array]:
        A = Z[rows]
        count = np.full((1, 1), float(len(A)))
        return column_sum(A - first), largest(A), count

    with np.errstate(over="ignore", invalid="ignore"):
        total, largest_Z, count = sweep_columns(sums_of, Z.shape, np.add, np.maximum, np.add)
        if count != Z.shape[0]:
            raise RuntimeError(f"{count} of {Z.shape[0]} rows were gone through")
        statistics = Statistics(first, total / Z.shape[0], total)
        (squares,) = sweep_columns(
            lambda rows: (column_sum(np.square(_centred(Z, rows, statistics))),), Z.shape, np.add
        )
    found = Statistics(first, statistics.mean, squares / Z.shape[0])
    _refuse_beyond_float64("M", found.M)
    _refuse_beyond_float64("V", found.V)
    return found, largest_Z


def _centred(Z: Rows, rows: slice, statistics: Statistics) -> Array:
    X: Array = Z[rows] - statistics.first
    X -= statistics.mean
    return X


def _upstream_of(D: Array) -> tuple[Array, ...]:
    """Sum of dLdBZ and of |dLdBZ|, least and largest."""
    return (
        column_sum(D),
        column_sum(np.abs(D)),
        reduce_rows(np.minimum, D),
        reduce_rows(np.maximum, D),
    )


def _refuse_beyond_float64(name: str, A: Array) -> None:
    if not np.isfinite(A).all():
        column = int(np.argmin(np.isfinite(A[0])))
        raise InputError(
            f"{name} of column {column} is beyond the largest float64",
            "scale the input down, or leave the column out with --columns",
        )

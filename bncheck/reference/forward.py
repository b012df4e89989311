"""What the definition gives for one mini-batch, in float64, and the scale of each quantity."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.formulas import (
    centre,
    column_sum,
    largest,
    normalise,
    scale_and_shift,
    variance,
    weighted_mean,
)
from bncheck.batchnorm.quantities import is_per_feature
from bncheck.errors import InputError


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
class Columns:
    """What is known of each column of a mini-batch, (1, C) each, whatever its number of rows.

    Attributes
    ----------
    parameters
        As they were before the forward.
    eval
        Inference mode?
    N
        How many rows there are.
    M, V
        Mean and biased variance of the mini-batch.
    largest_Z, largest_NZ, largest_dLdBZ
        Largest absolute values; that of NZ is at least 1.
    range_dLdBZ
        From the least to the largest dLdBZ.
    total_dLdBZ
        Sum over the rows of |dLdBZ|.
    squares, products
        Sums over the rows of (dLdBZ / largest_dLdBZ)**2, and of the same times NZ**2.
    """

    parameters: Parameters
    eval: bool
    N: int
    M: Array
    V: Array
    largest_Z: Array
    largest_NZ: Array
    largest_dLdBZ: Array
    range_dLdBZ: Array
    total_dLdBZ: Array
    squares: Array
    products: Array

    @property
    def used_V(self) -> Array:
        """The variance in use: that of the mini-batch, in inference mode the running one."""
        return self.parameters.running_V if self.eval else self.V

    @property
    def running_M(self) -> Array:
        """The running mean after the forward."""
        p = self.parameters
        return p.running_M if self.eval else weighted_mean(p.running_M, self.M, p.alpha)

    @property
    def running_V(self) -> Array:
        """The running variance after the forward."""
        p = self.parameters
        return p.running_V if self.eval else weighted_mean(p.running_V, self.V, p.alpha)

    @property
    def root(self) -> Array:
        """sqrt(V + eps) of the variance in use: the unit of length of a column."""
        root: Array = np.sqrt(self.used_V + self.parameters.eps)
        return root

    @property
    def length(self) -> Array:
        """Change of one entry of Z over which the loss bends.

        In training mode sqrt(N) roots: the Taylor series of 1/sqrt(V' + eps), V' being the variance
        after the change, converges up to there. In inference mode the loss is linear and any length
        will do; this one is as large as the values themselves, which keeps the rounding small.
        """
        if self.eval:
            return self.root * self.largest_NZ
        length: Array = self.root * np.sqrt(self.N)
        return length

    @property
    def condition(self) -> Array:
        """How many times its unit of length a column's largest value is."""
        size = self.largest_Z
        if self.eval:
            size = np.maximum(size, np.abs(self.parameters.running_M))
        return size / self.root

    def shape_of(self, name: str) -> tuple[int, ...]:
        """The shape that a quantity has."""
        return self.M.shape if is_per_feature(name) else (self.N, self.M.shape[1])

    @cached_property
    def scales(self) -> dict[str, Array]:
        """The size of each quantity: the unit in which its errors are told.

        dLdZ can cancel to nearly 0, so its scale is that of its direct path:
        |BW| / sqrt(V + eps) * max|dLdBZ|. The sums over the rows have the root of the sum of the
        squares of their terms, NZ counting for at least about 1.
        """
        p, root, size = self.parameters, self.root, np.abs(self.parameters.BW)
        upstream = self.largest_dLdBZ
        dLdBb = upstream * np.sqrt(self.squares)
        dLdBW = upstream * np.sqrt(self.squares + self.products)
        return {
            "BZ": size * self.largest_NZ + np.abs(p.Bb),
            "running_M": weighted_mean(
                np.abs(p.running_M), np.abs(self.M) + np.sqrt(self.V + p.eps), p.alpha
            ),
            "running_V": weighted_mean(p.running_V, self.V + p.eps, p.alpha),
            "dLdBb": dLdBb,
            "dLdBW": dLdBW,
            "dLdNZ": size * upstream,
            "dLdV": 0.5 * size / root**2 * dLdBW,
            "dLdM": size / root * dLdBb,
            "dLdZ": size / root * upstream,
        }


@dataclass(frozen=True, eq=False)
class Expected(Columns):
    """The definition's forward for one mini-batch.

    Attributes
    ----------
    Z, dLdBZ
        Input and upstream gradient, (N, C).

    What follows from them is computed when it is asked for.
    """

    Z: Array
    dLdBZ: Array

    @property
    def X(self) -> Array:
        """Z less the mean in use, (N, C): in inference mode the running one."""
        return self.Z - self.parameters.running_M if self.eval else centre(self.Z)[1]

    @property
    def NZ(self) -> Array:
        """Normalised input, (N, C)."""
        return normalise(self.X, self.used_V, self.parameters.eps)

    @property
    def BZ(self) -> Array:
        """Output, (N, C)."""
        BZ = self.NZ  # a new array, so that no other is needed
        scale_and_shift(BZ, self.parameters.BW, self.parameters.Bb, out=BZ)
        return BZ


def statistics(Z: Array, eps: float) -> tuple[Array, Array, Array]:
    """Mean M and biased variance V, (1, C), of Z, (N, C), and X = Z - M.

    Raises
    ------
    ValueError
        Where one of them is beyond the range of float64.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        M, X = centre(Z)
        V = variance(X)
    refuse_beyond_float64(M, V, eps)
    return M, V, X


def refuse_beyond_float64(M: Array, V: Array, eps: float) -> None:
    """Raise ValueError where a mean or a variance, (1, C), is beyond the range of float64."""
    for name, A in {"M": M, "V": V + eps}.items():
        if not np.isfinite(A).all():
            column = int(np.argmin(np.isfinite(A[0])))
            raise InputError(
                f"{name} of column {column} is beyond the largest float64",
                "scale the input down, or leave the column out with --columns",
            )


def expect(Z: Array, dLdBZ: Array, parameters: Parameters, *, eval: bool) -> Expected:  # noqa: A002
    """The definition applied to Z, (N, C), in the mode asked for.

    Raises
    ------
    ValueError
        Where a statistic is beyond the range of float64, or V + eps is 0.
    """
    p = parameters
    M, V, X = statistics(Z, p.eps)
    used_V = p.running_V if eval else V
    if eval:
        X = Z - p.running_M
    if not (used_V + p.eps > 0).all():
        raise InputError(
            f"V + eps of column {int(np.argmin(used_V[0]))} is 0", "pass an --eps above 0"
        )
    NZ = normalise(X, used_V, p.eps)
    upstream = largest(dLdBZ)
    shares = dLdBZ / np.where(upstream > 0, upstream, 1)  # whose squares fit any float
    shares *= shares
    return Expected(
        parameters=p,
        eval=eval,
        N=len(Z),
        M=M,
        V=V,
        largest_Z=largest(Z),
        largest_NZ=largest(NZ, at_least=1),
        largest_dLdBZ=upstream,
        range_dLdBZ=np.ptp(dLdBZ, axis=0, keepdims=True),
        total_dLdBZ=column_sum(np.abs(dLdBZ)),
        squares=column_sum(shares),
        products=column_sum(shares * NZ * NZ),
        Z=Z,
        dLdBZ=dLdBZ,
    )

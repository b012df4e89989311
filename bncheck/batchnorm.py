"""BatchNorm1d: forward and backward of batch normalisation over the columns of a matrix."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bncheck.definition import (
    Array,
    centre,
    column_sum,
    normalise,
    scale_and_shift,
    variance,
    weighted_mean,
)


class BatchNorm1d:
    """Batch normalisation of (N, C) matrices, one mean and one variance per column.

    Parameters
    ----------
    num_features
        C, the number of columns.
    alpha
        Weight of the OLD value in the running statistics, 0 to 1.
    eps
        Added to the variance under the root.
    dtype
        Type of the parameters and the results: float64, float32 or float16. float16 layers
        compute in float32 and round at the end, as those on accelerators do.

    Attributes
    ----------
    BW, Bb
        Scale and shift, (1, C).
    running_M, running_V
        Running mean and biased running variance, (1, C); only a training forward changes them.
    Z, N, M, V, NZ, BZ
        Set by `forward`: the mini-batch (N, C), its number of rows, its mean and its biased
        variance (1, C), the normalised input and the output (N, C).
    dLdNZ, dLdV, dLdM, dLdZ, dLdBW, dLdBb
        Set by `backward`: the gradients of the loss, each of the shape of what it belongs to.

    Raises
    ------
    ValueError
        Where `alpha` or `eps` is out of its range.

    Notes
    -----
    S. Ioffe, C. Szegedy, "Batch Normalization", arXiv:1502.03167.
    """

    def __init__(
        self,
        num_features: int,
        alpha: float = 0.9,
        *,
        eps: float = 1e-8,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha is {alpha:g}, where 0 to 1 is possible")
        if not 0 <= eps < np.inf:
            raise ValueError(f"eps is {eps:g}, where a finite number from 0 up is possible")
        self.num_features = num_features
        self.alpha = alpha
        self.eps = eps
        self.dtype = np.dtype(dtype)
        self.BW = np.ones((1, num_features), self.dtype)
        self.Bb = np.zeros((1, num_features), self.dtype)
        self.running_M = np.zeros((1, num_features), self.dtype)
        self.running_V = np.ones((1, num_features), self.dtype)

    def forward(self, Z: ArrayLike, eval: bool = False) -> Array:  # noqa: A002
        """Normalise, scale and shift one mini-batch.

        Parameters
        ----------
        Z
            The mini-batch, (N, C) with N >= 1, finite. Complex input is let through, so that a
            complex-step derivative can be taken.
        eval
            False: with the statistics of the mini-batch, updating the running statistics.
            True: with the running statistics, updating nothing.

        Returns
        -------
        BZ
            (N, C).

        Raises
        ------
        ValueError
            Where Z has another shape, or its variance cannot be represented, or V + eps is 0.
        """
        Z = self._matrix("Z", Z)
        with np.errstate(over="ignore", invalid="ignore"):  # told as an error below
            M, X = centre(Z)
            V = variance(X)
        if eval:
            X = Z - self._work(self.running_M)
        used_V = self._work(self.running_V) if eval else V
        self._refuse_degenerate(used_V)
        NZ = normalise(X, used_V, self.eps)
        BZ = scale_and_shift(NZ, self._work(self.BW), self._work(self.Bb))
        if not eval:
            self.running_M = self._result(weighted_mean(self.running_M, M, self.alpha))
            self.running_V = self._result(weighted_mean(self.running_V, V, self.alpha))

        self.Z, self.N, self._eval = Z, len(Z), eval
        self._X, self._NZ, self._rstd = X, NZ, 1 / np.sqrt(used_V + self.eps)
        self.M, self.V, self.NZ = self._result(M), self._result(V), self._result(NZ)
        self.BZ = self._result(BZ)
        return self.BZ

    def backward(self, dLdBZ: ArrayLike) -> Array:
        """Gradients of the loss for the mini-batch and the mode of the last `forward`.

        In training mode, M and V depend on every row of Z, and dLdZ has three paths: direct,
        through the variance and through the mean. In inference mode the running statistics are
        constants: only the direct path is left, and dLdV and dLdM are 0.

        Parameters
        ----------
        dLdBZ
            The upstream gradient, (N, C).

        Returns
        -------
        dLdZ
            (N, C).

        Raises
        ------
        ValueError
            Where dLdBZ is not of the shape of Z.
        RuntimeError
            Where there was no `forward` yet.
        """
        if not hasattr(self, "_eval"):
            raise RuntimeError("backward was called before forward")
        dLdBZ = self._matrix("dLdBZ", dLdBZ)
        if len(dLdBZ) != self.N:
            raise ValueError(f"dLdBZ has {len(dLdBZ)} rows where Z has {self.N}")
        BW, rstd = self._work(self.BW), self._rstd
        dLdBb = column_sum(dLdBZ)
        dLdBW = column_sum(dLdBZ * self._NZ)
        dLdNZ = dLdBZ * BW
        dLdZ = dLdNZ * rstd
        dLdV = np.zeros_like(dLdBb)
        dLdM = np.zeros_like(dLdBb)
        if not self._eval:
            # The sums over the rows that dLdV and dLdM ask for are those of dLdBW and dLdBb, times
            # a constant of the column; the sum of (Z - M) in dLdM is 0.
            dLdV = -0.5 * BW * rstd**2 * dLdBW
            dLdM = -(dLdBb * BW * rstd)
            dLdZ = dLdZ + (2 / self.N) * dLdV * self._X + dLdM / self.N

        self.dLdBb, self.dLdBW = self._result(dLdBb), self._result(dLdBW)
        self.dLdNZ, self.dLdV, self.dLdM = map(self._result, (dLdNZ, dLdV, dLdM))
        self.dLdZ = self._result(dLdZ)
        return self.dLdZ

    def _matrix(self, name: str, A: ArrayLike) -> Array:
        """A in the layer's own type, then in the type it computes in; the shape is checked."""
        A = np.asarray(A, order="C")
        if A.ndim != 2 or A.shape[1] != self.num_features or len(A) == 0:
            raise ValueError(f"{name} has shape {A.shape}, where (N, {self.num_features}) is meant")
        return self._work(self._result(A))

    def _work(self, A: Array) -> Array:
        if A.dtype.kind == "c":
            return A
        return A.astype(np.result_type(self.dtype, np.float32), copy=False)

    def _result(self, A: Array) -> Array:
        return A if A.dtype.kind == "c" else A.astype(self.dtype, copy=False)

    def _refuse_degenerate(self, V: Array) -> None:
        bad = ~(np.isfinite(V) & (V + self.eps != 0))
        if bad.any():
            column = int(np.argmax(bad))
            raise ValueError(f"V + eps is {V[0, column] + self.eps:g} in column {column}")

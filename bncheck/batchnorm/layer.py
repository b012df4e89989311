"""BatchNorm1d: forward and backward of batch normalisation over the columns of a matrix."""

import cmath
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bncheck.arrays import Array, Rows
from bncheck.batchnorm.sweeps import Affine, Centred, InputGradient, Moments, gradient_sums, moments
from bncheck.errors import InputError


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

    Z may be changed after `forward`. dLdBZ is kept, not copied: dLdNZ is computed from it when it
    is asked for.

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
            raise InputError(
                f"alpha is {alpha:g}, expected 0 to 1",
                "it is the weight of the old running statistics",
            )
        if not 0 <= eps < np.inf:
            raise InputError(
                f"eps is {eps:g}, expected a finite number from 0 up",
                "it is added to the variance under the root",
            )
        self.num_features = num_features
        self.alpha = alpha
        self.eps = eps
        self.dtype = np.dtype(dtype)
        self._working = np.result_type(self.dtype, np.float32)
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
        BZ = self.forward_rows(self._matrix("Z", Z), eval=eval)
        self._X.keep()  # the caller may use the array for something else before `backward`
        self.BZ = self._result(BZ.array())
        return self.BZ

    def forward_rows(
        self,
        Z: Rows,
        *,
        eval: bool = False,  # noqa: A002
        found: Moments | None = None,
    ) -> Affine:
        """The same for any rows, in the type that the layer computes in: for those of a file, say.

        The sums are taken here, unless they were `found` before, and BZ is computed block by block
        when its rows are asked for.
        """
        with np.errstate(all="ignore"):  # told as an error below
            found = found or moments(Z)
            V = found.squares / found.N
            first = Z[:1]
            M = first + found.mean
            used_V = self._work(self.running_V) if eval else V
            root = np.sqrt(used_V + self.eps)
            rstd = 1 / root
            if not cmath.isfinite(np.add.reduce(rstd + root, None)):  # or else none is degenerate
                self._refuse_degenerate(V)
                self._refuse_degenerate(used_V)
        if eval:
            X = Centred(Z, self._work(self.running_M).copy(), None)
        else:
            X = Centred(Z, first, found.mean, found.X)
            old, new = self.alpha, 1 - self.alpha
            self.running_M = self._result(old * self.running_M + new * M)
            self.running_V = self._result(old * self.running_V + new * V)
        self.Z, self.N, self._eval = Z, found.N, eval
        self._X, self._rstd = X, rstd
        self.M, self.V = self._result(M), self._result(V)
        return Affine(X, self._work(self.BW) * rstd, self._work(self.Bb))

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
            raise InputError(
                f"dLdBZ has {len(dLdBZ)} rows, expected {self.N} as in Z",
                "it has one value for each value of Z",
            )
        self.dLdZ = self._result(self.backward_rows(dLdBZ).array())
        return self.dLdZ

    def backward_rows(self, dLdBZ: Rows) -> InputGradient:
        """The same for any rows, as `forward_rows`."""
        T, S = gradient_sums(self._X, dLdBZ)
        BW, rstd = self._work(self.BW), self._rstd
        dLdBW = S * rstd
        scale = BW * rstd
        if self._eval:
            slope = level = np.zeros_like(T)
        else:
            # The sums over the rows that dLdV and dLdM ask for are those of dLdBW and dLdBb, times
            # a constant of the column; the sum of (Z - M) in dLdM is 0. In dLdZ the paths through
            # them, 2 / N * dLdV * (Z - M) and dLdM / N, have the direct path's factor, `scale`.
            slope, level = rstd * dLdBW / self.N, T / self.N
        self.dLdBb, self.dLdBW = self._result(T), self._result(dLdBW)
        self._dLdBZ, self._used_BW = dLdBZ, BW.copy()
        self._slope, self._level, self._scale = self.N * slope, self.N * level, scale
        return InputGradient(self._X, dLdBZ, slope, level, scale)

    @property
    def NZ(self) -> Array:
        """The normalised input, (N, C), computed from Z when it is asked for."""
        rstd = self._rstd
        return self._result(Affine(self._X, rstd, np.zeros_like(rstd)).array())

    @property
    def dLdV(self) -> Array:
        """The gradient for V, (1, C)."""
        return self._result(-0.5 * self._scale * self._slope)

    @property
    def dLdM(self) -> Array:
        """The gradient for M, (1, C)."""
        return self._result(-self._scale * self._level)

    @property
    def dLdNZ(self) -> Array:
        """Its gradient, (N, C), computed from dLdBZ when it is asked for."""
        return self._result(self.dLdNZ_of(slice(None)))

    def dLdNZ_of(self, rows: slice) -> Array:
        """Some rows of it, in the type that the layer computes in."""
        dLdNZ: Array = self._dLdBZ[rows] * self._used_BW
        return dLdNZ

    def _matrix(self, name: str, A: ArrayLike) -> Array:
        """A in the layer's own type, then in the type it computes in; the shape is checked."""
        A = np.asarray(A, order="C")
        if A.ndim != 2 or A.shape[1] != self.num_features or len(A) == 0:
            raise InputError(
                f"{name} has shape {A.shape}, expected (N, {self.num_features})",
                "give it one row for each sample and one column for each feature",
            )
        return self._work(self._result(A))

    def _work(self, A: Array) -> Array:
        return A if A.dtype is self._working else _in_type(self._working, A)

    def _result(self, A: Array) -> Array:
        return A if A.dtype is self.dtype else _in_type(self.dtype, A)

    def _refuse_degenerate(self, V: Array) -> None:
        bad = ~(np.isfinite(V) & ((V + self.eps).real > 0))
        if bad.any():
            column = int(np.argmax(bad))
            raise InputError(
                f"V + eps is {V[0, column] + self.eps:g} in column {column}",
                "pass an eps above 0"
                if V[0, column] == 0
                else "scale the input down, or leave the column out",
            )


def _in_type(kind: np.dtype[Any], A: Array) -> Array:
    """A in a real type; complex numbers stay as they are."""
    return A if A.dtype == kind or A.dtype.kind == "c" else A.astype(kind)

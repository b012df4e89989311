"""Batch-normalisation layers with one planted mistake each, and right ones written differently.

`Textbook` follows the formulas one method at a time, in the order of the paper; a mistake is the
override of one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bncheck.batchnorm.layer import BatchNorm1d

Array = NDArray[Any]
TRAIN, EVAL, BOTH = ("train",), ("eval",), ("train", "eval")


class Textbook:
    dtype: DTypeLike = np.float64
    axis = 0
    """That which is averaged over."""

    def __init__(self, num_features: int, alpha: float = 0.9, eps: float = 1e-8) -> None:
        self.alpha, self.eps = alpha, eps
        self.BW = np.ones((1, num_features), self.dtype)
        self.Bb = np.zeros((1, num_features), self.dtype)
        self.running_M = np.zeros((1, num_features), self.dtype)
        self.running_V = np.ones((1, num_features), self.dtype)

    def forward(self, Z: Array, eval: bool = False) -> Array:  # noqa: A002
        self.Z = np.asarray(Z, self.dtype)
        self.N = self.Z.shape[self.axis]
        self.eval = eval
        self.take_statistics()
        self.root = self.denominator()
        self.NZ = self.normalised()
        self.BZ = self.output()
        return self.BZ

    def take_statistics(self) -> None:
        if self.eval:
            self.M, self.V = self.running_M, self.running_V
        else:
            self.M = self.mean()
            self.V = self.variance()
            self.running_M = self.updated(self.running_M, self.M)
            self.running_V = self.updated(self.running_V, self.V)

    def mean(self) -> Array:
        return self.Z.sum(axis=self.axis, keepdims=True) / self.N

    def variance(self) -> Array:
        return ((self.Z - self.M) ** 2).sum(axis=self.axis, keepdims=True) / self.N

    def updated(self, old: Array, new: Array) -> Array:
        return self.alpha * old + (1 - self.alpha) * new

    def denominator(self) -> Array:
        return np.sqrt(self.V + self.eps)

    def normalised(self) -> Array:
        return (self.Z - self.M) / self.root

    def output(self) -> Array:
        return self.BW * self.NZ + self.Bb

    def backward(self, dLdBZ: Array) -> Array:
        self.dLdBZ = np.asarray(dLdBZ, self.dtype)
        self.dLdBb = self.shift_gradient()
        self.dLdBW = self.scale_gradient()
        self.dLdNZ = self.normalised_gradient()
        return self.inference_gradient() if self.eval else self.training_gradient()

    def shift_gradient(self) -> Array:
        return self.dLdBZ.sum(axis=0, keepdims=True)

    def scale_gradient(self) -> Array:
        return (self.dLdBZ * self.NZ).sum(axis=0, keepdims=True)

    def normalised_gradient(self) -> Array:
        return self.dLdBZ * self.BW

    def inference_gradient(self) -> Array:
        return self.dLdNZ / self.root

    def training_gradient(self) -> Array:
        self.dLdV = self.variance_gradient()
        self.dLdM = self.mean_gradient()
        return self.direct_path() + self.variance_path() + self.mean_path()

    def variance_gradient(self) -> Array:
        sums = (self.dLdNZ * (self.Z - self.M)).sum(axis=self.axis, keepdims=True)
        return -0.5 * self.root**-3 * sums

    def mean_gradient(self) -> Array:
        sums = self.dLdNZ.sum(axis=self.axis, keepdims=True)
        return -sums / self.root - self.sum_that_is_zero()

    def sum_that_is_zero(self) -> Array:
        return 2 * self.dLdV * (self.Z - self.M).sum(axis=self.axis, keepdims=True) / self.N

    def direct_path(self) -> Array:
        return self.dLdNZ / self.root

    def variance_path(self) -> Array:
        return 2 * self.dLdV * (self.Z - self.M) / self.N

    def mean_path(self) -> Array:
        return self.dLdM / self.N


@dataclass(frozen=True)
class Planted:
    """A layer of the suite: `make(num_features, alpha, eps=…)`, and the modes to try it in."""

    name: str
    make: Callable[..., Any]
    modes: tuple[str, ...]
    dtype: np.dtype[Any]


WRONG: dict[str, Planted] = {}
RIGHT: dict[str, Planted] = {}


def _planted(layer: type[Textbook], modes: tuple[str, ...]) -> Planted:
    return Planted(layer.__name__, layer, modes, np.dtype(layer.dtype))


def wrong(modes: tuple[str, ...]) -> Callable[[type[Textbook]], type[Textbook]]:
    """Register a mistake, with the modes in which it can show."""

    def register(layer: type[Textbook]) -> type[Textbook]:
        WRONG[layer.__name__] = _planted(layer, modes)
        return layer

    return register


def right(layer: type[Textbook]) -> type[Textbook]:
    """Register a layer without a mistake."""
    RIGHT[layer.__name__] = _planted(layer, BOTH)
    return layer


# Right, and written differently.

right(Textbook)


@right
class LibraryStatistics(Textbook):
    def mean(self) -> Array:
        return np.mean(self.Z, axis=0, keepdims=True)

    def variance(self) -> Array:
        return np.var(self.Z, axis=0, keepdims=True)


@right
class SumsOfSquares(Textbook):
    """E[Z^2] - M^2: cancels as soon as the mean is large, but is no mistake where it does not."""

    def variance(self) -> Array:
        return np.maximum((self.Z**2).sum(axis=0, keepdims=True) / self.N - self.M**2, 0)


@right
class TwoPass(Textbook):
    """The mean and the variance corrected by what the first pass left over."""

    def mean(self) -> Array:
        M = super().mean()
        return M + (self.Z - M).mean(axis=0, keepdims=True)

    def variance(self) -> Array:
        X = self.Z - self.M
        return (X * X).mean(axis=0, keepdims=True) - X.mean(axis=0, keepdims=True) ** 2


@right
class Compact(Textbook):
    """dLdZ in one line, from the two parameter gradients."""

    def training_gradient(self) -> Array:
        sums = self.dLdBb + self.NZ * self.dLdBW
        return self.BW / (self.N * self.root) * (self.N * self.dLdBZ - sums)


@right
class Einsum(Textbook):
    def mean(self) -> Array:
        return np.einsum("nc->c", self.Z)[None] / self.N

    def variance(self) -> Array:
        X = self.Z - self.M
        return np.einsum("nc,nc->c", X, X)[None] / self.N

    def shift_gradient(self) -> Array:
        return np.einsum("nc->c", self.dLdBZ)[None]

    def scale_gradient(self) -> Array:
        return np.einsum("nc,nc->c", self.dLdBZ, self.NZ)[None]

    def training_gradient(self) -> Array:
        along = np.einsum("nc,nc,kc->kc", self.dLdNZ, self.NZ, self.NZ)
        return (self.dLdNZ - self.dLdNZ.mean(axis=0) - along / self.N) / self.root


@right
class MatrixForm(Textbook):
    """Centring and the Jacobian as matrices."""

    def centring(self) -> Array:
        return np.eye(self.N) - 1 / self.N

    def variance(self) -> Array:
        self.X = self.centring() @ self.Z
        return np.diag(self.X.T @ self.X)[None] / self.N

    def normalised(self) -> Array:
        return super().normalised() if self.eval else self.X / self.root

    def training_gradient(self) -> Array:
        H = self.centring()
        columns = [
            (H - np.outer(NZ, NZ) / self.N) @ dLdNZ
            for NZ, dLdNZ in zip(self.NZ.T, self.dLdNZ.T, strict=True)
        ]
        return np.stack(columns, axis=1) / self.root


@right
class ColumnByColumn(Textbook):
    """Each column for itself, centred on its first entry."""

    def take_statistics(self) -> None:
        if not self.eval:
            self.X = np.empty_like(self.Z)
            for j, column in enumerate(self.Z.T):
                D = column - column[0]
                self.X[:, j] = D - D.mean()
        super().take_statistics()

    def mean(self) -> Array:
        return self.Z[:1] - self.X[:1]

    def variance(self) -> Array:
        return np.array([[(column @ column) / self.N for column in self.X.T]])

    def normalised(self) -> Array:
        return super().normalised() if self.eval else self.X / self.root

    def training_gradient(self) -> Array:
        dLdZ = np.empty_like(self.Z)
        for j in range(self.Z.shape[1]):
            d, NZ = self.dLdNZ[:, j], self.NZ[:, j]
            dLdZ[:, j] = (d - d.mean() - NZ * (d @ NZ) / self.N) / self.root[0, j]
        return dLdZ


@right
class FlatParameterGradients(Textbook):
    """(C,) in place of (1, C): harmless."""

    def shift_gradient(self) -> Array:
        return self.dLdBZ.sum(axis=0)

    def scale_gradient(self) -> Array:
        return (self.dLdBZ * self.NZ).sum(axis=0)


@right
class ZeroSumLeftOut(Textbook):
    def sum_that_is_zero(self) -> Array:
        return np.zeros_like(self.dLdV)


@right
class ZeroSumTimesN(Textbook):
    def sum_that_is_zero(self) -> Array:
        return self.N * super().sum_that_is_zero()


@right
class Float32(Textbook):
    dtype = np.float32


@right
class Float32Compact(Compact):
    dtype = np.float32


def _built_in(dtype: DTypeLike) -> Planted:
    def make(num_features: int, alpha: float, eps: float) -> BatchNorm1d:
        return BatchNorm1d(num_features, alpha, eps=eps, dtype=dtype)

    return Planted(f"BatchNorm1d {np.dtype(dtype)}", make, BOTH, np.dtype(dtype))


for built_in in (_built_in(np.float64), _built_in(np.float32)):
    RIGHT[built_in.name] = built_in


# Wrong: a path of dLdZ times a factor.


def _scaled(path: str, word: str, factor: float) -> type[Textbook]:
    original = getattr(Textbook, path)
    name = "".join(part.title() for part in path.split("_")) + word
    return type(name, (Textbook,), {path: lambda self: factor * original(self)})


for word, factor in {"Missing": 0, "Doubled": 2, "Halved": 0.5, "Negated": -1}.items():
    for path in ("direct_path", "variance_path", "mean_path"):
        wrong(TRAIN)(_scaled(path, word, factor))


# Wrong: a divisor.


@wrong(TRAIN)
class VariancePathNotDividedByN(Textbook):
    def variance_path(self) -> Array:
        return 2 * self.dLdV * (self.Z - self.M)


@wrong(TRAIN)
class MeanPathNotDividedByN(Textbook):
    def mean_path(self) -> Array:
        return self.dLdM


@wrong(TRAIN)
class MeanGradientAveraged(Textbook):
    def mean_gradient(self) -> Array:
        return super().mean_gradient() / self.N


@wrong(TRAIN)
class BackwardDividesByOneLess(Textbook):
    def training_gradient(self) -> Array:
        self.N -= 1
        return super().training_gradient()


@wrong(TRAIN)
class VarianceDividesByOneLess(Textbook):
    def variance(self) -> Array:
        return ((self.Z - self.M) ** 2).sum(axis=0, keepdims=True) / (self.N - 1)


# Wrong: a power of V + eps.


@wrong(TRAIN)
class VarianceGradientPowerHalf(Textbook):
    def variance_gradient(self) -> Array:
        return super().variance_gradient() * self.root**2


@wrong(TRAIN)
class VarianceGradientPowerOne(Textbook):
    def variance_gradient(self) -> Array:
        return super().variance_gradient() * self.root


@wrong(TRAIN)
class VarianceGradientPowerTwo(Textbook):
    def variance_gradient(self) -> Array:
        return super().variance_gradient() / self.root


@wrong(BOTH)
class DenominatorWithoutRoot(Textbook):
    def denominator(self) -> Array:
        return self.V + self.eps


@wrong(TRAIN)
class DirectPathWithoutRoot(Textbook):
    def direct_path(self) -> Array:
        return self.dLdNZ / (self.V + self.eps)


# Wrong: scale and shift.


@wrong(BOTH)
class BWForgottenInBackward(Textbook):
    def normalised_gradient(self) -> Array:
        return self.dLdBZ


@wrong(BOTH)
class BWTwiceInBackward(Textbook):
    def normalised_gradient(self) -> Array:
        return self.dLdBZ * self.BW**2


@wrong(BOTH)
class BWForgottenInForward(Textbook):
    def output(self) -> Array:
        return self.NZ + self.Bb


@wrong(BOTH)
class BbForgotten(Textbook):
    def output(self) -> Array:
        return self.BW * self.NZ


@wrong(BOTH)
class BbTwice(Textbook):
    def output(self) -> Array:
        return super().output() + self.Bb


@wrong(BOTH)
class ZForNZ(Textbook):
    def scale_gradient(self) -> Array:
        return (self.dLdBZ * self.Z).sum(axis=0, keepdims=True)


@wrong(BOTH)
class BZForNZ(Textbook):
    def scale_gradient(self) -> Array:
        return (self.dLdBZ * self.BZ).sum(axis=0, keepdims=True)


@wrong(BOTH)
class CentredZForNZ(Textbook):
    def scale_gradient(self) -> Array:
        return (self.dLdBZ * (self.Z - self.M)).sum(axis=0, keepdims=True)


@wrong(BOTH)
class ScaleGradientAveraged(Textbook):
    def scale_gradient(self) -> Array:
        return super().scale_gradient() / self.N


@wrong(BOTH)
class ShiftGradientAveraged(Textbook):
    def shift_gradient(self) -> Array:
        return super().shift_gradient() / self.N


@wrong(BOTH)
class ParameterGradientsSwapped(Textbook):
    def backward(self, dLdBZ: Array) -> Array:
        dLdZ = super().backward(dLdBZ)
        self.dLdBb, self.dLdBW = self.dLdBW, self.dLdBb
        return dLdZ


@wrong(BOTH)
class ParameterGradientsUnreduced(Textbook):
    def shift_gradient(self) -> Array:
        return self.dLdBZ

    def scale_gradient(self) -> Array:
        return self.dLdBZ * self.NZ


@wrong(BOTH)
class ParameterGradientsScalar(Textbook):
    def shift_gradient(self) -> Array:
        return np.sum(self.dLdBZ)

    def scale_gradient(self) -> Array:
        return np.sum(self.dLdBZ * self.NZ)


# Wrong: the statistics that are used.


@wrong(TRAIN)
class NormalisedAlongRows(Textbook):
    axis = 1


@wrong(TRAIN)
class NormalisedAlongRowsRunningRight(NormalisedAlongRows):
    def take_statistics(self) -> None:
        super().take_statistics()
        if not self.eval:
            self.running_M = self.updated(self.running_M[:1], self.Z.mean(axis=0, keepdims=True))
            self.running_V = self.updated(self.running_V[:1], self.Z.var(axis=0, keepdims=True))


@wrong(TRAIN)
class RunningStatisticsInBackward(Textbook):
    def training_gradient(self) -> Array:
        self.M, self.V = self.running_M, self.running_V
        self.root = self.denominator()
        return super().training_gradient()


@wrong(TRAIN)
class PreviousBatchInBackward(Textbook):
    def __init__(self, num_features: int, alpha: float = 0.9, eps: float = 1e-8) -> None:
        super().__init__(num_features, alpha, eps)
        self.M, self.V = self.running_M, self.running_V

    def take_statistics(self) -> None:
        self.previous = self.M, self.V
        super().take_statistics()

    def training_gradient(self) -> Array:
        self.M, self.V = self.previous
        self.root = self.denominator()
        return super().training_gradient()


@wrong(BOTH)
class EpsOutsideRoot(Textbook):
    def denominator(self) -> Array:
        return np.sqrt(self.V) + self.eps


@wrong(BOTH)
class EpsOmitted(Textbook):
    def denominator(self) -> Array:
        return np.sqrt(self.V)


@wrong(BOTH)
class EpsSubtracted(Textbook):
    def denominator(self) -> Array:
        return np.sqrt(self.V - self.eps)


@wrong(TRAIN)
class EpsOmittedInBackward(Textbook):
    def training_gradient(self) -> Array:
        self.root = np.sqrt(self.V)
        return super().training_gradient()


# Wrong: by a little.


@wrong(BOTH)
class OneEntryOnePercentOff(Textbook):
    def backward(self, dLdBZ: Array) -> Array:
        dLdZ = super().backward(dLdBZ)
        dLdZ[-1, 0] *= 1.01
        return dLdZ


@wrong(BOTH)
class AllOneThousandthOff(Textbook):
    def backward(self, dLdBZ: Array) -> Array:
        return 1.001 * super().backward(dLdBZ)


# Wrong: inference.


@wrong(EVAL)
class TrainingGradientInInference(Textbook):
    def inference_gradient(self) -> Array:
        return self.training_gradient()


@wrong(EVAL)
class BatchGradientInInference(Textbook):
    """The training formula again, with statistics of the mini-batch."""

    def inference_gradient(self) -> Array:
        self.M = self.mean()
        self.V = self.variance()
        self.root = self.denominator()
        return self.training_gradient()


@wrong(EVAL)
class BatchStatisticsInInference(Textbook):
    def take_statistics(self) -> None:
        self.M = self.mean()
        self.V = self.variance()


@wrong(EVAL)
class InferenceWithoutRoot(Textbook):
    def denominator(self) -> Array:
        return self.V + self.eps if self.eval else super().denominator()


@wrong(EVAL)
class InferenceParenthesisMisplaced(Textbook):
    def normalised(self) -> Array:
        return self.Z - self.M / self.root if self.eval else super().normalised()


@wrong(EVAL)
class InferenceGradientWithoutDenominator(Textbook):
    def inference_gradient(self) -> Array:
        return self.dLdNZ


@wrong(EVAL)
class InferenceGradientNeedsTraining(Textbook):
    """Raises, since the statistics of a mini-batch were never set."""

    def inference_gradient(self) -> Array:
        return self.dLdNZ / self.batch_root


@wrong(EVAL)
class RunningUpdatedInInference(Textbook):
    def take_statistics(self) -> None:
        super().take_statistics()
        if self.eval:
            self.running_M = self.updated(self.running_M, self.mean())
            self.running_V = self.updated(self.running_V, self.variance())


# Wrong: running statistics.


@wrong(TRAIN)
class AlphaWrongWayRound(Textbook):
    def updated(self, old: Array, new: Array) -> Array:
        return (1 - self.alpha) * old + self.alpha * new


@wrong(TRAIN)
class RunningOverwritten(Textbook):
    def updated(self, old: Array, new: Array) -> Array:
        return new


@wrong(TRAIN)
class RunningNotUpdated(Textbook):
    def updated(self, old: Array, new: Array) -> Array:
        return old


@wrong(TRAIN)
class RunningOldValueNotWeighted(Textbook):
    def updated(self, old: Array, new: Array) -> Array:
        return old + (1 - self.alpha) * new


@wrong(TRAIN)
class RunningVarianceUnbiased(Textbook):
    def take_statistics(self) -> None:
        old = self.running_V
        super().take_statistics()
        if not self.eval:
            self.running_V = self.updated(old, self.V * self.N / np.float64(self.N - 1))


@wrong(TRAIN)
class RunningStandardDeviation(Textbook):
    def take_statistics(self) -> None:
        old = self.running_V
        super().take_statistics()
        if not self.eval:
            self.running_V = self.updated(old, np.sqrt(self.V))


# Wrong, in float32.


@wrong(TRAIN)
class Float32VariancePathMissing(Float32):
    def variance_path(self) -> Array:
        return np.zeros_like(self.Z)


@wrong(BOTH)
class Float32BZForNZ(Float32):
    def scale_gradient(self) -> Array:
        return (self.dLdBZ * self.BZ).sum(axis=0, keepdims=True)

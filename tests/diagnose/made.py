"""A mini-batch that hides nothing, all that the definition makes of it, and the notes on a mistake.

The formulas stand here once more, in plain NumPy, so that a mistake in the package shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bncheck.check.arrays import check_arrays
from bncheck.check.setup import CheckOptions, MiniBatch
from bncheck.report.model import Note

Array = NDArray[np.float64]
ALPHA, EPS = 0.8, 0.1


@dataclass(frozen=True, eq=False)
class Made:
    """A mini-batch and what belongs to it, by the names of the definition."""

    mode: str
    Z: Array
    dLdBZ: Array
    BW: Array
    Bb: Array
    running_M: Array
    running_V: Array

    @property
    def N(self) -> int:
        return len(self.Z)

    @property
    def M(self) -> Array:
        return self.Z.mean(axis=0, keepdims=True)

    @property
    def V(self) -> Array:
        return self.Z.var(axis=0, keepdims=True)

    @property
    def used_M(self) -> Array:
        return self.M if self.mode == "train" else self.running_M

    @property
    def used_V(self) -> Array:
        return self.V if self.mode == "train" else self.running_V

    @property
    def X(self) -> Array:
        return self.Z - self.used_M

    @property
    def root(self) -> Array:
        return np.sqrt(self.used_V + EPS)

    @property
    def NZ(self) -> Array:
        return self.X / self.root

    @property
    def dLdNZ(self) -> Array:
        return self.dLdBZ * self.BW

    @property
    def paths(self) -> tuple[Array, Array, Array]:
        """The direct, the variance and the mean path of dLdZ, by the numbers of this batch."""
        along = (self.dLdNZ * self.NZ).mean(axis=0) * self.NZ
        mean = self.dLdNZ.mean(axis=0) * np.ones_like(self.Z)
        return self.dLdNZ / self.root, -along / self.root, -mean / self.root

    @property
    def right(self) -> dict[str, Array]:
        """All that a right layer computes."""
        training = self.mode == "train"
        new = 1 - ALPHA if training else 0
        direct, variance, mean = self.paths
        return {
            "BZ": self.BW * self.NZ + self.Bb,
            "running_M": self.running_M + new * (self.M - self.running_M),
            "running_V": self.running_V + new * (self.V - self.running_V),
            "dLdBb": total(self.dLdBZ),
            "dLdBW": total(self.dLdBZ * self.NZ),
            "dLdNZ": self.dLdNZ,
            "dLdV": training * -0.5 * total(self.dLdNZ * self.X) / self.root**3,
            "dLdM": training * -total(self.dLdNZ) / self.root,
            "dLdZ": direct + variance + mean if training else direct,
        }

    @property
    def state(self) -> dict[str, Array]:
        return {name: getattr(self, name) for name in ("BW", "Bb", "running_M", "running_V")}


def total(A: Array) -> Array:
    """The sum over the rows, (1, C)."""
    return A.sum(axis=0, keepdims=True)


@cache
def made(mode: str = "train", N: int = 12) -> Made:
    rng = np.random.default_rng(5)
    return Made(
        mode,
        Z=rng.standard_normal((N, 3)) * [0.5, 1.0, 2.0] + [3.0, -1.0, 0.4],
        dLdBZ=rng.standard_normal((N, 3)) + 0.3,
        BW=np.array([[1.7, -0.6, 2.3]]),
        Bb=np.array([[0.9, 1.1, -0.7]]),
        running_M=np.array([[2.1, -0.3, 0.8]]),
        running_V=np.array([[0.6, 1.4, 3.1]]),
    )


def notes_on(
    results: Mapping[str, Array], batch: Made, *, eps: float = EPS, rtol: float = 1e-6
) -> list[Note]:
    """The notes of a check of these results."""
    report = check_arrays(
        results,
        MiniBatch(batch.Z, batch.dLdBZ, batch.state),
        CheckOptions(batch.mode, rtol=rtol),
        alpha=ALPHA,
        eps=eps,
    )
    return [note for note in report.notes if note.code not in ("skipped", "forward-differs")]


def codes_of(results: Mapping[str, Array], batch: Made, *, eps: float = EPS) -> list[str]:
    return [note.code for note in notes_on(results, batch, eps=eps)]

"""Batch normalisation as a course has it: the formulas written out, one a line, in plain NumPy."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Textbook:
    """What BatchNorm1d is measured against. Every quantity of the formulas is kept."""

    def __init__(self, num_features: int, alpha: float = 0.9, eps: float = 1e-8) -> None:
        self.alpha = alpha
        self.eps = eps
        self.BW = np.ones((1, num_features))
        self.Bb = np.zeros((1, num_features))
        self.running_M = np.zeros((1, num_features))
        self.running_V = np.ones((1, num_features))

    def forward(self, Z: Array) -> Array:
        self.Z = Z
        self.N = Z.shape[0]
        self.M = np.mean(Z, axis=0, keepdims=True)
        self.V = np.mean((Z - self.M) ** 2, axis=0, keepdims=True)
        self.NZ = (Z - self.M) / np.sqrt(self.V + self.eps)
        self.BZ = self.BW * self.NZ + self.Bb
        self.running_M = self.alpha * self.running_M + (1 - self.alpha) * self.M
        self.running_V = self.alpha * self.running_V + (1 - self.alpha) * self.V
        return self.BZ

    def backward(self, dLdBZ: Array) -> Array:
        Z, M, V, eps, N = self.Z, self.M, self.V, self.eps, self.N
        self.dLdBb = np.sum(dLdBZ, axis=0, keepdims=True)
        self.dLdBW = np.sum(dLdBZ * self.NZ, axis=0, keepdims=True)
        self.dLdNZ = dLdBZ * self.BW
        dLdNZ, add = self.dLdNZ, partial(np.sum, axis=0, keepdims=True)
        self.dLdV = -1 / 2 * (V + eps) ** (-3 / 2) * add(dLdNZ * (Z - M))
        self.dLdM = -((V + eps) ** (-1 / 2)) * add(dLdNZ) - 2 / N * self.dLdV * add(Z - M)
        self.dLdZ = dLdNZ * (V + eps) ** (-1 / 2) + 2 / N * self.dLdV * (Z - M) + self.dLdM / N
        return self.dLdZ

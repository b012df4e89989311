"""Batch normalisation as a course has it: the formulas written out, one a line, in plain NumPy."""

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
        X = self.Z - self.M
        std = np.sqrt(self.V + self.eps)
        self.dLdBb = np.sum(dLdBZ, axis=0, keepdims=True)
        self.dLdBW = np.sum(dLdBZ * self.NZ, axis=0, keepdims=True)
        self.dLdNZ = dLdBZ * self.BW
        self.dLdV = -0.5 / std**3 * np.sum(self.dLdNZ * X, axis=0, keepdims=True)
        along_mean = 2 / self.N * self.dLdV * np.sum(X, axis=0, keepdims=True)
        self.dLdM = -np.sum(self.dLdNZ, axis=0, keepdims=True) / std - along_mean
        self.dLdZ = self.dLdNZ / std + 2 / self.N * self.dLdV * X + self.dLdM / self.N
        return self.dLdZ

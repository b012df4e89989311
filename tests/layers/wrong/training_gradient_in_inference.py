"""In inference mode backward still takes the statistics for functions of the input."""

import numpy as np


class BatchNorm1d:
    def __init__(self, num_features, alpha=0.9):
        self.alpha = alpha
        self.eps = 1e-8
        self.BW = np.ones((1, num_features))
        self.Bb = np.zeros((1, num_features))
        self.running_M = np.zeros((1, num_features))
        self.running_V = np.ones((1, num_features))

    def forward(self, Z, eval=False):
        self.Z, self.N, self.eval = Z, len(Z), eval
        if eval:
            self.M, self.V = self.running_M, self.running_V
        else:
            self.M = np.mean(Z, axis=0, keepdims=True)
            self.V = np.var(Z, axis=0, keepdims=True)
            self.running_M = self.alpha * self.running_M + (1 - self.alpha) * self.M
            self.running_V = self.alpha * self.running_V + (1 - self.alpha) * self.V
        self.NZ = (Z - self.M) / np.sqrt(self.V + self.eps)
        self.BZ = self.BW * self.NZ + self.Bb
        return self.BZ

    def backward(self, dLdBZ):
        self.dLdBb = np.sum(dLdBZ, axis=0, keepdims=True)
        self.dLdBW = np.sum(dLdBZ * self.NZ, axis=0, keepdims=True)
        self.dLdNZ = dLdBZ * self.BW
        std = np.sqrt(self.V + self.eps)
        X = self.Z - self.M
        self.dLdV = -0.5 * np.sum(self.dLdNZ * X, axis=0, keepdims=True) / std**3
        self.dLdM = -np.sum(self.dLdNZ, axis=0, keepdims=True) / std
        self.dLdM -= 2 / self.N * self.dLdV * np.sum(X, axis=0, keepdims=True)
        return self.dLdNZ / std + self.dLdV * 2 / self.N * X + self.dLdM / self.N

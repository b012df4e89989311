"""A layer among others, with lines that show what is going on."""

import numpy as np


class Linear:
    def __init__(self, in_features, out_features):
        self.W = np.random.default_rng(0).standard_normal((out_features, in_features))

    def forward(self, A):
        self.A = A
        return A @ self.W.T

    def backward(self, dLdZ):
        self.dLdW = dLdZ.T @ self.A
        return dLdZ @ self.W


class ReLU:
    def forward(self, Z):
        self.A = np.maximum(Z, 0)
        return self.A

    def backward(self, dLdA):
        return dLdA * (self.A > 0)


class BatchNorm1d:
    def __init__(self, num_features, alpha=0.9):
        self.alpha, self.eps = alpha, 1e-8
        self.BW, self.Bb = np.ones((1, num_features)), np.zeros((1, num_features))
        self.running_M, self.running_V = np.zeros((1, num_features)), np.ones((1, num_features))

    def forward(self, Z, eval=False):
        print("forward", Z.shape)
        M, V = self.running_M, self.running_V
        if not eval:
            M, V = Z.mean(axis=0, keepdims=True), Z.var(axis=0, keepdims=True)
            self.running_M = self.alpha * self.running_M + (1 - self.alpha) * M
            self.running_V = self.alpha * self.running_V + (1 - self.alpha) * V
        self.eval, self.std = eval, np.sqrt(V + self.eps)
        self.NZ = (Z - M) / self.std
        return self.BW * self.NZ + self.Bb

    def backward(self, dLdBZ):
        print("backward", dLdBZ.shape)
        self.dLdBb = dLdBZ.sum(axis=0, keepdims=True)
        self.dLdBW = (dLdBZ * self.NZ).sum(axis=0, keepdims=True)
        if self.eval:
            return dLdBZ * self.BW / self.std
        return self.BW / self.std * (dLdBZ - (self.dLdBb + self.NZ * self.dLdBW) / len(dLdBZ))


if __name__ == "__main__":
    print(BatchNorm1d(3).forward(np.eye(3)))

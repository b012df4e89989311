import numpy as np


class BatchNorm1d:
    def __init__(self, num_features, alpha=0.9):
        self.alpha = np.float32(alpha)
        self.eps = np.float32(1e-8)
        self.BW = np.ones((1, num_features), np.float32)
        self.Bb = np.zeros((1, num_features), np.float32)
        self.running_M = np.zeros((1, num_features), np.float32)
        self.running_V = np.ones((1, num_features), np.float32)

    def forward(self, Z, eval=False):
        Z = Z.astype(np.float32)
        M, V = self.running_M, self.running_V
        if not eval:
            M, V = Z.mean(axis=0, keepdims=True), Z.var(axis=0, keepdims=True)
            self.running_M = self.alpha * self.running_M + (1 - self.alpha) * M
            self.running_V = self.alpha * self.running_V + (1 - self.alpha) * V
        self.eval, self.std = eval, np.sqrt(V + self.eps)
        self.NZ = (Z - M) / self.std
        return self.BW * self.NZ + self.Bb

    def backward(self, dLdBZ):
        dLdBZ = dLdBZ.astype(np.float32)
        self.dLdBb = dLdBZ.sum(axis=0, keepdims=True)
        self.dLdBW = (dLdBZ * self.NZ).sum(axis=0, keepdims=True)
        if self.eval:
            return dLdBZ * self.BW / self.std
        return self.BW / self.std * (dLdBZ - (self.dLdBb + self.NZ * self.dLdBW) / len(dLdBZ))

"""dgamma and dbeta are averages over the samples, not sums."""

import numpy as np


class BatchNorm:
    def __init__(self, in_feature, alpha=0.9):
        self.alpha = alpha
        self.eps = 1e-8
        self.gamma = np.ones((1, in_feature))
        self.beta = np.zeros((1, in_feature))
        self.dgamma = np.zeros((1, in_feature))
        self.dbeta = np.zeros((1, in_feature))
        self.running_mean = np.zeros((1, in_feature))
        self.running_var = np.ones((1, in_feature))

    def __call__(self, x, eval=False):
        return self.forward(x, eval)

    def forward(self, x, eval=False):
        self.eval = eval
        if eval:
            self.mean, self.var = self.running_mean, self.running_var
        else:
            self.mean = x.mean(axis=0, keepdims=True)
            self.var = x.var(axis=0, keepdims=True)
            self.running_mean = self.alpha * self.running_mean + (1 - self.alpha) * self.mean
            self.running_var = self.alpha * self.running_var + (1 - self.alpha) * self.var
        self.x = x
        self.norm = (x - self.mean) / np.sqrt(self.var + self.eps)
        self.out = self.gamma * self.norm + self.beta
        return self.out

    def backward(self, delta):
        self.dbeta = np.mean(delta, axis=0, keepdims=True)
        self.dgamma = np.mean(delta * self.norm, axis=0, keepdims=True)
        dnorm = delta * self.gamma
        std = np.sqrt(self.var + self.eps)
        if self.eval:
            return dnorm / std
        b = self.x.shape[0]
        dvar = -0.5 * np.sum(dnorm * (self.x - self.mean), axis=0) * (self.var + self.eps) ** -1.5
        dmean = -np.sum(dnorm / std, axis=0) - 2 / b * dvar * np.sum(self.x - self.mean, axis=0)
        return dnorm / std + dvar * 2 / b * (self.x - self.mean) + dmean / b

import numpy as np


class BatchNorm:
    def __init__(self, dim, eps=1e-5):
        self.eps = eps
        self.gamma, self.beta = np.ones(dim), np.zeros(dim)
        self.moving_mean, self.moving_var = np.zeros(dim), np.ones(dim)

    def forward(self, x, mode="train"):
        self.mode = mode
        if mode == "train":
            self.mean, self.var = np.mean(x, axis=0), np.var(x, axis=0)
            self.moving_mean = 0.9 * self.moving_mean + 0.1 * self.mean
            self.moving_var = 0.9 * self.moving_var + 0.1 * self.var
        else:
            self.mean, self.var = self.moving_mean, self.moving_var
        self.x_hat = (x - self.mean) / np.sqrt(self.var + self.eps)
        return self.gamma * self.x_hat + self.beta

    def backward(self, dout):
        self.dbeta = np.sum(dout, axis=0)
        self.dgamma = np.sum(self.x_hat * dout, axis=0)
        factor = self.gamma / np.sqrt(self.var + self.eps)
        if self.mode != "train":
            return factor * dout
        return factor * (dout - self.dbeta / len(dout) - self.x_hat * self.dgamma / len(dout))

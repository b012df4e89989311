"""backward returns the gradients of the parameters before dLdZ, the shift's first."""

import numpy as np


class BatchNorm1d:
    def __init__(self, num_features, alpha=0.9, eps=1e-8):
        self.alpha, self.eps = alpha, eps
        self.weight, self.bias = np.ones((1, num_features)), np.zeros((1, num_features))
        self.running_mean, self.running_var = 0 * self.bias, 1 * self.weight

    def forward(self, x, is_training=True):
        if is_training:
            mean, var = x.mean(axis=0, keepdims=True), x.var(axis=0, keepdims=True)
            self.running_mean = self.alpha * self.running_mean + (1 - self.alpha) * mean
            self.running_var = self.alpha * self.running_var + (1 - self.alpha) * var
        else:
            mean, var = self.running_mean, self.running_var
        self.is_training, self.inv_std = is_training, 1 / np.sqrt(var + self.eps)
        self.x_hat = (x - mean) * self.inv_std
        return self.x_hat * self.weight + self.bias

    def backward(self, grad):
        dbias = grad.sum(axis=0, keepdims=True)
        dweight = (grad * self.x_hat).sum(axis=0, keepdims=True)
        dx = grad
        if self.is_training:
            dx = dx - dbias / len(grad) - self.x_hat * dweight / len(grad)
        dx = dx * self.weight * self.inv_std
        return dbias, dweight, dx

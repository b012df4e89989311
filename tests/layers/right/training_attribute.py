"""The mode is an attribute; momentum weighs the new value; the statistics start as numbers."""

import numpy as np


class BatchNorm1d:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps = eps
        self.momentum = momentum
        self.training = True
        self.weight = np.ones(num_features)
        self.bias = np.zeros(num_features)
        self.running_mean = 0.0
        self.running_var = 1.0

    def forward(self, input):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = input.mean(0), input.var(0)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
        self.inv_std = 1 / np.sqrt(var + self.eps)
        self.normalised = (input - mean) * self.inv_std
        return self.normalised * self.weight + self.bias

    def backward(self, grad_output):
        self.grad_gamma = np.einsum("nc,nc->c", grad_output, self.normalised)
        self.grad_beta = np.einsum("nc->c", grad_output)
        grad = grad_output * self.weight
        if self.training:
            grad = grad - grad.mean(0) - self.normalised * (grad * self.normalised).mean(0)
        return grad * self.inv_std

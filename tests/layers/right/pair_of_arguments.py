"""A pair whose settings are arguments, and which returns its running statistics."""

import numpy as np


def batch_norm_forward(X, gamma, beta, running_mean, running_var, training=True, eps=1e-5):
    mean, var = (X.mean(axis=0), X.var(axis=0)) if training else (running_mean, running_var)
    std = np.sqrt(var + eps)
    X_hat = (X - mean) / std
    if training:
        running_mean = 0.9 * running_mean + 0.1 * mean
        running_var = 0.9 * running_var + 0.1 * var
    return gamma * X_hat + beta, (X_hat, gamma / std, training), running_mean, running_var


def batch_norm_backward(dY, cache):
    X_hat, factor, training = cache
    dgamma, dbeta = (dY * X_hat).sum(axis=0), dY.sum(axis=0)
    if training:
        dY = dY - dbeta / len(dY) - X_hat * dgamma / len(dY)
    return dY * factor, dgamma, dbeta

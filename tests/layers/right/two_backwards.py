"""One forward for two backwards: NAME tells which."""

import numpy as np


def batchnorm_forward(x, gamma, beta, bn_param):
    if bn_param["mode"] == "test":
        x_hat = (x - bn_param["running_mean"]) / np.sqrt(bn_param["running_var"] + bn_param["eps"])
        return gamma * x_hat + beta, None
    momentum = bn_param["momentum"]
    mean = x.mean(axis=0)
    xmu = x - mean
    var = np.mean(xmu**2, axis=0)
    ivar = 1 / np.sqrt(var + bn_param["eps"])
    bn_param["running_mean"] = momentum * bn_param["running_mean"] + (1 - momentum) * mean
    bn_param["running_var"] = momentum * bn_param["running_var"] + (1 - momentum) * var
    return gamma * xmu * ivar + beta, {"xmu": xmu, "ivar": ivar, "gamma": gamma}


def batchnorm_backward(dout, cache):
    xmu, ivar = cache["xmu"], cache["ivar"]
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xmu * ivar).sum(axis=0)
    dx_hat = dout * cache["gamma"]
    dvar = (dx_hat * xmu).sum(axis=0) * -0.5 * ivar**3
    dmean = -(dx_hat * ivar).sum(axis=0)
    dx = dx_hat * ivar + dvar * 2 * xmu / len(dout) + dmean / len(dout)
    return dx, dgamma, dbeta


def batchnorm_backward_alt(dout, cache):
    x_hat = cache["xmu"] * cache["ivar"]
    dbeta, dgamma = dout.sum(axis=0), (dout * x_hat).sum(axis=0)
    dx = cache["gamma"] * cache["ivar"] * (dout - (dbeta + x_hat * dgamma) / len(dout))
    return dx, dgamma, dbeta

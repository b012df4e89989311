"""Made with gamma and beta; running statistics that begin with the first batch."""

import numpy as np


class BatchNormalization:
    def __init__(self, gamma, beta, momentum=0.9, running_mean=None, running_var=None):
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.running_mean = running_mean
        self.running_var = running_var
        self.dgamma = None
        self.dbeta = None

    def forward(self, x, train_flg=True):
        if self.running_mean is None:
            self.running_mean, self.running_var = np.zeros(x.shape[1]), np.ones(x.shape[1])
        self.train_flg = train_flg
        if not train_flg:
            self.std = np.sqrt(self.running_var + 1e-6)
            self.xn = (x - self.running_mean) / self.std
            return self.gamma * self.xn + self.beta
        mu = x.mean(axis=0)
        xc = x - mu
        var = np.mean(xc**2, axis=0)
        self.std = np.sqrt(var + 1e-6)
        self.xn = xc / self.std
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(self.xn * dout, axis=0)
        dxc = self.gamma * dout / self.std
        if not self.train_flg:
            return dxc
        dvar = -0.5 * np.sum(dxc * self.xn, axis=0) / self.std
        dxc = dxc + 2 / len(dout) * self.xn * self.std * dvar
        return dxc - dxc.mean(axis=0)

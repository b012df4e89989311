"""Three wrong ways for BatchNorm1d to go back. Reports show places in this file: keep its lines."""

import numpy as np

from bncheck.batchnorm.layer import BatchNorm1d

right = BatchNorm1d.backward


def without_variance_path(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    dLdZ = right(layer, dLdBZ)
    return dLdZ - layer.dLdV * 2 * (layer.Z - layer.M) / layer.N


def that_raises(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    raise IndexError("too many indices for array: [/]")


def that_returns_its_transpose(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    return right(layer, dLdBZ).T

"""Wrong ways for BatchNorm1d to go back. Reports show places in this file: keep its lines."""

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


def without_mean_path(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    return right(layer, dLdBZ) - layer.dLdM / layer.N


def wrong_in_one_feature(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    dLdZ = right(layer, dLdBZ)
    dLdZ[:, -1] *= 2
    return dLdZ


def wrong_in_the_last_row(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    dLdZ = right(layer, dLdBZ)
    dLdZ[-1] *= 1.01
    return dLdZ


def wrong_in_one_entry(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    dLdZ = right(layer, dLdBZ)
    dLdZ[7, 1] += 1e-4 * abs(dLdZ).max()
    return dLdZ


def not_finite_here_and_there(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    dLdZ = right(layer, dLdBZ)
    dLdZ[3, 0], dLdZ[40, 2] = np.nan, np.inf
    return dLdZ


def summed_to_one_number(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
    dLdZ = right(layer, dLdBZ)
    layer.dLdBW = np.full_like(layer.dLdBW, layer.dLdBW.sum())
    return dLdZ


MISTAKES = [
    without_mean_path,
    wrong_in_one_feature,
    wrong_in_the_last_row,
    wrong_in_one_entry,
    not_finite_here_and_there,
    summed_to_one_number,
]

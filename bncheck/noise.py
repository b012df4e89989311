"""The rounding noise of a layer's forward, seen from outside.

Training-mode batch normalisation does not change when a constant is added to a column, nor, but for
their order, when its rows are permuted. What a forward returns for such inputs beyond the first
answer is its rounding noise, whatever formula it uses. J. Moré, S. Wild, "Estimating Computational
Noise", SIAM J. Sci. Comput. 33 (2011), is the general idea.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bncheck.definition import Array, column_sum, largest
from bncheck.expected import Expected

SHIFTS = 5
PERMUTATIONS = 2

SAFETY = 4
"""The largest of seven samples, times this, is taken for a bound: three to five deviations."""

ROUNDINGS = 4
"""Roundings, at least, between an entry of Z and one of BZ; each at most one unit of BZ's type."""


@dataclass(frozen=True)
class Noise:
    """Bounds on the rounding noise, (1, C): of an entry of BZ, and of a column's loss."""

    BZ: Array
    loss: Array


def least_noise(expected: Expected, eps: float) -> Noise:
    """The noise that every forward has which computes in a type of relative precision `eps`."""
    p = expected.parameters
    of_entry = ROUNDINGS * eps * (np.abs(p.BW) * expected.largest_NZ + np.abs(p.Bb))
    return Noise(of_entry, of_entry * column_sum(np.abs(expected.dLdBZ)))


def measure_noise(
    forward: Callable[[Array], Array], Z: Array, expected: Expected, rng: np.random.Generator
) -> Noise:
    """The noise of a training-mode forward at Z, (N, C), which is in the layer's own type."""
    BZ = forward(Z).astype(float)
    differences = [forward(Z + c).astype(float) - BZ for c in _shifts(Z, expected.root, rng)]
    for _ in range(PERMUTATIONS):
        order = rng.permutation(len(Z))
        differences.append(forward(Z[order]).astype(float) - BZ[order])
    least = least_noise(expected, float(np.finfo(forward(Z).dtype).eps))
    losses = [np.abs(column_sum(expected.dLdBZ * difference)) for difference in differences]
    entries = [largest(difference) for difference in differences]
    return Noise(
        least.BZ + SAFETY * np.max(entries, axis=0), least.loss + SAFETY * np.max(losses, axis=0)
    )


def _shifts(Z: Array, root: Array, rng: np.random.Generator) -> Iterator[Array]:
    """Constants, (1, C), of the size of a column's spread that Z takes without being rounded.

    They are multiples of the unit in the last place of the column's largest value, and they move
    the column towards 0, where numbers lie no less densely.
    """
    size = np.maximum(largest(Z), root.astype(Z.dtype))
    spacing = np.spacing(size).astype(float)
    towards_zero = np.where(Z.astype(float).sum(axis=0, keepdims=True) > 0, -1, 1)
    for _ in range(SHIFTS):
        multiple = np.maximum(np.round(rng.uniform(0.5, 4, root.shape) * root / spacing), 1)
        yield (towards_zero * multiple * spacing).astype(Z.dtype)

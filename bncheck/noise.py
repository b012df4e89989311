"""The rounding noise of a layer's forward, seen from outside.

Along equally spaced points a smooth function has tiny fourth differences; those of its rounding
noise are large. What is left of a forward's output after four differences is its noise, whatever
formula it uses. R. W. Hamming, "Introduction to Applied Numerical Analysis" (1971), chapter 6;
J. Moré, S. Wild, "Estimating Computational Noise", SIAM J. Sci. Comput. 33 (2011).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bncheck.definition import Array, column_sum, largest
from bncheck.expected import Expected

ROWS = 4
"""So many rows of Z are moved, one after the other."""

POINTS = 7
"""Equally spaced points for each of them."""

ORDER = 4
"""Of the differences."""

AMPLIFICATION = 70**0.5
"""Noise of deviation 1 has fourth differences of deviation sqrt(1 + 16 + 36 + 16 + 1)."""

SAFETY = 4
"""The largest of the samples, times this, is taken for a bound: about six deviations."""

SPACING = 2.0**-20
"""Of the points, in units of the length over which the loss bends: its fourth power is nothing."""

DISTANCE = 2.0**-9
"""Half of the rows start so far away, in the same units: where differences are taken, and where
noise may be seen that a constant column, with NZ = 0, hides."""

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
    forward: Callable[[Array], Array],
    Z: Array,
    kind: np.dtype[Any],
    expected: Expected,
    rng: np.random.Generator,
) -> Noise:
    """The noise of a forward at Z, (N, C), in the layer's own type; `kind` is that of its BZ."""
    least = least_noise(expected, float(np.finfo(kind if kind.kind == "f" else float).eps))
    of_entries, of_losses = [least.BZ * 0], [least.loss * 0]
    rows = np.resize(rng.permutation(len(Z)), ROWS)
    for row, far in zip(rows, (0, DISTANCE, 0, -DISTANCE), strict=True):
        line = _line(Z, int(row), far * expected.length, expected)
        outputs = np.stack([forward(moved).astype(float) for moved in line])
        differences = np.diff(outputs, ORDER, axis=0) / AMPLIFICATION
        of_entries += [largest(each) for each in differences]
        of_losses += [np.abs(column_sum(expected.dLdBZ * each)) for each in differences]
    # A forward that gives no number somewhere is infinitely noisy there.
    of_entries = [np.nan_to_num(each, nan=np.inf) for each in of_entries]
    of_losses = [np.nan_to_num(each, nan=np.inf) for each in of_losses]
    return Noise(
        least.BZ + SAFETY * np.max(of_entries, axis=0),
        least.loss + SAFETY * np.max(of_losses, axis=0),
    )


def _line(Z: Array, row: int, away: Array, expected: Expected) -> Iterator[Array]:
    """Z with one row at equally spaced points, from a distance `away`, (1, C), on.

    The points are multiples of the unit in the last place of twice the column's largest value, so
    that they are exactly equally spaced. From one to the next the column's mean moves by several
    units and about 0.38 of one, which gives it a new rounding each time.
    """
    N = len(Z)
    size = np.maximum(2 * largest(Z), expected.root.astype(Z.dtype) * 2.0**-20)
    unit = np.spacing(size)[0].astype(float)
    of_the_mean = np.maximum(np.round(SPACING * expected.length[0] / unit / N), 8)
    multiple = of_the_mean * N + np.ceil(0.38 * N)
    start = np.round((Z[row] + away[0]) / unit) * unit
    for point in range(POINTS):
        moved = Z.copy()
        moved[row] = (start + point * multiple * unit).astype(Z.dtype)
        yield moved

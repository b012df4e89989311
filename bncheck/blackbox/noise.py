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
from numpy.typing import NDArray

from bncheck.arrays import EPS, Array, Rows
from bncheck.blackbox.loss import Losses
from bncheck.reference.forward import ReferenceForward
from bncheck.reference.sums import largest, sum_of_products

ROWS = 4
"""So many rows of Z are moved, one after the other."""

LOOKED_AT = 2**14
"""So many entries of BZ are looked at to see its noise; the losses have a part of every entry."""

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


@dataclass(frozen=True, eq=False)
class Noise:
    """Bounds on the rounding noise, (1, C): of an entry of BZ, and of a column's loss."""

    BZ: Array
    loss: Array


def least_noise(reference: ReferenceForward, eps: float) -> Noise:
    """The noise that every forward has which computes in a type of relative precision `eps`."""
    p = reference.parameters
    of_entry = ROUNDINGS * eps * (np.abs(p.BW) * reference.largest_NZ + np.abs(p.Bb))
    return Noise(of_entry, of_entry * reference.total_dLdBZ)


def measure_noise(
    forward: Callable[[Array], Array],
    Z: Array,
    kind: np.dtype[Any],
    reference: ReferenceForward,
    rng: np.random.Generator,
) -> Noise:
    """The noise of a forward at Z, (N, C), in the layer's own type; `kind` is that of its BZ."""
    least = least_noise(reference, float(np.finfo(kind if kind.kind == "f" else float).eps))
    order = rng.permutation(len(Z))
    looked_at = order[: max(LOOKED_AT // Z.shape[1], ROWS)]
    of_entries, of_losses = [least.BZ * 0], [least.loss * 0]
    for row, far in zip(np.resize(order, ROWS), (0, DISTANCE, 0, -DISTANCE), strict=True):
        line = _line(Z, int(row), far * reference.length_scale, reference)
        outputs = (forward(moved).astype(float, copy=False) for moved in line)
        entries, losses = _along_line(outputs, reference.dLdBZ[:], looked_at)
        of_entries += [largest(each) for each in _differences(entries)]
        of_losses += [np.abs(each) for each in _differences(losses)]
    # A forward that gives no number somewhere is infinitely noisy there.
    of_entries = [np.nan_to_num(each, nan=np.inf) for each in of_entries]
    of_losses = [np.nan_to_num(each, nan=np.inf) for each in of_losses]
    return Noise(
        least.BZ + SAFETY * np.max(of_entries, axis=0),
        least.loss + SAFETY * np.max(of_losses, axis=0),
    )


def _along_line(
    outputs: Iterator[Array], dLdBZ: Array, looked_at: NDArray[np.intp]
) -> tuple[Array, Array]:
    """Some rows of BZ at each point, and the increments of the losses from the first, (1, C)."""
    first = next(outputs)
    entries, losses = [first[looked_at]], [np.zeros((1, first.shape[1]))]
    for output in outputs:
        entries.append(output[looked_at])
        losses.append(sum_of_products(dLdBZ, output - first))
    return np.stack(entries), np.stack(losses)


def _differences(points: Array) -> Array:
    """What fourth differences of equally spaced points show of their noise."""
    with np.errstate(all="ignore"):
        differences: Array = np.diff(points, ORDER, axis=0) / AMPLIFICATION
    return differences


def noise_of_losses(
    losses: Losses, Z: Rows, reference: ReferenceForward, rng: np.random.Generator, lines: int
) -> Array:
    """A bound on the noise of the columns' losses, (1, C), from them alone, in float64.

    Parameters
    ----------
    losses
        The layer's.
    Z
        Its input, (N, C).
    reference
        The definition's forward for it.
    rng
        Draws the rows that are moved.
    lines
        How many, POINTS evaluations each.
    """
    least = least_noise(reference, EPS).loss
    found = [least * 0]
    for line in range(lines):
        row = int(rng.integers(reference.N))
        away = (0, DISTANCE)[line % 2] * reference.length_scale
        nodes = _points(Z[row : row + 1], away, reference)
        increments = losses.replace_rows(np.full(POINTS, row), nodes)
        found += [np.abs(each[None]) for each in _differences(increments)]
    bound: Array = least + SAFETY * np.max(found, axis=0)
    return bound


def _line(Z: Array, row: int, away: Array, reference: ReferenceForward) -> Iterator[Array]:
    """Z with one row at the points of a line."""
    for node in _points(Z[row : row + 1], away, reference):
        moved = Z.copy()
        moved[row] = node
        yield moved


def _points(row: Array, away: Array, reference: ReferenceForward) -> Array:
    """Equally spaced points, (POINTS, C), from a distance `away` of a row of Z on, (1, C) both.

    The points are multiples of the unit in the last place of twice the column's largest value, so
    that they are exactly equally spaced. From one to the next the column's mean moves by several
    units and about 0.38 of one, which gives it a new rounding each time.
    """
    kind, N = row.dtype, reference.N
    size = np.maximum(2 * reference.largest_Z.astype(kind), reference.root.astype(kind) * 2.0**-20)
    unit = np.spacing(size.astype(kind)).astype(float)
    of_the_mean = np.maximum(np.round(SPACING * reference.length_scale / unit / N), 8)
    multiple = of_the_mean * N + np.ceil(0.38 * N)
    start = np.round((row + away) / unit) * unit
    points: Array = (start + np.arange(POINTS)[:, None] * multiple * unit).astype(kind)
    return points

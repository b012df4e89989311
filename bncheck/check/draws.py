"""What is drawn from the seed where the user brings nothing along.

The starting values of a layer hide mistakes: BW = 1 hides a forgotten BW, Bb = 0 hides BZ used for
NZ, running statistics of 0 and 1 hide most mistakes of the inference mode.
"""

from dataclasses import dataclass

import numpy as np

from bncheck.arrays import Array


@dataclass(frozen=True, eq=False)
class Draws:
    """One draw of parameters and running statistics, (1, C) each."""

    BW: Array
    Bb: Array
    running_M: Array
    running_V: Array


def draw(rng: np.random.Generator, M: Array, V: Array, eps: float) -> Draws:
    """Draw parameters and running statistics for a mini-batch of mean M and variance V, (1, C).

    BW and Bb have both signs and absolute values from 0.5 to 2. The running statistics are those of
    a batch like this one: within about one standard deviation of its mean M, (1, C), and from half
    to twice its variance V, (1, C).

    Everything is drawn every time, so that bringing one thing along does not change the others.
    """
    shape = M.shape

    def signed() -> Array:
        return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 2, shape)

    BW, Bb = signed(), signed()
    spread = V + eps
    return Draws(
        BW=BW,
        Bb=Bb,
        running_M=M + np.sqrt(spread) * rng.standard_normal(shape),
        running_V=spread * rng.uniform(0.5, 2, shape),
    )


def draw_upstream(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw an upstream gradient, (N, C)."""
    return rng.standard_normal(shape)

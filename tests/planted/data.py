"""Mini-batches on which finite differences have a hard time, and what goes with them.

Everything is drawn from a seed; a name gives the same numbers whatever other names there are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Draw = Callable[[np.random.Generator], Array]

ALPHA = 0.9
SCALES = (1e-12, 1e-9, 1e-6, 1e-5, 1e-4, 1e-2, 1e2, 1e4, 1e6, 1e9, 1e12)
OFFSETS = (1, 10, 1e2, 1e3, 1e4, 1e6, 1e8, -3, -1e2, -1e4, -1e6)
ROWS = (1, 2, 3, 4, 5, 8, 16, 32, 64, 100, 300)
CONSTANTS = (0, 1, 0.1, 1e6, 1e12)


@dataclass(frozen=True)
class DataSet:
    """How to draw Z, (N, C); eps of the layer; what of the rest is set to one value."""

    draw: Draw
    eps: float = 1e-8
    fixed: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Case:
    """All that a layer gets in one trial: Z and dLdBZ, (N, C), and its state, (1, C) each."""

    name: str
    mode: str
    Z: Array
    dLdBZ: Array
    state: Mapping[str, Array]
    eps: float


def normal(rows: int, columns: int, scale: float = 1, offset: float = 0) -> Draw:
    return lambda rng: scale * (offset + rng.standard_normal((rows, columns)))


def constant(value: float) -> Draw:
    return lambda rng: np.full((7, 2), float(value))


def columns(*draws: Draw) -> Draw:
    return lambda rng: np.hstack([draw(rng) for draw in draws])


def with_outlier(size: float) -> Draw:
    def draw(rng: np.random.Generator) -> Array:
        Z = rng.standard_normal((32, 2))
        Z[5, 0] = size
        return Z

    return draw


def one_differs(value: float, other: float) -> Draw:
    def draw(rng: np.random.Generator) -> Array:
        Z = np.full((9, 2), value)
        Z[rng.integers(9), 0] = Z[rng.integers(9), 1] = other
        return Z

    return draw


def repeated(rows: int, times: int) -> Draw:
    return lambda rng: np.tile(rng.standard_normal((rows, 3)), (times, 1))


DATA_SETS: dict[str, DataSet] = {
    **{f"scale {scale:g}": DataSet(normal(16, 3, scale)) for scale in SCALES},
    **{f"mean/std {offset:g}": DataSet(normal(12, 2, 1, offset)) for offset in OFFSETS},
    **{f"{rows} rows": DataSet(normal(rows, 1 + rows % 4, 3, 0.5)) for rows in ROWS},
    **{f"constant {value:g}": DataSet(constant(value)) for value in CONSTANTS},
    "1 row of 1e12": DataSet(normal(1, 2, 1e12)),
    "1 row of 1e-3": DataSet(normal(1, 4, 1e-3)),
    "2 rows of 1e6": DataSet(normal(2, 3, 1e6)),
    "2 equal rows": DataSet(repeated(1, 2)),
    "2 rows, small": DataSet(normal(2, 3, 1e-4)),
    "1e-12 beside 1e12": DataSet(columns(normal(20, 1, 1e-12), normal(20, 1, 1e12))),
    "six scales": DataSet(columns(*(normal(10, 1, 10.0**k) for k in (-6, -3, 3, 6)))),
    "large mean beside none": DataSet(columns(normal(24, 1, 1, 1e8), normal(24, 2))),
    "large mean, large scale": DataSet(normal(24, 2, 1e6, 1e5)),
    "large mean, small scale": DataSet(normal(24, 2, 1e-3, 1e7)),
    "constant beside normal": DataSet(columns(constant(3), normal(7, 2))),
    "nearly constant 1": DataSet(normal(15, 2, 1e-9, 1e9)),
    "nearly constant 1e6": DataSet(normal(15, 2, 1e-4, 1e10)),
    "one differs": DataSet(one_differs(2.0, 2.5)),
    "one differs a little": DataSet(one_differs(1.0, 1 + 1e-6)),
    "binary": DataSet(lambda rng: rng.integers(0, 2, (40, 4)).astype(float)),
    "signs": DataSet(lambda rng: rng.choice([-1.0, 1.0], (33, 2))),
    "one-hot": DataSet(lambda rng: np.eye(32)[:, rng.permutation(32)[:3]]),
    "Cauchy": DataSet(lambda rng: rng.standard_cauchy((50, 3))),
    "Cauchy, many": DataSet(lambda rng: rng.standard_cauchy((200, 1))),
    "log-normal": DataSet(lambda rng: np.exp(3 * rng.standard_normal((40, 2)))),
    "outlier 1e4": DataSet(with_outlier(1e4)),
    "outlier 1e10": DataSet(with_outlier(1e10)),
    "digits": DataSet(lambda rng: rng.integers(0, 10, (25, 3)).astype(float)),
    "pixels": DataSet(lambda rng: rng.integers(0, 256, (48, 2)).astype(float)),
    "counts": DataSet(lambda rng: rng.poisson(0.3, (60, 2)).astype(float)),
    "sorted": DataSet(lambda rng: np.sort(rng.standard_normal((30, 2)), axis=0)),
    "ramp": DataSet(lambda rng: np.linspace([0, -5], [1, 1e3], 21)),
    "years": DataSet(lambda rng: rng.integers(1950, 2020, (35, 1)).astype(float)),
    "powers of ten": DataSet(lambda rng: 10.0 ** np.arange(-8, 8).reshape(8, 2)),
    "rows twice": DataSet(repeated(6, 2)),
    "two rows, many times": DataSet(repeated(2, 10)),
    "equal columns": DataSet(lambda rng: np.tile(rng.standard_normal((14, 1)), (1, 3))),
    "variance below eps": DataSet(normal(18, 2, 2e-5, 0.5)),
    "variance below eps, mean 1": DataSet(normal(18, 2, 1e-5, 1e5)),
    "float32 values": DataSet(lambda rng: rng.random((28, 3), np.float32).astype(float)),
    "float16 values": DataSet(lambda rng: rng.standard_normal((28, 2)).astype("f2").astype(float)),
    "eps like variance": DataSet(normal(16, 3), eps=1.0),
    "eps 1e-3": DataSet(normal(16, 3, 0.1, 2), eps=1e-3),
    "eps above variance": DataSet(normal(9, 2, 0.1), eps=10.0),
    "eps 1e-5, as in PyTorch": DataSet(normal(32, 2, 1e-2), eps=1e-5),
    "BW 0": DataSet(normal(10, 2), fixed={"BW": 0.0}),
    "BW 1e-6": DataSet(normal(10, 2), fixed={"BW": 1e-6}),
    "Bb 1e6": DataSet(normal(10, 2), fixed={"Bb": 1e6}),
    "starting values": DataSet(
        normal(10, 2, 2, 3), fixed={"BW": 1.0, "Bb": 0.0, "running_M": 0.0, "running_V": 1.0}
    ),
    "dLdBZ 1": DataSet(normal(10, 2, 2, 3), fixed={"dLdBZ": 1.0}),
    "dLdBZ 1e-9": DataSet(normal(10, 2), fixed={"dLdBZ": 1e-9}),
}


@cache
def case(name: str, mode: str, seed: int, dtype: np.dtype[Any]) -> Case:
    """The data set of this name, with parameters, running statistics and upstream gradient.

    All are rounded to the layer's type. The running statistics are those of a batch like this one.
    """
    data = DATA_SETS[name]
    rng = np.random.default_rng([seed, *name.encode()])
    Z = data.draw(rng).astype(dtype)
    shape = (1, Z.shape[1])
    spread = Z.astype(float).var(axis=0, keepdims=True) + data.eps
    drawn = {
        "BW": rng.choice([-1, 1], shape) * rng.uniform(0.5, 2, shape),
        "Bb": rng.choice([-1, 1], shape) * rng.uniform(0.5, 2, shape),
        "running_M": Z.mean(axis=0) + np.sqrt(spread) * rng.standard_normal(shape),
        "running_V": spread * rng.uniform(0.5, 2, shape),
        "dLdBZ": rng.standard_normal(Z.shape),
    }
    for key, value in data.fixed.items():
        drawn[key] = np.full(drawn[key].shape, value)
    state = {key: value.astype(dtype) for key, value in drawn.items()}
    return Case(name, mode, Z, state.pop("dLdBZ"), state, data.eps)

"""The layer, one forward and one backward, beside the textbook's formulas and beside PyTorch's.

BatchNorm1d computes NZ and dLdNZ when they are asked for, and here nobody asks; the textbook's
backward has no way around them. PyTorch runs on all cores, and on one: on a busy machine, its
threads wait for each other, and one is quicker for small matrices.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from bncheck import BatchNorm1d
from bncheck.wording import counted
from tests.benchmarks.rows import Line, Row
from tests.benchmarks.textbook import Array, Textbook
from tests.benchmarks.timing import compared, in_turn, peak_memory, wall_time

SIZES = ((8, 4), (64, 32), (1024, 256), (100_000, 100), (1_000_000, 32))
SMALL = 1024 * 256

Pairs = list[tuple[float, float]]
Step = Callable[[], object]


def layer_lines() -> Iterator[Line]:
    for shape in SIZES:
        size = "{} × {}".format(*shape)
        yield compared(f"layer: time against textbook, {size}", 0.5, partial(textbook_times, shape))
        yield compared(
            f"layer: memory against textbook, {size}", 0.5, partial(textbook_peaks, shape), "B"
        )
        for threads in sorted({os.cpu_count() or 1, 1}, reverse=True):
            name = f"layer: time against PyTorch, {counted(threads, 'thread')}, {size}"
            target = 1.0 if shape[0] * shape[1] <= SMALL else 1.3
            if has_torch():
                yield compared(name, target, partial(torch_times, shape, threads))
            else:
                yield not_installed(name)


def textbook_times(shape: tuple[int, int]) -> Pairs:
    Z, dLdBZ = data(*shape)
    steps = (step(layer, Z, dLdBZ) for layer in (BatchNorm1d(shape[1]), Textbook(shape[1])))
    return in_turn(*map(wall_time, steps))


def textbook_peaks(shape: tuple[int, int]) -> Pairs:
    """Of new layers each time: a used one would still hold what it computed last."""
    Z, dLdBZ = data(*shape)

    def peak(layer: Callable[[int], Any]) -> float:
        return peak_memory(step(layer(shape[1]), Z, dLdBZ))

    return in_turn(partial(peak, BatchNorm1d), partial(peak, Textbook), most=3)


def torch_times(shape: tuple[int, int], threads: int) -> Pairs:
    Z, dLdBZ = data(*shape)
    steps = (step(BatchNorm1d(shape[1]), Z, dLdBZ), torch_step(Z, dLdBZ, threads))
    return in_turn(*map(wall_time, steps))


def data(N: int, C: int) -> tuple[Array, Array]:
    """A mini-batch and its upstream gradient."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((N, C)), rng.standard_normal((N, C))


def step(layer: Any, Z: Array, dLdBZ: Array) -> Step:
    """A forward and a backward."""

    def both() -> None:
        layer.forward(Z)
        layer.backward(dLdBZ)

    return both


def torch_step(Z: Array, dLdBZ: Array, threads: int) -> Step:
    """The same in PyTorch, by its autograd."""
    import torch

    torch.set_num_threads(threads)
    C = Z.shape[1]
    inputs = [torch.tensor(A, requires_grad=True) for A in (Z, np.ones(C), np.zeros(C))]
    running_M, running_V = torch.zeros(C).double(), torch.ones(C).double()
    upstream = torch.tensor(dLdBZ)

    def both() -> None:
        for each in inputs:
            each.grad = None
        T, weight, bias = inputs
        output = torch.nn.functional.batch_norm(
            T, running_M, running_V, weight, bias, training=True, momentum=0.1, eps=1e-8
        )
        output.backward(upstream)

    return both


def has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def not_installed(name: str) -> Line:
    return Line(name, lambda: [Row(name, "", "not installed")])

"""gradcheck, beside PyTorch's and beside the evaluations that it cannot do without."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bncheck import BatchNorm1d, gradcheck
from bncheck.layers.discovery import build_layer
from tests.benchmarks.layers import Pairs, data, has_torch, not_installed, step
from tests.benchmarks.rows import Line, Row, amount
from tests.benchmarks.textbook import Textbook
from tests.benchmarks.timing import compared, in_turn, peak_memory, wall_time

HAND_WRITTEN = Path(__file__).parent.parent / "layers" / "right" / "spec_names.py"

SMALL, LARGE, HUGE = (64, 32), (1024, 128), (100_000, 100)

EVALUATIONS = 4
"""For each row: Richardson's extrapolation takes two central differences."""

FEW = 3
"""Pairs of what takes long."""


def check_lines() -> Iterator[Line]:
    name = "check: 64 × 32 against torch.autograd.gradcheck"
    yield compared(name, 0.005, torch_checks) if has_torch() else not_installed(name)
    yield compared("check: 1024 × 128 against its 4·N forwards, built-in", 1.5, built_in)
    yield compared("check: 1024 × 128 against its 4·N forwards, hand-written", 1.5, hand_written)
    memory = "check: memory in matrices of the input's size, 1024 × 128"
    yield Line(memory, lambda: [memory_row(memory)])
    yield compared("check: 100000 × 100 against textbook", 8, huge)


def torch_checks() -> Pairs:
    """Of every entry of the input, the weight and the bias, with the defaults of each."""
    Z, _ = data(*SMALL)
    ours = wall_time(lambda: check(BatchNorm1d(Z.shape[1]), Z))
    return in_turn(ours, wall_time(torch_check(Z)), least=FEW, most=9)


def torch_check(Z: Any) -> Callable[[], object]:
    import torch

    torch.set_num_threads(1)  # at this size its threads cost more than they save
    C = Z.shape[1]
    inputs = (torch.tensor(Z), torch.ones(C).double(), torch.zeros(C).double())
    for each in inputs:
        each.requires_grad_()

    def function(T: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.batch_norm(T, None, None, weight, bias, training=True, eps=1e-8)

    return lambda: torch.autograd.gradcheck(function, inputs)


def built_in() -> Pairs:
    return against_forwards(BatchNorm1d(LARGE[1]), BatchNorm1d(LARGE[1]).forward)


def hand_written() -> Pairs:
    layer, other = (build_layer(str(HAND_WRITTEN), LARGE[1], None, None) for _ in range(2))
    return against_forwards(layer, other.source_of("forward"))


def against_forwards(layer: Any, forward: Callable[[Any], object]) -> Pairs:
    Z, _ = data(*LARGE)

    def bare() -> None:
        for _ in range(EVALUATIONS * len(Z)):
            forward(Z)

    return in_turn(wall_time(lambda: check(layer, Z)), wall_time(bare), least=FEW)


def memory_row(name: str) -> Row:
    Z, _ = data(*LARGE)
    check(BatchNorm1d(LARGE[1]), Z)  # what is kept once and for all does not count
    peak = peak_memory(lambda: check(BatchNorm1d(LARGE[1]), Z))
    return Row(name, amount(peak, "B"), amount(Z.nbytes, "B"), (peak / Z.nbytes,), 10)


def huge() -> Pairs:
    Z, dLdBZ = data(*HUGE)
    ours = wall_time(lambda: check(BatchNorm1d(HUGE[1]), Z))
    return in_turn(ours, wall_time(step(Textbook(HUGE[1]), Z, dLdBZ)), least=FEW, most=7)


def check(layer: Any, Z: Any) -> None:
    """One that ends well: what gives up is quick."""
    if not gradcheck(layer, Z).passed:
        raise RuntimeError(f"gradcheck of {layer} did not pass")

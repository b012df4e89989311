"""Gradient checkers on the same layers with known truth: `python -m tests.benchmarks.peers`.

A pair is a planted layer in float64 and a data set, in training mode. The other checkers see a
forward and the gradients that belong to it, so only dLdZ, dLdBW and dLdBb are judged, and only
of layers whose forward is right, where BZ is right to RIGHT_WITHIN. A pair is right if a right
layer has all three within RIGHT_WITHIN of the truth, and wrong if one is beyond WRONG_BEYOND or of
another shape. What lies between is not asked, nor is a mistake that does not show in the numbers.

Every checker runs with its own defaults, on every entry of Z, BW and Bb or in a random direction,
as it is made to. A parameter gradient of shape (C,) is taken for (1, C); any other shape that is
not meant, and any exception inside a check, counts as a rejection, but for bncheck's own: those end
the benchmark.
"""

import argparse
import importlib.util
import multiprocessing
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

import bncheck
from bncheck import Verdict
from bncheck.compare.comparison import overall
from tests.planted.data import Case, case
from tests.planted.layers import RIGHT, WRONG, Planted
from tests.planted.trial import cases, make, run
from tests.planted.truth import RIGHT_WITHIN, WRONG_BEYOND, Status, error_of, truth_of

Array = NDArray[np.float64]

LAYERS = {name: layer for name, layer in (RIGHT | WRONG).items() if layer.dtype == np.float64}
GRADIENTS = ("dLdZ", "dLdBW", "dLdBb")
REVEALING = "eps like variance"
"""A data set on which every mistake of a forward shows; on a constant column, most do not."""


@dataclass(frozen=True)
class Pair:
    """A layer on a data set, also as a function of Z, BW and Bb that has no memory."""

    layer: Planted
    trial: Case

    @property
    def inputs(self) -> tuple[Array, Array, Array]:
        return self.trial.Z, self.trial.state["BW"], self.trial.state["Bb"]

    def fresh(self) -> Any:
        """The layer, before anything was run."""
        return make(self.layer, self.trial)

    def forward(self, Z: Array, BW: Array, Bb: Array) -> Array:
        return self._forward(Z, BW, Bb)[1]

    def gradients(self, Z: Array, BW: Array, Bb: Array, dLdBZ: Array) -> tuple[Array, Array, Array]:
        """dLdZ, dLdBW and dLdBb by the layer's backward."""
        layer, _ = self._forward(Z, BW, Bb)
        dLdZ = layer.backward(np.array(dLdBZ))
        return dLdZ, np.reshape(layer.dLdBW, BW.shape), np.reshape(layer.dLdBb, Bb.shape)

    def _forward(self, Z: Array, BW: Array, Bb: Array) -> tuple[Any, Array]:
        layer = self.fresh()
        for name, value in {**self.trial.state, "BW": BW, "Bb": Bb}.items():
            setattr(layer, name, np.array(value))
        return layer, layer.forward(np.array(Z))


def pairs_of(layer: Planted, seed: int) -> Iterator[tuple[Pair, Status]]:
    """All pairs of a layer that are asked."""
    if not has_right_BZ(layer, case(REVEALING, "train", seed, layer.dtype)):
        return
    for trial in cases(layer, seed):
        status = what_is_true(layer, trial) if trial.mode == "train" else Status.UNASKED
        if status is not Status.UNASKED:
            yield Pair(layer, trial), status


def what_is_true(layer: Planted, trial: Case) -> Status:
    """Whether the three gradients are right."""
    results = run(layer, trial)
    if results is None or not has_right_BZ(layer, trial):
        return Status.UNASKED
    error = max(error_of(name, results[name], truth_of(trial)) for name in GRADIENTS)
    if error > WRONG_BEYOND:
        return Status.WRONG
    return Status.RIGHT if error <= RIGHT_WITHIN and layer.name in RIGHT else Status.UNASKED


def has_right_BZ(layer: Planted, trial: Case) -> bool:
    results = run(layer, trial)
    return results is not None and error_of("BZ", results["BZ"], truth_of(trial)) <= RIGHT_WITHIN


# The checkers. Each takes a pair; one that has no third verdict tells whether it accepts.


def ask_bncheck(pair: Pair) -> Verdict:
    trial = pair.trial
    report = bncheck.gradcheck(pair.fresh(), trial.Z, dLdBZ=trial.dLdBZ, state=trial.state)
    return overall([check.verdict for check in report.inputs[0].checks if check.name in GRADIENTS])


def torch_accepts(pair: Pair, *, fast_mode: bool) -> bool:
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(*inputs)
            return torch.from_numpy(pair.forward(*(T.detach().numpy() for T in inputs)))

        @staticmethod
        def backward(ctx: Any, dLdBZ: torch.Tensor) -> tuple[torch.Tensor, ...]:
            inputs = (T.detach().numpy() for T in (*ctx.saved_tensors, dLdBZ))
            return tuple(torch.from_numpy(A) for A in pair.gradients(*inputs))

    inputs = tuple(torch.tensor(A, requires_grad=True) for A in pair.inputs)
    return torch.autograd.gradcheck(
        Function.apply, inputs, fast_mode=fast_mode, raise_exception=False
    )


def jax_accepts(pair: Pair) -> bool:
    import jax
    import jax.numpy as jnp
    import jax.test_util

    # Outside of jit, a custom_vjp is run on numbers: no callback has to be compiled.
    @jax.custom_vjp
    def layer(*inputs: jax.Array) -> jax.Array:
        return jnp.asarray(pair.forward(*map(np.asarray, inputs)))

    def forward(*inputs: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        return layer(*inputs), inputs

    def backward(inputs: tuple[jax.Array, ...], dLdBZ: jax.Array) -> tuple[jax.Array, ...]:
        gradients = pair.gradients(*map(np.asarray, (*inputs, dLdBZ)))
        return tuple(map(jnp.asarray, gradients))

    layer.defvjp(forward, backward)
    with jax.enable_x64(True):
        jax.test_util.check_grads(layer, pair.inputs, order=1, modes=["rev"])
    return True


def autograd_accepts(pair: Pair) -> bool:
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    def gradient(k: int) -> Callable[..., Any]:
        return lambda BZ, *inputs: lambda dLdBZ: pair.gradients(*inputs, dLdBZ)[k]

    layer = primitive(pair.forward)
    defvjp(layer, *map(gradient, range(3)))
    np.random.seed(0)  # noqa: NPY002  (autograd's directions come from there)
    # One input at a time: of all at once, autograd rejects and overlooks more.
    for k in range(3):
        check_grads(layer, k, modes=["rev"], order=1)(*pair.inputs)
    return True


def recipe_accepts(pair: Pair, *, limit: float) -> bool:
    """The recipe of courses: central differences of sum(BZ * dLdBZ), one entry at a time."""
    analytic = pair.gradients(*pair.inputs, pair.trial.dLdBZ)
    numeric = central_differences(
        lambda *inputs: np.sum(pair.forward(*inputs) * pair.trial.dLdBZ), pair.inputs, h=1e-5
    )
    return all(
        (np.abs(a - n) < limit * np.maximum(np.abs(a) + np.abs(n), 1e-8)).all()
        for a, n in zip(analytic, numeric, strict=True)
    )


def central_differences(
    loss: Callable[..., float], inputs: tuple[Array, ...], h: float
) -> tuple[Array, ...]:
    """The loss differentiated by every entry of every input."""
    perturbed = tuple(A.copy() for A in inputs)
    numeric = tuple(np.empty_like(A) for A in inputs)
    for A, found in zip(perturbed, numeric, strict=True):
        for at, value in np.ndenumerate(A.copy()):
            A[at] = value + h
            above = loss(*perturbed)
            A[at] = value - h
            below = loss(*perturbed)
            A[at] = value
            found[at] = (above - below) / (2 * h)
    return numeric


@dataclass(frozen=True)
class Checker:
    name: str
    package: str
    ask: Callable[[Pair], Verdict | bool]

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None

    def verdict(self, pair: Pair) -> Verdict:
        try:
            answer = self.ask(pair)
        except Exception:
            if self.package == "bncheck":
                raise
            return Verdict.FAIL
        if isinstance(answer, Verdict):
            return answer
        return Verdict.PASS if answer else Verdict.FAIL


CHECKERS = (
    Checker("bncheck.gradcheck", "bncheck", ask_bncheck),
    Checker("torch.autograd.gradcheck", "torch", partial(torch_accepts, fast_mode=False)),
    Checker("torch.autograd.gradcheck, fast_mode", "torch", partial(torch_accepts, fast_mode=True)),
    Checker("jax.test_util.check_grads", "jax", jax_accepts),
    Checker("autograd.test_util.check_grads", "autograd", autograd_accepts),
    Checker("central differences, error < 1e-7", "numpy", partial(recipe_accepts, limit=1e-7)),
    Checker("central differences, error < 1e-3", "numpy", partial(recipe_accepts, limit=1e-3)),
)


# The run.


@dataclass(frozen=True)
class Answer:
    """What one checker said of one pair, and how long it took."""

    checker: str
    layer: str
    data: str
    seed: int
    status: Status
    verdict: Verdict
    seconds: float

    @property
    def mistaken(self) -> bool:
        opposite = {Status.RIGHT: Verdict.FAIL, Status.WRONG: Verdict.PASS}
        return self.verdict is opposite[self.status]

    def __str__(self) -> str:
        told = f"{self.status.value}, {self.verdict}"
        return f"{self.layer} on {self.data!r}, seed {self.seed}: {told}"


def answers(name: str, seed: int) -> list[Answer]:
    """Those of every installed checker to every pair of one layer."""
    found = []
    for (pair, status), checker in product(pairs_of(LAYERS[name], seed), installed()):
        start = time.perf_counter()
        verdict = checker.verdict(pair)
        seconds = time.perf_counter() - start
        found.append(Answer(checker.name, name, pair.trial.name, seed, status, verdict, seconds))
    return found


def installed() -> list[Checker]:
    return [checker for checker in CHECKERS if checker.installed]


def get_ready() -> None:
    """Import the checkers, so that no pair waits for that, and silence what the layers cause.

    On this pair every checker accepts: one that raises does not work here, and must not go on to
    reject everything.
    """
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    easy = Pair(RIGHT["Textbook"], case("mean/std 1", "train", 0, np.dtype(float)))
    for checker in installed():
        checker.ask(easy)


def all_answers(layers: Iterable[str], seeds: int, jobs: int | None) -> list[Answer]:
    tasks = list(product(layers, range(seeds)))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, spawn, initializer=get_ready) as pool:
        return list(chain.from_iterable(pool.map(answers, *zip(*tasks, strict=True))))


def table(found: list[Answer]) -> Table:
    table = Table(box=box.MARKDOWN)
    table.add_column("checker")
    for header in ("right rejected", "wrong passed", "inconclusive", "seconds"):
        table.add_column(header, justify="right")
    for checker in CHECKERS:
        table.add_row(checker.name, *(cells(checker, found) or ["not installed"]))
    return table


def cells(checker: Checker, found: list[Answer]) -> list[str]:
    """Those of one checker; none where it was not asked."""
    own = [each for each in found if each.checker == checker.name]
    return own and [
        share([each for each in own if each.status is Status.RIGHT], Verdict.FAIL),
        share([each for each in own if each.status is Status.WRONG], Verdict.PASS),
        share(own, Verdict.INCONCLUSIVE),
        f"{sum(each.seconds for each in own):.0f}",
    ]


def share(of: list[Answer], verdict: Verdict) -> str:
    count = sum(each.verdict is verdict for each in of)
    return f"{count} ({count / len(of):.1%})" if of else "0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="how many, from 0 on")
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=LAYERS, metavar="LAYER")
    parser.add_argument("--jobs", type=int, help="processes; as many as cores by default")
    parser.add_argument("--show", metavar="CHECKER", help="list what this one was wrong about")
    options = parser.parse_args()
    found = all_answers(options.layers, options.seeds, options.jobs)

    counts = Counter(each.status for each in found if each.checker == CHECKERS[0].name)
    console = Console(width=120, highlight=False, markup=False)
    console.print(table(found))
    console.print(
        f"{counts.total()} pairs for each: {counts[Status.RIGHT]} right, "
        f"{counts[Status.WRONG]} wrong"
    )
    for each in found:
        if each.checker == options.show and each.mistaken:
            console.print(str(each))


if __name__ == "__main__":
    main()

"""How often the verdict is right, over many seeds: `python -m tests.benchmarks.verdicts`."""

import argparse
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from tests.planted.layers import RIGHT, WRONG
from tests.planted.trial import Outcome, outcomes, overlooked, rejected, undecided
from tests.planted.uncertainty import Uncertainties, together, uncertainties

HEADER = ("seed", "pairs", "right rejected", "wrong passed", "inconclusive", "coverage", "median u")


@dataclass(frozen=True)
class Tally:
    found: list[Outcome]
    stated: Uncertainties


def tally(seed: int) -> Tally:
    """Every layer on every data set."""
    warnings.simplefilter("error")
    layers = RIGHT | WRONG
    found = [each for layer in layers.values() for each in outcomes(layer, seed)]
    double = [layer for layer in RIGHT.values() if layer.dtype == np.float64]
    return Tally(found, together([uncertainties(layer, seed) for layer in double]))


def row(name: str, tally: Tally) -> tuple[str, ...]:
    found, stated = tally.found, tally.stated
    return (
        name,
        f"{len(found)}",
        f"{len(rejected(found))}",
        f"{len(overlooked(found))}",
        f"{len(undecided(found))} ({len(undecided(found)) / len(found):.2%})",
        f"{stated.coverage:.4%}",
        f"{stated.median:.1e}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="how many, from 0 on")
    seeds = range(parser.parse_args().seeds)
    with ProcessPoolExecutor() as pool:
        tallies = list(pool.map(tally, seeds))
    everything = Tally(
        [each for tally in tallies for each in tally.found],
        together([tally.stated for tally in tallies]),
    )
    rows = [row(str(seed), tally) for seed, tally in zip(seeds, tallies, strict=True)]
    for cells in (HEADER, *rows, row("all", everything)):
        print("".join(f"{cell:>16}" for cell in cells))
    mistaken = Counter(map(str, rejected(everything.found) + overlooked(everything.found)))
    for outcome, times in mistaken.items():
        print(f"{times} x {outcome}")


if __name__ == "__main__":
    main()

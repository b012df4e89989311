"""What a factor between the analytic and the numeric value says about the code."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bncheck.arrays import Array, Mask
from bncheck.reference.forward import ReferenceForward


@dataclass(frozen=True)
class Factor:
    """A factor that a mistake leads to.

    Attributes
    ----------
    code
        For scripts.
    values
        (1, C).
    words
        What is wrong where a quantity or a path has this factor; follows its name.
    """

    code: str
    values: Array
    words: str


def factors(e: ReferenceForward) -> Iterator[Factor]:
    """The factors of the usual mistakes, each also with the sign flipped."""
    for factor in _positive_factors(e):
        yield factor
        if factor.code == "missing":
            continue
        words = "has its sign flipped"
        both = words if factor.code == "one" else f"{words} and {factor.words}"
        code = "sign" if factor.code == "one" else f"sign-{factor.code}"
        yield Factor(code, -factor.values, both)


def _positive_factors(e: ReferenceForward) -> Iterator[Factor]:
    N, BW, variance = e.N, e.parameters.BW, e.used_V + e.parameters.eps
    ones = np.ones_like(BW)
    yield Factor("missing", 0 * ones, "is missing")
    yield Factor("one", ones, "is right")
    yield Factor("doubled", 2 * ones, "has a factor 2 too many")
    yield Factor("halved", ones / 2, "lacks a factor 2")
    if N > 1:
        yield Factor("n-forgotten", N * ones, "is not divided by N")
        yield Factor("n-twice", ones / N, "is divided by N once too often")
        yield Factor("n-minus-1", N / (N - 1) * ones, "is divided by N - 1 in place of N")
        yield Factor("n-minus-1-over", (N - 1) / N * ones, "is multiplied by (N - 1) / N")
    with np.errstate(divide="ignore"):
        yield Factor("scale-forgotten", 1 / BW, "lacks BW")
        yield Factor("scale-twice", BW, "has BW twice")
    with np.errstate(all="ignore"):
        without_eps = variance / e.used_V
    for power, code in ((0.5, "root"), (1.5, "power")):
        words = "lacks eps beside the variance"
        yield Factor(f"eps-missing-{code}", without_eps**power, words)
    for power, code, words in POWERS:
        yield Factor(f"power-{code}", variance**power, f"has (V + eps) to a power {words}")


COARSEST = 0.05
"""A ratio that is known no better than this tells nothing."""

PLAIN = ("missing", "one", "sign")
"""The factors 0, 1 and -1."""

POWERS = (
    (0.5, "half-high", "that is 1/2 too high"),
    (1.0, "one-high", "that is 1 too high"),
    (1.5, "three-halves-high", "that is 3/2 too high"),
    (-0.5, "half-low", "that is 1/2 too low"),
    (-1.0, "one-low", "that is 1 too low"),
    (-1.5, "three-halves-low", "that is 3/2 too low"),
)


def fitting(
    ratios: Array, columns: Mask, e: ReferenceForward, resolution: Array, *, entries: int
) -> list[Factor]:
    """The factors that the ratios, (1, C), are equal to in the columns that tell, (1, C).

    Parameters
    ----------
    ratios
        Claimed over numeric.
    columns
        Where the ratio means something.
    e
        The definition's forward.
    resolution
        What each ratio is known to, (1, C).
    entries
        How many numbers the ratios were taken from: any one number is some multiple of another.

    Returns
    -------
    list
        Those that fit, all of them; a plain number where none of them fits but one number does.
    """
    columns = columns & (resolution < COARSEST)
    if not columns.any():
        return []
    found = [
        factor
        for factor in factors(e)
        if _equal(ratios, factor.values, columns, resolution)
        and (factor.code in PLAIN or _is_told(factor, columns, resolution))
    ]
    if any(factor.code == "one" for factor in found):
        return [factor for factor in found if factor.code == "one"]
    if found:
        return found
    number = float(np.median(ratios[columns]))
    values = np.full_like(ratios, number)
    if entries > 1 and _equal(ratios, values, columns, resolution):
        return [Factor("constant", values, f"is {number:.6g} times what it should be")]
    return []


def _is_told(factor: Factor, columns: Mask, resolution: Array) -> bool:
    """Whether a factor can be told from 0, from 1 and from -1."""
    size = np.abs(factor.values)
    told = (size > resolution) & (np.abs(size - 1) > resolution)
    return bool(told[columns].any())


def _equal(ratios: Array, values: Array, columns: Mask, resolution: Array) -> bool:
    with np.errstate(all="ignore"):
        same = np.abs(ratios - values) <= resolution * np.maximum(1, np.abs(values))
    return bool(same[columns].all())

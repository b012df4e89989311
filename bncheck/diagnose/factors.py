"""Factors: a wrong quantity that is some multiple of the right one, and what the factor says."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bncheck.arrays import Array, Mask
from bncheck.diagnose.evidence import Evidence, Explanation
from bncheck.reference.forward import ReferenceForward
from bncheck.reference.sums import column_sum, largest

COARSEST = 0.05
"""A ratio that is known no better than this says nothing."""


class Factor(NamedTuple):
    """A factor that a mistake leads to.

    Attributes
    ----------
    code
        For scripts.
    words
        What is wrong with a quantity or a path that has this factor; follows its name.
    values
        (1, C).
    """

    code: str
    words: str
    values: Array


def usual_factors(r: ReferenceForward) -> Iterator[Factor]:
    """Yield the factors of the usual mistakes, each also with the wrong sign."""
    for code, words, values in _positive_factors(r):
        factor = Factor(code, words, np.broadcast_to(values, r.M.shape))
        yield factor
        if code == "one":
            yield Factor("sign", "has the wrong sign", -factor.values)
        elif code != "missing":
            yield Factor(f"sign-{code}", f"has the wrong sign and {words}", -factor.values)


def _positive_factors(r: ReferenceForward) -> Iterator[tuple[str, str, Array | float]]:
    N, BW, V = r.N, r.parameters.BW, r.used_V
    variance = V + r.parameters.eps
    yield "missing", "is missing", 0
    yield "one", "is right", 1
    yield "doubled", "is twice what it should be", 2
    yield "halved", "is half of what it should be", 1 / 2
    if N > 1:
        yield "n-forgotten", "is not divided by N", N
        yield "n-twice", "is divided by N twice", 1 / N
        yield "n-minus-1", "is divided by N - 1 instead of N", N / (N - 1)
        yield "n-minus-1-over", "is multiplied by (N - 1) / N", (N - 1) / N
    yield "scale-forgotten", "lacks the factor BW", 1 / BW
    yield "scale-twice", "has the factor BW twice", BW
    yield "eps-missing-root", "lacks eps beside the variance", (variance / V) ** 0.5
    yield "eps-missing-power", "lacks eps beside the variance", (variance / V) ** 1.5
    for code, number, power in (
        ("half", "1/2", 0.5), ("one", "1", 1.0), ("three-halves", "3/2", 1.5)
    ):  # fmt: skip
        words = f"has an exponent of V + eps that is {number} too"
        yield f"power-{code}-high", f"{words} high", variance**power
        yield f"power-{code}-low", f"{words} low", variance**-power


@np.errstate(all="ignore")
def explain_by_factor(evidence: Evidence) -> list[Explanation]:
    """Return what the factor between the analytic and the numeric values says."""
    numeric, scale = evidence.numeric, evidence.scale
    ratios = column_sum(evidence.analytic * numeric) / column_sum(numeric * numeric)
    columns = np.isfinite(ratios) & (scale > 0)
    if not evidence.fits(np.where(columns, ratios, 0) * numeric):
        return []
    known_to = 30 * evidence.resolution * scale / largest(numeric)
    found = fitting_factors(ratios, columns, evidence.reference, known_to, entries=numeric.size)
    return [
        Explanation(
            f"{evidence.name}-{factor.code}",
            f"{evidence.label} {'is 0' if factor.code == 'missing' else factor.words}",
        )
        for factor in found
        if factor.code != "one"
    ]


@np.errstate(all="ignore")
def fitting_factors(
    ratios: Array, columns: Mask, r: ReferenceForward, resolution: Array, *, entries: int
) -> list[Factor]:
    """Return the factors that the ratios are equal to in every column that says something.

    Parameters
    ----------
    ratios
        Analytic over numeric, (1, C).
    columns
        Where the ratio means something, (1, C).
    r
        The definition's forward.
    resolution
        What each ratio is known to, (1, C).
    entries
        How many numbers the ratios were taken from: any one number is some multiple of another.

    Returns
    -------
    list
        All that fit; a plain number where none of them fits but one number does.
    """
    columns = columns & (resolution < COARSEST)
    if not columns.any():
        return []

    def fits(values: Array) -> bool:
        same = np.abs(ratios - values) <= resolution * np.maximum(1, np.abs(values))
        return bool((same & np.isfinite(values))[columns].all())

    def is_distinct(factor: Factor) -> bool:
        """Whether it is 0, 1 or -1, or differs from these."""
        size = np.abs(factor.values)
        differs = (size > resolution) & (np.abs(size - 1) > resolution)
        return factor.code in ("missing", "one", "sign") or bool(differs[columns].any())

    found = [each for each in usual_factors(r) if fits(each.values) and is_distinct(each)]
    if found:
        return [factor for factor in found if factor.code == "one"] or found
    number = np.full_like(ratios, np.median(ratios[columns]))
    words = f"is {number[0, 0]:.6g} times what it should be"
    return [Factor("constant", words, number)] if entries > 1 and fits(number) else []

"""Claims: quantities that somebody computed, each beside what it should be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bncheck.arrays import EPS, Array
from bncheck.batchnorm.formulas import largest
from bncheck.compare.comparison import ALONG, SAMPLED_ROWS, Comparison, compare, relative_error
from bncheck.compare.tolerance import tolerance_of
from bncheck.reference.forward import Columns, Expected

DEFINITION_ERROR = 32 * EPS
"""What the definition's own forward is known to in float64, in units of the column's scale."""


@dataclass(frozen=True, eq=False)
class Claim:
    """One quantity.

    Attributes
    ----------
    name
        By which reports call it.
    claimed
        As it came, of any shape and type.
    true, uncertainty
        (N, C) or (1, C); what `true` is known to may be (1, C) in either case.
    scale
        Unit of the errors, (1, C).
    against
        Where `true` comes from.
    setting
        The definition's forward in which it stands; None where there is nothing to explain in it.
    """

    name: str
    claimed: Array
    true: Array
    uncertainty: Array
    scale: Array
    against: str
    setting: Expected | None = None


def exactly(
    name: str,
    claimed: Array,
    true: Array,
    scale: Array,
    against: str,
    setting: Expected | None = None,
) -> Claim:
    """A claim about something that is known to float64's rounding."""
    return Claim(name, claimed, true, DEFINITION_ERROR * scale, scale, against, setting)


def judge_claims(
    claims: Sequence[Claim],
    expected: Columns,
    kind: np.dtype[np.floating],
    rtol: float,
    names: tuple[str, ...] | None,
    BZ_error: Array | None,
) -> list[Comparison]:
    """Compare every claim.

    Parameters
    ----------
    claims
        What to compare.
    expected
        The definition's forward, for claims without a setting of their own.
    kind
        The type of the input.
    rtol
        Tolerance in units of the scale.
    names
        The features' names.
    BZ_error
        As in `tolerance_of`.
    """
    return [
        compare(
            claim.name,
            claim.claimed,
            claim.true,
            claim.uncertainty,
            scale=claim.scale,
            tolerance=tolerance_of(
                quantity_of(claim.name),
                claim.setting or expected,
                precision(kind, claim.claimed.dtype),
                rtol,
                BZ_error,
            ),
            against=claim.against,
            names=names,
        )
        for claim in claims
    ]


def quantity_of(label: str) -> str:
    """The quantity behind a row of the report: BZ for BZ_eval and BZ_eps."""
    if label.startswith(ALONG) or label == SAMPLED_ROWS:
        return "dLdZ"
    for ending in ("_again", "_eps", "_eval"):
        label = label.removesuffix(ending)
    return label


def largest_error(BZ: Array | None, expected: Expected) -> Array | None:
    """Largest error of BZ in each column, (1, C), in units of its scale; None without a BZ."""
    if BZ is None:
        return None
    return largest(relative_error(BZ, expected.BZ, expected.scales["BZ"]))


def precision(*kinds: np.dtype) -> float:
    """The relative precision of the coarsest of some types."""
    return max(float(np.finfo(kind).eps) for kind in kinds if kind.kind == "f")

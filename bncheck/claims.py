"""Claims: quantities that somebody computed, each beside what it should be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bncheck.compare import Comparison, compare
from bncheck.definition import Array
from bncheck.expected import Expected
from bncheck.tolerance import tolerance_of

DEFINITION_ERROR = 32 * float(np.finfo(float).eps)
"""What the definition's own forward is known to in float64, in units of the column's scale."""


@dataclass(frozen=True)
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
    expected: Expected,
    kind: np.dtype[np.floating],
    rtol: float,
    names: tuple[str, ...] | None,
) -> list[Comparison]:
    """Compare every claim.

    Parameters
    ----------
    claims
        What to compare.
    expected
        The definition's forward, which knows how well the data are conditioned.
    kind
        The type of the input.
    rtol
        Tolerance in units of the scale.
    names
        The features' names.
    """
    return [
        compare(
            claim.name,
            claim.claimed,
            claim.true,
            claim.uncertainty,
            scale=claim.scale,
            tolerance=tolerance_of(expected, precision(kind, claim.claimed.dtype), rtol),
            against=claim.against,
            names=names,
        )
        for claim in claims
    ]


def precision(*kinds: np.dtype) -> float:
    """The relative precision of the coarsest of some types."""
    return max(float(np.finfo(kind).eps) for kind in kinds if kind.kind == "f")

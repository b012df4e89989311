"""What there is to say about comparisons besides their numbers."""

from collections.abc import Iterator, Sequence

import numpy as np

from bncheck.claims import precision
from bncheck.compare import Comparison
from bncheck.definition import PER_FEATURE, Mask
from bncheck.doubt import reason_for_doubt
from bncheck.expected import Expected
from bncheck.report import Note
from bncheck.shapes import misfit


def remarks_on(
    checks: Sequence[Comparison], expected: Expected, kind: np.dtype[np.floating], agrees: Mask
) -> Iterator[Note]:
    """Notes on shapes, and the reasons for what is inconclusive.

    Parameters
    ----------
    checks
        The comparisons.
    expected
        The definition's forward.
    kind
        The type that the layer computes in.
    agrees
        Columns, (1, C), in which the layer's forward is the definition's.
    """
    for check in checks:
        if check.compared == 0 and check.shape:
            meant = expected.shape_of(check.name)
            yield Note("shape", check.name, misfit(check.name, check.shape, meant, len(expected.Z)))
        column = check.worst.feature if check.worst else 0
        doubt = reason_for_doubt(check, expected, precision(kind), agrees=bool(agrees[0, column]))
        if doubt:
            yield doubt
    yield from _flat_shapes(checks, expected.M.shape)


def _flat_shapes(checks: Sequence[Comparison], meant: tuple[int, ...]) -> Iterator[Note]:
    """A remark on the quantities that come as (C,) where (1, C) is meant."""
    flat = [each for each in checks if each.compared and each.name in PER_FEATURE]
    flat = [each for each in flat if each.shape != meant]
    if flat:
        names = ", ".join(each.name for each in flat)
        verb = "has" if len(flat) == 1 else "have"
        yield Note(
            "shape-1d", None, f"{names} {verb} shape {flat[0].shape}, where {meant} is meant"
        )

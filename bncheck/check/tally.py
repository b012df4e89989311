"""A comparison made block by block, of which only totals and the worst entry are kept."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.blocks import Block, fold, for_each
from bncheck.compare.comparison import SEVERITY, Comparison, Tolerance, compare, relative_error

Values = Callable[[slice], tuple[Array, Array, Array]]
"""Gives the claimed and the true values of some rows, (R, C), and what is known of them, (1, C)."""


@dataclass(frozen=True, eq=False)
class Tally:
    """A comparison, and if asked for the largest error of each column, (1, C), in its scale."""

    comparison: Comparison
    largest_error: Array | None


def tally(
    name: str,
    values: Values,
    shape: tuple[int, ...],
    scale: Array,
    tolerance: Tolerance,
    *,
    against: str,
    names: tuple[str, ...] | None,
    of_columns: bool = False,
) -> Tally:
    """Judge every entry of a matrix, (N, C).

    Parameters
    ----------
    name, scale, tolerance, against, names
        As in `bncheck.compare.comparison.compare`.
    values
        Gives what is compared.
    shape
        (N, C).
    of_columns
        Whether the largest error of each column is asked for.
    """

    def of(block: Block) -> Tally:
        claimed, true, known_to = values(slice(block.start, block.stop))
        part = compare(
            name,
            claimed,
            true,
            known_to,
            scale=scale,
            tolerance=tolerance,
            against=against,
            names=names,
        )
        error = None
        if of_columns:
            error = relative_error(claimed, true, scale).max(axis=0, keepdims=True)
        return Tally(_moved_down(part, block.start), error)

    whole = fold(for_each(of, shape), _together)
    return replace(whole, comparison=replace(whole.comparison, shape=tuple(shape)))


def _moved_down(part: Comparison, start: int) -> Comparison:
    """The comparison of a block, told in the rows of the whole, without its entries."""
    assert part.worst is not None
    worst = replace(part.worst, row=(part.worst.row or 0) + start)
    return replace(part, worst=worst, entries=None)


def _together(a: Tally, b: Tally) -> Tally:
    x, y = a.comparison, b.comparison
    worse = max(x, y, key=_badness)
    both = replace(
        worse,
        compared=x.compared + y.compared,
        failed=x.failed + y.failed,
        undecided=x.undecided + y.undecided,
        max_abs_error=float(np.maximum(x.max_abs_error, y.max_abs_error)),
        max_rel_error=max(x.max_rel_error, y.max_rel_error),
        uncertainty=max(x.uncertainty, y.uncertainty),
        tolerance=max(x.tolerance, y.tolerance),
    )
    if a.largest_error is None or b.largest_error is None:
        return Tally(both, None)
    return Tally(both, np.maximum(a.largest_error, b.largest_error))


def _badness(part: Comparison) -> tuple[int, float]:
    """The order in which parts decide: by verdict, then by the rank of the worst entry."""
    assert part.worst is not None
    undecided = part.worst.uncertainty if part.undecided and not part.failed else 0
    return SEVERITY[part.verdict], part.worst.rel_error + undecided

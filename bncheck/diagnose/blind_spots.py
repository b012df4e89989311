"""What a mini-batch cannot show: conditions under which whole families of mistakes stay hidden.

These are remarks. They do not change a verdict.
"""

from collections.abc import Iterator

import numpy as np

from bncheck.arrays import Mask, is_large
from bncheck.reference.forward import ReferenceForward
from bncheck.reference.sums import column_mean, column_sum, largest
from bncheck.report.model import Note

FEW_NAMES = 4
"""So many features are listed by name before the rest is counted."""

NEARLY = 1e-6
"""Relative to the size of its terms, a gradient below this has cancelled to nearly nothing."""


def hidden_mistakes(
    expected: ReferenceForward, brought: frozenset[str], names: tuple[str, ...] | None
) -> Iterator[Note]:
    """One note for each way in which this mini-batch hides mistakes.

    Parameters
    ----------
    expected
        What is known of the mini-batch's columns; the upstream gradient is looked at where the
        definition's whole forward is there.
    brought
        What the user brought along: names among BW, Bb, running_M, running_V and dLdBZ.
    names
        The features' names.
    """
    e, p = expected, expected.parameters

    def note(code: str, check: str | None, columns: Mask, message: str) -> Iterator[Note]:
        if columns.any():
            yield Note(code, check, message.format(listed(columns[0], names)))

    everywhere = np.ones((1, e.M.shape[1]), bool)
    if "BW" in brought:
        yield from note(
            "power-scale-one",
            None,
            p.BW == 1,
            "BW is 1 in {}: a BW that is forgotten or applied twice cannot be seen there",
        )
    if "Bb" in brought:
        yield from note(
            "power-shift-zero",
            None,
            p.Bb == 0,
            "Bb is 0 in {}: a Bb that is forgotten or added twice, and BZ used for NZ, cannot be "
            "seen there",
        )
    if e.eval and {"running_M", "running_V"} & brought:
        yield from note(
            "power-running-start",
            None,
            (p.running_M == 0) & (p.running_V == 1),
            "the running statistics are 0 and 1 in {}: an inference mode that ignores them cannot "
            "be seen there",
        )
    if e.eval:
        return
    constant = e.V == 0
    if e.N == 1:
        yield from note(
            "power-one-row",
            "dLdZ",
            everywhere,
            "there is 1 row: NZ and dLdZ are 0 whatever Z is, so that only dLdBb can be checked",
        )
        return
    yield from note(
        "power-constant-column",
        None,
        constant,
        "Z is constant in {}: NZ and dLdBW are 0 there, and mistakes in the variance path cannot "
        "be seen",
    )
    yield from note(
        "power-variance-below-eps",
        None,
        ~constant & (e.V < p.eps),
        f"the variance is below eps = {p.eps:g} in {{}}: eps decides the result there, and "
        "mistakes in the variance path can hardly be seen",
    )
    if e.N == 2:
        yield from note(
            "power-two-rows",
            "dLdZ",
            everywhere,
            "there are 2 rows: NZ is 1 and -1 whatever Z is, so that dLdZ cancels to nearly 0 and "
            "a mistake in its scale cannot be seen",
        )
        return
    if "dLdBZ" not in brought:
        return
    flat = (e.range_dLdBZ == 0) & ~constant
    yield from note(
        "power-upstream-constant",
        "dLdZ",
        flat,
        "dLdBZ is the same in all rows in {}: the true dLdZ and dLdBW are 0 there, so that "
        "mistakes in their scale and in the variance path cannot be seen",
    )
    if is_large(e.Z.shape):  # what follows looks at every entry
        return
    yield from note(
        "power-upstream-like-output",
        "dLdZ",
        _like_output(e) & ~flat & ~constant,
        "dLdBZ goes along with the output in {}: the paths of dLdZ cancel there to nearly 0, so "
        "that mistakes in its scale cannot be seen",
    )


def _like_output(e: ReferenceForward) -> Mask:
    """ReferenceForward, (1, C), in which dLdBZ is a constant plus a multiple of NZ."""
    deviation = e.dLdBZ[:] - column_mean(e.dLdBZ[:])
    size = column_sum(e.NZ() ** 2)
    slope = column_sum(deviation * e.NZ()) / np.where(size > 0, size, 1)
    rest = largest(deviation - slope * e.NZ())
    return rest <= NEARLY * largest(e.dLdBZ[:])


def listed(columns: Mask, names: tuple[str, ...] | None) -> str:
    """The features in which `columns`, (C,), is true, in words."""
    chosen = [str(column) if names is None else names[column] for column in np.flatnonzero(columns)]
    if len(chosen) == len(columns):
        return "all features" if len(chosen) > 1 else f"feature {chosen[0]}"
    kind = "feature" if len(chosen) == 1 else "features"
    more = len(chosen) - FEW_NAMES
    return f"{kind} {', '.join(chosen[:FEW_NAMES])}" + (f" and {more} more" if more > 0 else "")

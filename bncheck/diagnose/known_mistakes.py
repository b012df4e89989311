"""What a quantity comes to under the usual mistakes: an explanation is one that fits exactly.

A mistake is an entry of a table: its code, what is wrong in words, and the values, (N, C) or
(1, C), that the quantity then has; these are not finite where the mistake leads to no number.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from bncheck.arrays import Array
from bncheck.diagnose.evidence import Evidence, Explanation
from bncheck.diagnose.paths import dLdM_from, dLdV_from, paths_from
from bncheck.reference.forward import ReferenceForward
from bncheck.reference.sums import column_mean, column_sum

Mistakes = Iterator[tuple[str, str, Array, *tuple[str, ...]]]
"""Code, words, values, and the quantities whose formulas are wrong, as in `Explanation`."""


@np.errstate(all="ignore")
def explain_by_known_mistakes(evidence: Evidence) -> list[Explanation]:
    """Return every known mistake that leads to the analytic values; rare ones if no usual does."""
    for mistakes in KNOWN_MISTAKES.get(evidence.name, ()):
        found = {
            words: Explanation(code, words, at)
            for code, words, values, *at in mistakes(evidence.reference)
            if evidence.fits(values)
        }
        if found:
            return list(found.values())
    return []


# fmt: off


def BZ_mistakes(r: ReferenceForward) -> Mistakes:
    """Yield mistakes in the forward."""
    BW, Bb, NZ = r.parameters.BW, r.parameters.Bb, r.NZ()
    for code, words, wrong_NZ, *at in _NZ_mistakes(r):
        yield code, words, BW * wrong_NZ + Bb, *at
    yield "scale-forgotten", "BW is forgotten: BZ is NZ + Bb", NZ + Bb
    yield "scale-twice", "BW is applied twice in BZ", BW * BW * NZ + Bb
    yield "shift-forgotten", "Bb is forgotten: BZ is BW * NZ", BW * NZ
    yield "shift-twice", "Bb is added twice in BZ", BW * NZ + 2 * Bb
    yield "shift-subtracted", "Bb is subtracted instead of added", BW * NZ - Bb
    yield "scale-and-shift-forgotten", "BW and Bb are forgotten: BZ is NZ", NZ
    yield "scale-and-shift-swapped", "BW and Bb are swapped: BZ is Bb * NZ + BW", Bb * NZ + BW
    yield "shift-scaled", "BW scales Bb as well: BZ is BW * (NZ + Bb)", BW * (NZ + Bb)


def _NZ_mistakes(r: ReferenceForward) -> Mistakes:
    p, eps, V, Z, X = r.parameters, r.parameters.eps, r.used_V, r.Z[:], r.X()
    name = "running_V" if r.eval else "V"
    yield ("eps-outside-root", f"eps is outside the root: BZ divides by sqrt({name}) + eps",
           X / (np.sqrt(V) + eps))
    yield "eps-missing", f"eps is missing: BZ divides by sqrt({name})", X / np.sqrt(V)
    yield "eps-subtracted", f"eps is subtracted from {name} instead of added", X / np.sqrt(V - eps)
    yield "root-missing", f"the square root is missing: BZ divides by {name} + eps", X / (V + eps)
    yield ("power-of-root", f"BZ multiplies by sqrt({name} + eps) instead of dividing by it",
           X * np.sqrt(V + eps))
    yield "mean-not-subtracted", "the mean is not subtracted from Z", Z / r.root
    if r.eval:
        batch_root = np.sqrt(r.V + eps)
        yield ("batch-in-inference", "inference uses the mean and the variance of the mini-batch"
               " instead of running_M and running_V", (Z - r.M) / batch_root)
        yield ("batch-mean-in-inference", "inference uses the mean of the mini-batch instead of"
               " running_M", (Z - r.M) / r.root)
        yield ("batch-variance-in-inference", "inference uses the variance of the mini-batch"
               " instead of running_V", X / batch_root)
        yield ("parenthesis", "a parenthesis is misplaced: only running_M is divided by the root,"
               " not Z - running_M", Z - p.running_M / r.root)
        return
    if (N := r.N) > 1:
        yield ("variance-unbiased", f"the variance is divided by N - 1 = {N - 1} instead of"
               f" N = {N}", X / np.sqrt(V * N / (N - 1) + eps), "V")
    yield ("variance-not-divided", "the variance is a sum of squares, not divided by N",
           X / np.sqrt(V * N + eps), "V")
    yield ("variance-uncentred", "the variance is the mean of Z ** 2: the mean of Z is not"
           " subtracted", X / np.sqrt(column_mean(Z**2) + eps), "V")
    yield ("running-in-training", "training uses running_M and running_V instead of the mean and"
           " the variance of the mini-batch", (Z - p.running_M) / np.sqrt(p.running_V + eps))
    yield ("wrong-axis", "mean and variance are taken over the features of each row (axis=1)"
           " instead of over the rows (axis=0)", _normalise(Z, 1, eps))
    yield ("no-axis", "mean and variance are taken over the whole matrix: axis=0 is missing",
           _normalise(Z, None, eps))


def _normalise(Z: Array, axis: int | None, eps: float) -> Array:
    X = Z - Z.mean(axis=axis, keepdims=True)
    NZ: Array = X / np.sqrt((X * X).mean(axis=axis, keepdims=True) + eps)
    return NZ


def rare_BZ_mistakes(r: ReferenceForward) -> Mistakes:
    """Yield mistakes in the forward that are easily taken for a more usual one."""
    p = r.parameters
    yield ("eps-squared", "eps is squared: eps ** 2 is added to the variance",
           p.BW * r.X() / np.sqrt(r.used_V + p.eps**2) + p.Bb)


def running_mistakes(name: str, r: ReferenceForward) -> Mistakes:
    """Yield mistakes in the running mean or in the running variance."""
    p, alpha = r.parameters, r.parameters.alpha
    batch, old, new = ("M", p.running_M, r.M) if name == "running_M" else ("V", p.running_V, r.V)
    if name == "running_V":
        for code, words, wrong in _wrong_variances(r):
            yield code, words, alpha * old + (1 - alpha) * wrong
    if r.eval:
        yield (f"{name}-updated-in-inference", f"{name} is updated in inference mode, where it must"
               " not change", alpha * old + (1 - alpha) * new)
        yield (f"{name}-updated-in-inference", f"{name} is overwritten in inference mode, where it"
               " must not change", new)
        return
    yield (f"{name}-alpha-reversed", f"{name} gives the weight alpha = {alpha:g} to the new value"
           f" {batch} instead of the old one; in PyTorch, momentum is the weight of the new one",
           (1 - alpha) * old + alpha * new)
    yield f"{name}-overwritten", f"{name} is overwritten with {batch}: alpha is not used", new
    yield f"{name}-not-updated", f"{name} is not updated in training", old
    yield (f"{name}-added", f"the old value of {name} is not multiplied by alpha",
           old + (1 - alpha) * new)
    yield f"{name}-old-forgotten", f"the old value of {name} is left out", (1 - alpha) * new


def rare_running_V_mistakes(r: ReferenceForward) -> Mistakes:
    """Yield mistakes in the running variance that are easily taken for a more usual one."""
    old, alpha, with_eps = r.parameters.running_V, r.parameters.alpha, r.V + r.parameters.eps
    slips = (
        ("running-variance-deviation-eps", "running_V averages sqrt(V + eps) instead of V",
         np.sqrt(with_eps)),
        ("running-variance-eps-added", "running_V averages V + eps instead of V", with_eps),
    )
    for code, words, new in slips:
        yield code, words, alpha * old + (1 - alpha) * new
    for code, words, new in (*_wrong_variances(r), *slips):
        yield (f"{code}-alpha-reversed", f"{words}, and gives the weight alpha = {alpha:g} to the"
               " new value instead of the old one", (1 - alpha) * old + alpha * new)


def _wrong_variances(r: ReferenceForward) -> Iterator[tuple[str, str, Array]]:
    """What the running variance may be the average of in place of V."""
    N, V = r.N, r.V
    yield ("running-variance-deviation", "running_V averages the standard deviation instead of the"
           " variance", np.sqrt(V))
    yield "running-variance-sum", "running_V averages the sum of squares, not divided by N", V * N
    if N > 1:
        yield ("running-variance-unbiased", "running_V averages the unbiased variance,"
               f" {N}/{N - 1} V, instead of V", V * N / (N - 1))


SWAPPED = ("dLdBW and dLdBb are swapped: dLdBb is the sum of dLdBZ over the rows, dLdBW that of"
           " dLdBZ * NZ")


def dLdBb_mistakes(r: ReferenceForward) -> Mistakes:
    """Yield mistakes in the gradient of the shift."""
    dLdBZ = r.dLdBZ[:]
    yield "gradients-swapped", SWAPPED, column_sum(dLdBZ * r.NZ()), "dLdBb", "dLdBW"
    yield ("scale-twice", "dLdBb has a factor BW: it sums dLdNZ instead of dLdBZ",
           column_sum(dLdBZ * r.parameters.BW))
    yield from _sum_mistakes("dLdBb", column_sum(dLdBZ), r.N)


def dLdBW_mistakes(r: ReferenceForward) -> Mistakes:
    """Yield mistakes in the gradient of the scale."""
    p, Z, X, dLdBZ = r.parameters, r.Z[:], r.X(), r.dLdBZ[:]
    right = column_sum(dLdBZ * r.NZ())
    yield "gradients-swapped", SWAPPED, column_sum(dLdBZ), "dLdBW", "dLdBb"
    yield "factor-Z", "dLdBW uses Z instead of NZ", column_sum(dLdBZ * Z)
    yield "factor-BZ", "dLdBW uses the output BZ instead of NZ", column_sum(dLdBZ * r.BZ())
    yield "factor-centred", "dLdBW uses Z - M instead of NZ", column_sum(dLdBZ * X)
    yield ("factor-by-variance", "dLdBW uses (Z - M) / (V + eps), without the root, instead of NZ",
           column_sum(dLdBZ * X / (r.used_V + p.eps)))
    if r.eval:
        yield ("factor-batch-NZ", "dLdBW uses Z normalised with the mean and the variance of the"
               " mini-batch instead of the running ones",
               column_sum(dLdBZ * (Z - r.M) / np.sqrt(r.V + p.eps)))
    yield ("scale-twice", "dLdBW has a factor BW: it uses dLdNZ instead of dLdBZ", right * p.BW)
    yield "upstream-forgotten", "dLdBW sums NZ without dLdBZ", column_sum(r.NZ())
    yield from _sum_mistakes("dLdBW", right, r.N)


def _sum_mistakes(name: str, right: Array, N: int) -> Mistakes:
    yield "averaged", f"{name} is the mean over the rows instead of the sum", right / N
    yield "sign", f"{name} has the wrong sign", -right
    yield ("summed-over-all", f"{name} is summed over the features as well",
           np.full_like(right, right.sum()))
    yield "missing", f"{name} is 0", 0 * right


def statistics_mistakes(name: str, r: ReferenceForward) -> Mistakes:
    """Yield dLdV, dLdM or dLdZ with statistics of another kind than those of the forward."""
    p = r.parameters
    before, after = (p.running_M, p.running_V), (r.running_M, r.running_V)
    if not r.eval:
        for values in (*_train(name, *before, r), *_train(name, *after, r)):
            yield ("running-in-backward", f"{name} uses running_M and running_V instead of the mean"
                   " and the variance of the mini-batch", values)
        return
    for code, words, M, V in (
        ("batch", "the statistics of the mini-batch", r.M, r.V),
        ("running", "the running statistics", *before),
    ):
        for values in _train(name, M, V, r):
            yield (f"training-formula-{code}", f"{name} follows the training formula with {words};"
                   " in inference mode the statistics are constants and only the direct path is"
                   " left", values)
    if name == "dLdZ":
        yield ("inference-batch-variance", "dLdZ divides by the root of the mini-batch's variance"
               " instead of the running variance", r.dLdBZ[:] * p.BW / np.sqrt(r.V + p.eps))


def _train(name: str, M: Array, V: Array, r: ReferenceForward) -> Iterator[Array]:
    """A gradient by the training formulas with the given statistics, as it may be written.

    If these are not the mini-batch's own, the last sum of dLdM need not be 0: dLdM is once without
    it and once with it.
    """
    dLdNZ, X, root = r.dLdBZ[:] * r.parameters.BW, r.Z[:] - M, np.sqrt(V + r.parameters.eps)
    dLdV, without = dLdV_from(dLdNZ, X, root), dLdM_from(dLdNZ, root)
    for dLdM in (without, without - 2 * dLdV * column_mean(X)):
        dLdZ = paths_from(dLdNZ, dLdV, dLdM, X, root).sum(axis=0)
        yield {"dLdV": dLdV, "dLdM": dLdM, "dLdZ": dLdZ}[name]


# fmt: on

KNOWN_MISTAKES: dict[str, tuple[Callable[[ReferenceForward], Mistakes], ...]] = {
    "BZ": (BZ_mistakes, rare_BZ_mistakes),
    "running_M": (partial(running_mistakes, "running_M"),),
    "running_V": (partial(running_mistakes, "running_V"), rare_running_V_mistakes),
    "dLdBb": (dLdBb_mistakes,),
    "dLdBW": (dLdBW_mistakes,),
    **{name: (partial(statistics_mistakes, name),) for name in ("dLdV", "dLdM", "dLdZ")},
}
"""By quantity; what stands first is more usual."""

"""What a quantity comes to under the usual mistakes: an explanation is one that fits exactly."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bncheck.arrays import Array
from bncheck.batchnorm.quantities import formula_of
from bncheck.diagnose.evidence import Evidence, Explanation
from bncheck.reference.forward import ReferenceForward
from bncheck.reference.sums import column_mean, column_sum


@dataclass(frozen=True)
class Alternative:
    """A mistake, and what the quantity is with it.

    Attributes
    ----------
    code
        For scripts.
    values
        (N, C) or (1, C); not finite where the mistake leads to no number.
    words
        What is wrong, as a sentence.
    meant
        The formula as it should be, where it is another one than the quantity's.
    at
        The quantity whose line is wrong, where it is another one.
    rare
        Said only where nothing more usual fits as well.
    """

    code: str
    values: Array
    words: str
    meant: str | None = None
    at: str | None = None
    rare: bool = False


def explain_by_alternatives(evidence: Evidence, numeric: Array) -> list[Explanation]:
    """Every alternative that the analytic values are equal to."""
    e = evidence.reference
    with np.errstate(all="ignore"):
        fitting = [
            each
            for each in ALTERNATIVES[evidence.name](e)
            if evidence.is_equal(np.broadcast_to(each.values, numeric.shape), numeric)
        ]
    plain = [each for each in fitting if not each.rare]
    return [_explanation(each, evidence) for each in plain or fitting]


def _explanation(alternative: Alternative, evidence: Evidence) -> Explanation:
    a = alternative
    formula = a.meant or formula_of(a.at or evidence.name, eval=evidence.reference.eval)
    return Explanation(a.code, a.words, formula, a.at)


def of_BZ(e: ReferenceForward) -> Iterator[Alternative]:
    """Mistakes of the forward."""
    p, N = e.parameters, e.N
    Z, X, NZ = e.Z[:], e.X(), e.NZ()
    BW, Bb, eps = p.BW, p.Bb, p.eps
    V = e.used_V
    name = "running_V" if e.eval else "V"

    def of(normalised: Array) -> Array:
        BZ: Array = BW * normalised + Bb
        return BZ

    yield Alternative(
        "eps-outside-root", of(X / (np.sqrt(V) + eps)),
        f"eps is outside the root: BZ divides by sqrt({name}) + eps",
    )  # fmt: skip
    yield Alternative("eps-missing", of(X / np.sqrt(V)), f"eps is missing beside {name}")
    yield Alternative(
        "eps-subtracted", of(X / np.sqrt(V - eps)), f"eps is subtracted from {name}, not added"
    )
    yield Alternative(
        "eps-squared",
        of(X / np.sqrt(V + eps**2)),
        "the square of eps is added, not eps",
        rare=True,
    )
    yield Alternative(
        "root-missing", of(X / (V + eps)), f"BZ divides by {name} + eps, not by its root"
    )
    yield Alternative(
        "power-of-root", of(X * np.sqrt(V + eps)), f"BZ multiplies by sqrt({name} + eps)"
    )
    yield Alternative("scale-forgotten", NZ + Bb, "BW is forgotten: BZ is NZ + Bb")
    yield Alternative("scale-twice", BW * BW * NZ + Bb, "BW is applied twice in BZ")
    yield Alternative("shift-forgotten", BW * NZ, "Bb is forgotten: BZ is BW * NZ")
    yield Alternative("shift-twice", BW * NZ + 2 * Bb, "Bb is added twice in BZ")
    yield Alternative("shift-subtracted", BW * NZ - Bb, "Bb is subtracted, not added")
    yield Alternative(
        "scale-and-shift-forgotten",
        NZ,
        "BW and Bb are forgotten: BZ is the normalised input NZ",
    )
    yield Alternative(
        "scale-and-shift-swapped", Bb * NZ + BW, "BW and Bb are swapped: BZ is Bb * NZ + BW"
    )
    yield Alternative("shift-scaled", BW * (NZ + Bb), "BW scales Bb too: BZ is BW * (NZ + Bb)")
    yield Alternative("mean-not-subtracted", of(Z / e.root), "the mean is not subtracted from Z")
    if e.eval:
        yield from _of_inference(e, of)
        return
    if N > 1:
        yield Alternative(
            "variance-unbiased", of(X / np.sqrt(V * N / (N - 1) + eps)),
            f"the variance is divided by N - 1 = {N - 1}, where N = {N} is meant",
            at="V",
        )  # fmt: skip
    yield Alternative(
        "variance-not-divided", of(X / np.sqrt(V * N + eps)),
        "the variance is a sum of squares, not divided by N",
            at="V",
    )  # fmt: skip
    yield Alternative(
        "variance-uncentred", of(X / np.sqrt(column_mean(Z**2) + eps)),
        "the variance is the mean of Z ** 2, without the mean of Z taken off",
            at="V",
    )  # fmt: skip
    yield Alternative(
        "running-in-training", of((Z - p.running_M) / np.sqrt(p.running_V + eps)),
        "the running statistics are used in training, where those of the mini-batch are meant",
    )  # fmt: skip
    yield Alternative(
        "wrong-axis", of(_by_rows(e)),
        "mean and variance are taken over the features of each row (axis=1), where those over the "
        "rows (axis=0) are meant",
    )  # fmt: skip
    yield Alternative(
        "no-axis", of((Z - Z.mean()) / np.sqrt(Z.var() + eps)),
        "mean and variance are taken over the whole matrix: axis=0 is missing",
    )  # fmt: skip


def _by_rows(e: ReferenceForward) -> Array:
    Z = e.Z[:]
    X = Z - Z.mean(axis=1, keepdims=True)
    NZ: Array = X / np.sqrt((X * X).mean(axis=1, keepdims=True) + e.parameters.eps)
    return NZ


def _of_inference(e: ReferenceForward, of: Callable[[Array], Array]) -> Iterator[Alternative]:
    p, Z = e.parameters, e.Z[:]
    batch_root = np.sqrt(e.V + p.eps)
    yield Alternative(
        "batch-in-inference", of((Z - e.M) / batch_root),
        "the statistics of the mini-batch are used in inference, where running_M and running_V are "
        "meant",
    )  # fmt: skip
    yield Alternative(
        "batch-mean-in-inference", of((Z - e.M) / e.root),
        "the mean of the mini-batch is used in inference, where running_M is meant",
    )  # fmt: skip
    yield Alternative(
        "batch-variance-in-inference", of((Z - p.running_M) / batch_root),
        "the variance of the mini-batch is used in inference, where running_V is meant",
    )  # fmt: skip
    yield Alternative(
        "parenthesis", of(Z - p.running_M / e.root),
        "a parenthesis is misplaced: only running_M is divided by the root, not Z - running_M",
    )  # fmt: skip


def of_running_M(e: ReferenceForward) -> Iterator[Alternative]:
    """Mistakes of the running mean."""
    yield from _of_running("running_M", e.parameters.running_M, e.M, e)


def of_running_V(e: ReferenceForward) -> Iterator[Alternative]:
    """Mistakes of the running variance."""
    p, N = e.parameters, e.N
    old, alpha = p.running_V, p.alpha
    yield from _of_running("running_V", old, e.V, e)
    news = [
        ("deviation", np.sqrt(e.V), "the standard deviation is taken in, not the variance"),
        ("deviation-eps", e.root, "sqrt(V + eps) is taken in, not the variance V"),
        ("eps-added", e.V + p.eps, "V + eps is taken in, not the variance V"),
        ("sum", e.V * N, "the sum of squares is taken in, not divided by N"),
    ]
    if N > 1:
        words = f"the unbiased variance, {N}/{N - 1} V, is taken in, where V is meant"
        news.append(("unbiased", e.V * N / (N - 1), words))
    for code, new, words in news:
        rare = code in ("deviation-eps", "eps-added")
        yield Alternative(
            f"running-variance-{code}", alpha * old + (1 - alpha) * new, words, rare=rare
        )
        yield Alternative(
            f"running-variance-{code}-alpha-reversed", (1 - alpha) * old + alpha * new,
            f"{words}, and alpha = {alpha:g} weighs the new value, where it is meant to weigh the "
            "old one",
            rare=True,
        )  # fmt: skip


def _of_running(name: str, old: Array, new: Array, e: ReferenceForward) -> Iterator[Alternative]:
    alpha, of_batch = e.parameters.alpha, "M" if name == "running_M" else "V"
    if e.eval:
        yield Alternative(
            f"{name}-updated-in-inference", alpha * old + (1 - alpha) * new,
            f"{name} is updated in inference mode, where it is meant to stay",
        )  # fmt: skip
        yield Alternative(
            f"{name}-updated-in-inference", new,
            f"{name} is overwritten in inference mode, where it is meant to stay",
        )  # fmt: skip
        return
    yield Alternative(
        f"{name}-alpha-reversed", (1 - alpha) * old + alpha * new,
        f"alpha = {alpha:g} weighs the new value {of_batch} in {name}, where it is meant to weigh "
        "the old one; in PyTorch, momentum is the weight of the new one",
    )  # fmt: skip
    yield Alternative(
        f"{name}-overwritten", new, f"{name} is overwritten with {of_batch}: alpha is not used"
    )
    yield Alternative(f"{name}-not-updated", old, f"{name} is not updated in training")
    yield Alternative(
        f"{name}-added",
        old + (1 - alpha) * new,
        f"the old value of {name} is not multiplied by alpha",
    )
    yield Alternative(
        f"{name}-old-forgotten", (1 - alpha) * new, f"the old value of {name} is left out"
    )


def of_dLdBb(e: ReferenceForward) -> Iterator[Alternative]:
    """Mistakes of the gradient of the shift."""
    g, NZ, N = e.dLdBZ[:], e.NZ(), e.N
    total = column_sum(g)
    yield Alternative("gradients-swapped", column_sum(g * NZ), SWAPPED, BOTH)
    yield Alternative(
        "averaged", total / N, "dLdBb is the mean over the rows, where the sum is meant"
    )
    yield Alternative("sign", -total, "dLdBb has its sign flipped")
    yield Alternative(
        "scale-twice", total * e.parameters.BW, "dLdBb has a factor BW: it sums dLdNZ"
    )
    yield Alternative(
        "summed-over-all", 0 * total + g.sum(), "dLdBb is summed over the features too"
    )
    yield Alternative("missing", 0 * total, "dLdBb is 0")


def of_dLdBW(e: ReferenceForward) -> Iterator[Alternative]:
    """Mistakes of the gradient of the scale."""
    g, Z, X, NZ = e.dLdBZ[:], e.Z[:], e.X(), e.NZ()
    N, p = e.N, e.parameters
    total = column_sum(g * NZ)
    yield Alternative("gradients-swapped", column_sum(g), SWAPPED, BOTH)
    yield Alternative(
        "averaged", total / N, "dLdBW is the mean over the rows, where the sum is meant"
    )
    yield Alternative("sign", -total, "dLdBW has its sign flipped")
    wrong = (
        ("Z", Z, "Z"),
        ("BZ", p.BW * NZ + p.Bb, "the output BZ"),
        ("centred", X, "the centred input Z - M, not divided by the root,"),
        ("by-variance", X / (e.used_V + p.eps), "(Z - M) / (V + eps), without the root,"),
    )
    for code, A, words in wrong:
        yield Alternative(
            f"factor-{code}", column_sum(g * A), f"dLdBW has {words} where NZ is meant"
        )
    if e.eval:
        batch = (Z - e.M) / np.sqrt(e.V + p.eps)
        yield Alternative(
            "factor-batch-NZ", column_sum(g * batch),
            "dLdBW has Z normalised with the mini-batch, where the running statistics are meant",
        )  # fmt: skip
    yield Alternative("scale-twice", total * p.BW, "dLdBW has a factor BW: it takes in dLdNZ")
    yield Alternative("upstream-forgotten", column_sum(NZ), "dLdBW sums NZ without dLdBZ")
    yield Alternative(
        "summed-over-all", 0 * total + (g * NZ).sum(), "dLdBW is summed over the features too"
    )
    yield Alternative("missing", 0 * total, "dLdBW is 0")


SWAPPED = (
    "dLdBW and dLdBb are swapped: dLdBb is the plain sum of dLdBZ over the rows, dLdBW is that of "
    "dLdBZ * NZ"
)

BOTH = f"{formula_of('dLdBW', eval=False)}; {formula_of('dLdBb', eval=False)}"

ALTERNATIVES: dict[str, Callable[[ReferenceForward], Iterator[Alternative]]] = {
    "BZ": of_BZ,
    "running_M": of_running_M,
    "running_V": of_running_V,
    "dLdBb": of_dLdBb,
    "dLdBW": of_dLdBW,
}

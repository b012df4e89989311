"""Each mistake of the table, made by hand: it is recognised, and taken for no other one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bncheck.diagnose.known_mistakes import KNOWN_MISTAKES
from bncheck.reference.forward import Parameters, ReferenceForward, apply_definition
from tests.diagnose.made import ALPHA, EPS, Array, Made, codes_of, made, notes_on, total

GOLDEN = Path(__file__).parent.parent / "golden" / "known_mistakes.txt"


def forward_mistakes(b: Made) -> dict[str, Array]:
    V, NZ, X = b.used_V, b.NZ, b.X
    return {
        "eps-outside-root": b.BW * X / (np.sqrt(V) + EPS) + b.Bb,
        "eps-missing": b.BW * X / np.sqrt(V) + b.Bb,
        "eps-subtracted": b.BW * X / np.sqrt(V - EPS) + b.Bb,
        "eps-squared": b.BW * X / np.sqrt(V + EPS * EPS) + b.Bb,
        "root-missing": b.BW * X / (V + EPS) + b.Bb,
        "power-of-root": b.BW * X * np.sqrt(V + EPS) + b.Bb,
        "mean-not-subtracted": b.BW * b.Z / b.root + b.Bb,
        "scale-forgotten": NZ + b.Bb,
        "scale-twice": b.BW**2 * NZ + b.Bb,
        "shift-forgotten": b.BW * NZ,
        "shift-twice": b.BW * NZ + b.Bb + b.Bb,
        "shift-subtracted": b.BW * NZ - b.Bb,
        "scale-and-shift-forgotten": NZ,
        "scale-and-shift-swapped": b.Bb * NZ + b.BW,
        "shift-scaled": (NZ + b.Bb) * b.BW,
    }


def training_mistakes(b: Made) -> dict[str, Array]:
    def normalised(M: Array, V: Array) -> Array:
        BZ: Array = b.BW * (b.Z - M) / np.sqrt(V + EPS) + b.Bb
        return BZ

    M, Z = b.M, b.Z
    return {
        "variance-unbiased": normalised(M, Z.var(axis=0, ddof=1)),
        "variance-not-divided": normalised(M, ((Z - M) ** 2).sum(axis=0)),
        "variance-uncentred": normalised(M, (Z * Z).mean(axis=0)),
        "running-in-training": normalised(b.running_M, b.running_V),
        "wrong-axis": normalised(Z.mean(axis=1)[:, None], Z.var(axis=1)[:, None]),
        "no-axis": normalised(np.mean(Z), np.var(Z)),
    }


def inference_mistakes(b: Made) -> dict[str, Array]:
    batch_root, root = np.sqrt(b.V + EPS), np.sqrt(b.running_V + EPS)
    return {
        "batch-in-inference": b.BW * (b.Z - b.M) / batch_root + b.Bb,
        "batch-mean-in-inference": b.BW * (b.Z - b.M) / root + b.Bb,
        "batch-variance-in-inference": b.BW * (b.Z - b.running_M) / batch_root + b.Bb,
        "parenthesis": b.BW * (b.Z - b.running_M / root) + b.Bb,
    }


def running_mistakes(name: str, old: Array, new: Array) -> dict[str, Array]:
    return {
        f"{name}-alpha-reversed": 0.2 * old + 0.8 * new,
        f"{name}-overwritten": new,
        f"{name}-not-updated": old,
        f"{name}-added": old + 0.2 * new,
        f"{name}-old-forgotten": 0.2 * new,
    }


def variance_mistakes(b: Made) -> dict[str, Array]:
    wrong = {
        "deviation": b.Z.std(axis=0),
        "deviation-eps": np.sqrt(b.V + EPS),
        "eps-added": b.V + EPS,
        "sum": ((b.Z - b.M) ** 2).sum(axis=0),
        "unbiased": b.Z.var(axis=0, ddof=1),
    }
    old = b.running_V
    return {
        f"running-variance-{code}{ending}": weight * old + (1 - weight) * new
        for code, new in wrong.items()
        for ending, weight in (("", 0.8), ("-alpha-reversed", 0.2))
    }


def gradient_mistakes(b: Made, name: str) -> dict[str, Array]:
    right = b.right[name]
    return {
        "averaged": right / 12,
        "sign": -right,
        "summed-over-all": right.sum() * np.ones((1, 3)),
        "missing": np.zeros((1, 3)),
        "scale-twice": right * b.BW,
    }


def scale_mistakes(b: Made) -> dict[str, Array]:
    g, batch = b.dLdBZ, {}
    if b.mode == "eval":
        batch = {"factor-batch-NZ": total(g * (b.Z - b.M) / np.sqrt(b.V + EPS))}
    return batch | {
        "factor-Z": total(g * b.Z),
        "factor-BZ": total(g * b.right["BZ"]),
        "factor-centred": total(g * b.X),
        "factor-by-variance": total(g * b.X / (b.used_V + EPS)),
        "upstream-forgotten": total(b.NZ),
        "gradients-swapped": total(g),
    }


def training_gradients(b: Made, M: Array, V: Array, *, with_sum: bool) -> dict[str, Array]:
    """The formulas of the paper with any statistics."""
    X, root = b.Z - M, np.sqrt(V + EPS)
    dLdV = -0.5 * total(b.dLdNZ * X) / root**3
    dLdM = -total(b.dLdNZ) / root
    if with_sum:
        dLdM = dLdM - 2 * dLdV * total(X) / b.N
    return {"dLdV": dLdV, "dLdM": dLdM, "dLdZ": b.dLdNZ / root + 2 * dLdV * X / b.N + dLdM / b.N}


def planted() -> Iterator[tuple[str, str, str, Array]]:
    """Mode, quantity, code and values of every mistake that is known."""
    for mode in ("train", "eval"):
        b = made(mode)
        wrong = [("BZ", forward_mistakes(b)), ("dLdBW", scale_mistakes(b))]
        wrong += [(name, gradient_mistakes(b, name)) for name in ("dLdBb", "dLdBW")]
        wrong += [("dLdBb", {"gradients-swapped": total(b.dLdBZ * b.NZ)})]
        if mode == "train":
            wrong += [
                ("BZ", training_mistakes(b)),
                ("running_M", running_mistakes("running_M", b.running_M, b.M)),
                ("running_V", running_mistakes("running_V", b.running_V, b.V)),
                ("running_V", variance_mistakes(b)),
            ]
            kinds = [
                ("running-in-backward", b.running_M, b.running_V),
                ("running-in-backward", b.right["running_M"], b.right["running_V"]),
            ]
        else:
            batch_variance = b.dLdNZ / np.sqrt(b.V + EPS)
            wrong += [
                ("BZ", inference_mistakes(b)),
                ("dLdZ", {"inference-batch-variance": batch_variance}),
                *(
                    (name, {f"{name}-updated-in-inference": values})
                    for name, old, new in (
                        ("running_M", b.running_M, b.M),
                        ("running_V", b.running_V, b.V),
                    )
                    for values in (0.8 * old + 0.2 * new, new)
                ),
                ("running_V", variance_mistakes(b)),
            ]
            kinds = [
                ("training-formula-batch", b.M, b.V),
                ("training-formula-running", b.running_M, b.running_V),
            ]
        for code, M, V in kinds:
            for with_sum in (False, True):
                formulas = training_gradients(b, M, V, with_sum=with_sum)
                wrong += [(name, {code: values}) for name, values in formulas.items()]
        for name, mistakes in wrong:
            for code, values in mistakes.items():
                yield mode, name, code, values


PLANTED = list(planted())


EQUAL = {
    ("train", "dLdBW", code): ["upstream-forgotten", "missing"]
    for code in ("upstream-forgotten", "missing")
}
"""Mistakes that no data tell apart: in training NZ adds up to 0."""


@pytest.mark.parametrize(
    ("mode", "name", "code", "values"),
    PLANTED,
    ids=[f"{mode} {name} {code}" for mode, name, code, _ in PLANTED],
)
def test_a_mistake_is_recognised_and_taken_for_no_other_one(
    mode: str, name: str, code: str, values: Array
) -> None:
    assert codes_of({name: values}, made(mode)) == EQUAL.get((mode, name, code), [code])


def reference(b: Made) -> ReferenceForward:
    parameters = Parameters(**b.state, alpha=ALPHA, eps=EPS)
    return apply_definition(b.Z, b.dLdBZ, lambda _: parameters, eval=b.mode == "eval")


def known(mode: str) -> Iterator[tuple[str, str, str]]:
    """Quantity, code and words of every mistake of the table."""
    for name, tables in KNOWN_MISTAKES.items():
        for mistakes in tables:
            for code, words, *_ in mistakes(reference(made(mode))):
                yield name, code, words


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_every_known_mistake_is_planted_here(mode: str) -> None:
    here = {(name, code) for where, name, code, _ in PLANTED if where == mode}
    assert here == {(name, code) for name, code, _ in known(mode)}


def test_the_words_of_all_mistakes(request: pytest.FixtureRequest) -> None:
    lines = [
        f"{mode}  {name}  {code}: {words}\n"
        for mode in ("train", "eval")
        for name, code, words in dict.fromkeys(known(mode))
    ]
    if request.config.getoption("--rewrite-golden"):
        GOLDEN.write_text("".join(lines), "utf-8")
    assert GOLDEN.read_text("utf-8") == "".join(lines)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_right_results_are_no_mistake(mode: str) -> None:
    assert codes_of(made(mode).right, made(mode)) == []


def test_the_formula_is_that_of_the_quantity_that_is_wrong() -> None:
    b = made()
    (unbiased,) = notes_on({"BZ": training_mistakes(b)["variance-unbiased"]}, b)
    assert unbiased.meant == "V = mean((Z - M) ** 2, axis=0, keepdims=True)"
    (twice,) = notes_on({"BZ": forward_mistakes(b)["scale-twice"]}, b)
    assert twice.meant == "BZ = BW * (Z - M) / sqrt(V + eps) + Bb"


def test_swapped_gradients_are_one_mistake_with_two_formulas() -> None:
    b = made()
    swapped = {"dLdBb": b.right["dLdBW"], "dLdBW": b.right["dLdBb"]}
    (note,) = notes_on(swapped, b)
    assert (note.code, note.check) == ("gradients-swapped", "dLdBb")
    assert note.meant == (
        "dLdBb = sum(dLdBZ, axis=0, keepdims=True); dLdBW = sum(dLdBZ * NZ, axis=0, keepdims=True)"
    )


def test_a_rare_mistake_is_named_only_where_no_usual_one_fits() -> None:
    b = made()
    values = b.BW * b.X / np.sqrt(b.V + 1e-8) + b.Bb  # the square of eps, which is next to nothing
    assert codes_of({"BZ": values}, b, eps=1e-4) == ["eps-missing"]


def test_one_row_has_no_unbiased_variance() -> None:
    b = made(N=1)
    assert codes_of({"BZ": b.BW + b.Bb}, b)[:1] == ["unexplained"]

"""What is wrong, in words: the right explanation for planted mistakes, and never a wrong one."""

from collections.abc import Iterator

import numpy as np
import pytest

from bncheck import BatchNorm1d, InputReport, gradcheck
from bncheck.diagnose.explain import EQUALLY
from tests.diagnose.made import Made, codes_of, made, notes_on
from tests.planted.data import Case
from tests.planted.layers import RIGHT, WRONG, Planted, Textbook
from tests.planted.trial import cases, make, run
from tests.planted.truth import Status, status_of

SEED = 1
DATA = (
    "16 rows", "64 rows", "mean/std 10", "six scales", "scale 100", "eps like variance", "digits",
    "Cauchy", "rows twice", "sorted", "binary",
)  # fmt: skip

REMARKS = {
    "shape-1d", "inference-before-backward", "large-eps", "eps-fixed", "no-inference-mode",
    "forward-differs", "not-found", "inconclusive", "updates-in-inference", "raised",
}  # fmt: skip
"""Notes that explain no number."""

FOLLOWING = {"consequence", "unexplained"}

EXPLANATIONS: dict[str, set[str]] = {
    "DirectPathMissing": {"direct-path-missing"},
    "VariancePathMissing": {"variance-path-missing"},
    "MeanPathMissing": {"mean-path-missing"},
    "DirectPathDoubled": {"direct-path-doubled"},
    "VariancePathDoubled": {"variance-path-doubled"},
    "MeanPathDoubled": {"mean-path-doubled"},
    "DirectPathHalved": {"direct-path-halved"},
    "VariancePathHalved": {"variance-path-halved"},
    "MeanPathHalved": {"mean-path-halved"},
    "DirectPathNegated": {"direct-path-sign"},
    "VariancePathNegated": {"variance-path-sign"},
    "MeanPathNegated": {"mean-path-sign"},
    "VariancePathNotDividedByN": {"variance-path-n-forgotten"},
    "MeanPathNotDividedByN": {"mean-path-n-forgotten"},
    "MeanGradientAveraged": {"dLdM-n-twice"},
    "BackwardDividesByOneLess": {"variance-path-n-minus-1-mean-path-n-minus-1"},
    "VarianceDividesByOneLess": {"variance-unbiased", "running-variance-unbiased"},
    "VarianceGradientPowerHalf": {"dLdV-power-one-high"},
    "VarianceGradientPowerOne": {"dLdV-power-half-high"},
    "VarianceGradientPowerTwo": {"dLdV-power-half-low"},
    "DenominatorWithoutRoot": {"root-missing"},
    "DirectPathWithoutRoot": {"direct-path-power-half-low"},
    "BWForgottenInBackward": {"dLdNZ-scale-forgotten", "dLdZ-scale-forgotten"},
    "BWTwiceInBackward": {"dLdNZ-scale-twice", "dLdZ-scale-twice"},
    "BWForgottenInForward": {"scale-forgotten"},
    "BbForgotten": {"shift-forgotten"},
    "BbTwice": {"shift-twice"},
    "ZForNZ": {"factor-Z"},
    "BZForNZ": {"factor-BZ"},
    "CentredZForNZ": {"factor-centred"},
    "ScaleGradientAveraged": {"averaged"},
    "ShiftGradientAveraged": {"averaged"},
    "ParameterGradientsSwapped": {"gradients-swapped"},
    "ParameterGradientsUnreduced": {"shape-unreduced"},
    "ParameterGradientsScalar": {"shape-scalar"},
    "NormalisedAlongRows": {
        "wrong-axis", "shape-wrong-axis", "shape-unreduced", "shape-transposed",
    },
    "NormalisedAlongRowsRunningRight": {
        "wrong-axis", "shape-wrong-axis", "shape-unreduced", "shape-transposed",
    },
    "RunningStatisticsInBackward": {"running-in-backward"},
    "PreviousBatchInBackward": {"running-in-backward"},  # which are those of no batch, at first
    "EpsOutsideRoot": {"eps-outside-root"},
    "EpsOmitted": {"eps-missing"},
    "EpsSubtracted": {"eps-subtracted", "not-finite"},
    "EpsOmittedInBackward": {
        "dLdV-eps-missing-power",
        "dLdM-eps-missing-root",
        "direct-path-eps-missing-root-variance-path-eps-missing-power-mean-path-eps-missing-root",
    },
    "AllOneThousandthOff": {"dLdZ-constant"},
    "TrainingGradientInInference": {"training-formula-running"},
    "BatchGradientInInference": {"training-formula-batch"},
    "BatchStatisticsInInference": {"batch-in-inference"},
    "InferenceWithoutRoot": {"root-missing"},
    "InferenceParenthesisMisplaced": {"parenthesis"},
    "InferenceGradientWithoutDenominator": {"dLdZ-power-half-high"},
    "RunningUpdatedInInference": {
        "running_M-updated-in-inference", "running_V-updated-in-inference",
    },
    "AlphaWrongWayRound": {"running_M-alpha-reversed", "running_V-alpha-reversed"},
    "RunningOverwritten": {"running_M-overwritten", "running_V-overwritten"},
    "RunningNotUpdated": {"running_M-not-updated", "running_V-not-updated"},
    "RunningOldValueNotWeighted": {"running_M-added", "running_V-added"},
    "RunningVarianceUnbiased": {"running-variance-unbiased"},
    "RunningStandardDeviation": {"running-variance-deviation"},
    "Float32VariancePathMissing": {"variance-path-missing"},
    "Float32BZForNZ": {"factor-BZ"},
}  # fmt: skip
"""Mistake by explanation. Those that are not here cannot be read from the numbers: single entries,
statistics of a batch that is not known, a layer that raises."""


def trials(layer: Planted) -> Iterator[Case]:
    return (each for each in cases(layer, SEED) if each.name in DATA)


def report_on(layer: Planted, trial: Case) -> InputReport:
    report = gradcheck(
        make(layer, trial), trial.Z, dLdBZ=trial.dLdBZ, state=trial.state, mode=trial.mode
    )
    return report.inputs[0]


def explanations(report: InputReport) -> list[str]:
    """Codes of the notes that say what is wrong."""
    return [
        note.code
        for note in report.notes
        if note.code not in REMARKS and not note.code.startswith("power-")
    ]


def certain(report: InputReport) -> list[str]:
    """The same, without those that are given as equally possible and what they are equal to."""
    doubtful = {note.check for note in report.notes if note.message.startswith(EQUALLY)}
    sure = {note.code for note in report.notes if note.check not in doubtful}
    return [code for code in explanations(report) if code in sure]


@pytest.mark.parametrize("name", WRONG)
def test_a_planted_mistake_is_explained_and_nothing_else_is(name: str) -> None:
    allowed = EXPLANATIONS.get(name, set())
    asked = right = 0
    for trial in trials(WRONG[name]):
        if status_of(run(WRONG[name], trial), trial) is not Status.WRONG:
            continue
        report = report_on(WRONG[name], trial)
        codes = explanations(report)
        assert set(certain(report)) <= allowed | FOLLOWING, (trial.name, trial.mode, codes)
        asked += 1
        right += bool(allowed & set(codes))
    assert right >= 0.95 * asked * bool(allowed), f"{right} of {asked}"


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_layer_gets_no_explanation(name: str) -> None:
    for trial in trials(RIGHT[name]):
        if status_of(run(RIGHT[name], trial), trial) is Status.RIGHT:
            assert explanations(report_on(RIGHT[name], trial)) == [], trial.name


class VariancePathHalved(BatchNorm1d):
    def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
        right = super().backward(dLdBZ)
        return right - self.dLdV * (self.Z - self.M) / self.N


def test_two_explanations_that_fit_equally_are_both_given() -> None:
    Z = np.random.default_rng(0).standard_normal((5, 2))
    state = {"BW": [[0.5, 0.5]]}
    notes = gradcheck(VariancePathHalved(2), Z, state=state).inputs[0].notes[:3]
    assert [(note.code, note.check) for note in notes[:2]] == [
        ("variance-path-halved", "dLdZ"),
        ("variance-path-scale-twice", "dLdZ"),
    ]
    first, second, other = (note.message for note in notes)
    assert first.startswith("the variance path of dLdZ is half of what it should be: fitted ")
    assert second.startswith(
        "or, which fits these data equally well: "
        "the variance path of dLdZ has the factor BW twice: fitted "
    )
    assert EQUALLY not in first + other


def test_where_one_explanation_fits_no_other_is_given() -> None:
    Z = np.random.default_rng(0).standard_normal((5, 2))
    report = gradcheck(VariancePathHalved(2), Z).inputs[0]
    assert explanations(report) == ["variance-path-halved"]


def test_an_explanation_has_its_line_and_its_formula() -> None:
    class VariancePathLeftOut(BatchNorm1d):
        def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
            right = super().backward(dLdBZ)
            self.dLdZ = right - 2 * self.dLdV * (self.Z - self.M) / self.N
            return self.dLdZ

    Z = np.random.default_rng(0).standard_normal((30, 3))
    note = gradcheck(VariancePathLeftOut(3), Z).inputs[0].notes[0]
    assert note.code == "variance-path-missing"
    assert note.meant == "dLdZ = dLdNZ / sqrt(V + eps) + dLdV * 2 * (Z - M) / N + dLdM / N"
    assert note.source == "self.dLdZ = right - 2 * self.dLdV * (self.Z - self.M) / self.N"
    assert note.place is not None
    assert note.place.startswith("test_explain.py:")


def test_the_line_is_that_of_the_quantity_whose_formula_is_wrong() -> None:
    class DividedByOneLess(Textbook):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:  # noqa: A002
            BZ = super().forward(Z, eval)
            if not eval:
                self.V = Z.var(axis=0, ddof=1, keepdims=True)
                BZ = self.BW * (Z - self.M) / np.sqrt(self.V + self.eps) + self.Bb
            return BZ

    Z = np.random.default_rng(0).standard_normal((8, 3))
    note = gradcheck(DividedByOneLess(3), Z).inputs[0].notes[0]
    assert note.code == "variance-unbiased"
    assert note.source == "self.V = Z.var(axis=0, ddof=1, keepdims=True)"


def test_a_mistake_of_the_inference_output_is_given_no_line_of_training() -> None:
    class BatchStatistics(Textbook):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:  # noqa: A002
            kept = self.running_M, self.running_V
            BZ = super().forward(Z, False)
            if eval:
                self.running_M, self.running_V = kept
            return BZ

    Z = np.random.default_rng(0).standard_normal((8, 3))
    note = gradcheck(BatchStatistics(3), Z).inputs[0].notes[0]
    assert (note.code, note.check, note.place) == ("batch-in-inference", "BZ_eval", None)
    assert note.meant == "BZ = BW * (Z - running_M) / sqrt(running_V + eps) + Bb"


def test_a_quantity_that_follows_from_a_wrong_one_is_no_mistake_of_its_own() -> None:
    b = made()
    dLdNZ = b.dLdNZ * b.BW
    other = Made("train", b.Z, b.dLdBZ * b.BW, *b.state.values())
    results = {"dLdNZ": dLdNZ} | {name: other.right[name] for name in ("dLdV", "dLdM", "dLdZ")}
    notes = notes_on(results, b)
    assert [note.code for note in notes] == ["dLdNZ-scale-twice", *["consequence"] * 3]
    assert [note.message for note in notes[1:]] == [
        f"{name} is wrong only because dLdNZ is: fix that first"
        for name in ("dLdV", "dLdM", "dLdZ")
    ]
    assert [note.check for note in notes[1:]] == ["dLdV", "dLdM", "dLdZ"]


@pytest.mark.parametrize("name", ["dLdV", "dLdM", "dLdZ"])
def test_a_second_mistake_is_not_taken_for_a_consequence(name: str) -> None:
    b = made()
    other = Made("train", b.Z, b.dLdBZ * b.BW, *b.state.values())
    results = {"dLdNZ": b.dLdNZ * b.BW}
    results |= {each: other.right[each] for each in ("dLdV", "dLdM", "dLdZ")}
    results[name] = 3 * results[name]
    found = {note.check: note.code for note in notes_on(results, b)}
    assert found[name] != "consequence"


def test_dLdZ_may_follow_from_a_wrong_dLdV() -> None:
    b = made()
    direct, variance, mean = b.paths
    results = b.right | {"dLdV": 2 * b.right["dLdV"], "dLdZ": direct + 2 * variance + mean}
    notes = notes_on(results, b)
    assert [note.code for note in notes] == ["dLdV-doubled", "consequence"]
    assert notes[1].message == "dLdZ is wrong only because dLdV is: fix that first"


def test_in_inference_nothing_follows_from_dLdV() -> None:
    b = made("eval")
    right = made("train")
    wrong = right.right["dLdV"]
    codes = codes_of(b.right | {"dLdV": wrong}, b)
    assert codes == ["training-formula-batch"]


def test_a_wrong_forward_is_explained_alone() -> None:
    b = made()
    results = b.right | {"BZ": b.NZ, "dLdZ": 2 * b.right["dLdZ"], "dLdBW": 0 * b.BW}
    assert codes_of(results, b) == ["scale-and-shift-forgotten"]


def test_running_statistics_are_explained_beside_a_wrong_forward() -> None:
    b = made()
    results = b.right | {"BZ": b.NZ, "running_M": b.M}
    assert codes_of(results, b) == ["scale-and-shift-forgotten", "running_M-overwritten"]


def test_that_nothing_is_known_is_said_once() -> None:
    b = made()
    wrong = {name: b.right[name] + 0.1 * b.right[name] ** 2 for name in ("dLdBb", "dLdBW", "dLdZ")}
    (note,) = notes_on(wrong, b)
    assert (note.code, note.check) == ("unexplained", "dLdBb")
    assert note.message == "no known mistake explains dLdBb: look at its worst entries"
    assert note.meant is None


def test_that_nothing_is_known_is_not_said_after_a_wrong_forward() -> None:
    b = made()
    strange = b.right["running_V"] + 0.1 * b.right["running_V"] ** 2
    assert codes_of({"BZ": b.NZ, "running_V": strange}, b) == ["scale-and-shift-forgotten"]
    assert codes_of({"running_V": strange}, b) == ["unexplained"]


@pytest.mark.parametrize(
    ("lost", "words"),
    [(1, "1 of the 36 entries of dLdZ is"), (2, "2 of the 36 entries of dLdZ are")],
)
def test_entries_that_are_not_finite_are_counted(lost: int, words: str) -> None:
    b = made()
    dLdZ = b.right["dLdZ"].copy()
    dLdZ[:lost, 1] = [np.nan, np.inf][:lost]
    (note,) = notes_on({"dLdZ": dLdZ}, b)
    assert (note.code, note.message) == ("not-finite", f"{words} not finite")
    assert note.meant is None


def test_a_small_tolerance_makes_explanations_no_less_certain() -> None:
    b = made()
    noise = 1 + 1e-9 * np.random.default_rng(0).standard_normal(b.Z.shape)
    (note,) = notes_on({"dLdZ": 2 * b.right["dLdZ"] * noise}, b, rtol=1e-12)
    assert note.code == "dLdZ-doubled"


def test_a_large_tolerance_makes_explanations_no_vaguer() -> None:
    b = made()
    (note,) = notes_on({"dLdNZ": b.dLdNZ * 12 / 11}, b, rtol=0.01)
    assert note.code == "dLdNZ-n-minus-1"

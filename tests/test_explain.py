"""What is wrong, in words: the right explanation for planted mistakes, and never a wrong one."""

from collections.abc import Iterator

import numpy as np
import pytest

from bncheck import BatchNorm1d, InputReport, gradcheck
from bncheck.diagnose.explain import EQUALLY
from tests.planted.data import Case
from tests.planted.layers import RIGHT, WRONG, Planted
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


def with_variance_path_times(factor: float) -> type[BatchNorm1d]:
    class Scaled(BatchNorm1d):
        def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
            path = 2 * self.dLdV * (self.Z - self.M) / self.N if self.train(dLdBZ) else 0
            return self.dLdZ + (factor - 1) * path

        def train(self, dLdBZ: np.ndarray) -> bool:
            super().backward(dLdBZ)
            return True

    return Scaled


def test_two_explanations_that_fit_equally_are_called_so() -> None:
    Z = np.random.default_rng(0).standard_normal((3, 2))
    # With three rows, N / (N - 1) is 3/2 and (N - 1) / N is 2/3, but 1/2 is one half only.
    report = gradcheck(with_variance_path_times(0.5)(2), Z).inputs[0]
    assert explanations(report) == ["variance-path-halved"]


def test_an_explanation_has_its_numbers_its_line_and_its_formula() -> None:
    class VariancePathLeftOut(BatchNorm1d):
        def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
            right = super().backward(dLdBZ)
            self.dLdZ = right - 2 * self.dLdV * (self.Z - self.M) / self.N
            return self.dLdZ

    Z = np.random.default_rng(0).standard_normal((30, 3))
    note = gradcheck(VariancePathLeftOut(3), Z).inputs[0].notes[0]
    assert note.message == (
        "the variance path of dLdZ is missing: fitted direct 1.000, variance 0.000, mean 1.000 in "
        "all 3 features"
    )
    assert note.meant == "dLdZ = dLdNZ / sqrt(V + eps) + dLdV * 2 * (Z - M) / N + dLdM / N"
    assert note.source == "self.dLdZ = right - 2 * self.dLdV * (self.Z - self.M) / self.N"
    assert note.place is not None
    assert note.place.startswith("test_explain.py:")

"""gradcheck, the library's front door: what it takes, what it leaves alone, what it reports."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

import bncheck
from bncheck import BatchNorm1d, Verdict, gradcheck
from bncheck.check.oracle import DIRECTIONS
from bncheck.numdiff import FORMULAS

Z = np.random.default_rng(3).standard_normal((9, 4)) * [1, 1e-3, 1e3, 1] + [0, 5, 0, -7]
GRADIENTS = ["dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM", "dLdZ"]


class VariancePathLeftOut(BatchNorm1d):
    """The direct and the mean path alone."""

    def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
        dLdZ = super().backward(dLdBZ)
        self.dLdZ = dLdZ - 2 / self.N * self.dLdV * (self.Z - self.M)
        return self.dLdZ


class Raising(BatchNorm1d):
    """A backward that is not finished."""

    def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class InPlace(BatchNorm1d):
    """Changes its running statistics in place, and its input."""

    def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:  # noqa: A002
        running_M, running_V = self.running_M, self.running_V
        BZ = super().forward(Z, eval)
        running_M[:], running_V[:] = self.running_M, self.running_V
        self.running_M, self.running_V = running_M, running_V
        return BZ


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("method", FORMULAS)
def test_the_built_in_layer_passes(mode: str, method: str) -> None:
    report = gradcheck(BatchNorm1d(4), Z, mode=mode, method=method)
    assert report.passed
    names = [check.name for check in report.inputs[0].checks]
    assert names == ["BZ", "running_M", "running_V", *GRADIENTS]


@pytest.mark.parametrize("method", FORMULAS)
def test_a_planted_mistake_is_named(method: str) -> None:
    report = gradcheck(VariancePathLeftOut(4), Z, method=method)
    assert report.verdict is Verdict.FAIL
    (failed,) = (check for check in report.inputs[0].checks if not check.passed)
    assert failed.name == "dLdZ"
    assert failed.worst is not None
    assert failed.worst.rel_error > 0.1


def test_every_entry_is_compared() -> None:
    (report,) = gradcheck(BatchNorm1d(4), Z).inputs
    assert {check.name: check.compared for check in report.checks if check.name in GRADIENTS} == {
        "dLdBb": 4, "dLdBW": 4, "dLdNZ": 36, "dLdV": 4, "dLdM": 4, "dLdZ": 36,
    }  # fmt: skip


def test_a_single_wrong_entry_is_found() -> None:
    class OneOff(BatchNorm1d):
        def backward(self, dLdBZ: np.ndarray) -> np.ndarray:
            dLdZ = super().backward(dLdBZ)
            dLdZ[6, 2] *= 1.01
            return dLdZ

    (dLdZ,) = (c for c in gradcheck(OneOff(4), Z).inputs[0].checks if c.name == "dLdZ")
    worst = dLdZ.worst
    assert worst is not None
    assert (worst.row, worst.feature) == (6, 2)


def test_a_layer_that_raises_has_failed() -> None:
    report = gradcheck(Raising(4), Z)
    assert report.verdict is Verdict.FAIL
    assert "backward is not finished: it raised NotImplementedError (test_gradcheck.py:30)" in [
        note.message for note in report.inputs[0].notes
    ]


def test_the_layer_handed_in_is_never_changed() -> None:
    layer = InPlace(4)
    arrays = ("BW", "Bb", "running_M", "running_V")
    before = {name: getattr(layer, name).copy() for name in arrays}
    assert gradcheck(layer, Z).passed
    assert all((getattr(layer, name) == before[name]).all() for name in arrays)
    assert not hasattr(layer, "NZ")


def test_a_layers_own_parameters_are_kept() -> None:
    seen = []

    class Watched(BatchNorm1d):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:  # noqa: A002
            seen.append(self.BW.copy())
            return super().forward(Z, eval)

    layer = Watched(4)
    layer.BW = np.array([[0.25, 3.0, -1.0, 1.0]])
    gradcheck(layer, Z)
    assert sum((BW == layer.BW).all() for BW in seen) > len(Z)


def test_what_is_drawn_comes_from_the_seed() -> None:
    first, again, other = (gradcheck(BatchNorm1d(4), Z, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.inputs[0].checks != other.inputs[0].checks


def test_the_report_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        gradcheck(BatchNorm1d(4), Z).seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"Z": [1.0, 2.0]}, r"Z has shape \(2,\), expected \(N, C\)"),
        ({"Z": [[np.nan, 1.0, 1.0, 1.0]]}, "Z is nan in row 0, column 0"),
        ({"Z": Z.astype(complex)}, "Z is of complex128"),
        ({"Z": Z * 1e300}, "V of column 0 is beyond the largest float64"),
        ({"dLdBZ": Z[:3]}, r"dLdBZ has shape \(3, 4\), expected \(9, 4\)"),
        ({"state": {"BW": [[1.0]]}}, r"BW has shape \(1, 1\), expected \(1, 4\)"),
        ({"mode": "test"}, "mode is 'test'"),
        ({"method": "five-point"}, "method is 'five-point'"),
        ({"rtol": 0.0}, "rtol is 0"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(
    arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        gradcheck(BatchNorm1d(4), **{"Z": Z, **arguments})  # type: ignore[arg-type]


def test_the_complex_step_needs_a_complex_forward() -> None:
    class RealOnly(BatchNorm1d):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:  # noqa: A002
            return super().forward(np.real(Z), eval).real

    with pytest.raises(ValueError, match="the complex step needs a forward"):
        gradcheck(RealOnly(4), Z, method="complex")


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_coarser_layers_are_judged_by_their_own_rounding(dtype: str) -> None:
    layer = BatchNorm1d(4, dtype=dtype)
    assert gradcheck(layer, np.random.default_rng(0).standard_normal((30, 4))).passed


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_mistake_in_a_coarser_layer_is_found(dtype: str) -> None:
    layer = VariancePathLeftOut(4, dtype=dtype)
    report = gradcheck(layer, np.random.default_rng(0).standard_normal((30, 4)))
    assert report.verdict is Verdict.FAIL


def test_an_inconclusive_check_says_why_and_what_would_help() -> None:
    report = gradcheck(BatchNorm1d(4), Z, rtol=1e-16)
    assert report.verdict is Verdict.INCONCLUSIVE
    reasons = [note for note in report.inputs[0].notes if note.code == "inconclusive"]
    assert reasons
    assert all("; pass --rtol" in note.message for note in reasons)


def test_the_public_names_are_there() -> None:
    assert all(hasattr(bncheck, name) for name in bncheck.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nix'"):
        bncheck.nix  # noqa: B018


def test_where_rows_are_many_a_sample_of_them_is_differenced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bncheck.check.oracle.EXHAUSTIVE", 0)
    monkeypatch.setattr("bncheck.check.oracle.OF_A_CALL", 0)
    monkeypatch.setattr("bncheck.check.oracle.SAMPLED", 4 * Z.size * (3 + DIRECTIONS + 2 + 2))
    (report,) = gradcheck(BatchNorm1d(4), Z).inputs
    assert report.verdict is Verdict.PASS
    assert report.rows_sampled == 3
    assert "differenced in 3 of 9 rows and along 2 directions" in report.notes[-1].message
    along = [check for check in report.checks if check.name.startswith("dLdZ_along")]
    assert [check.compared for check in along] == [4, 4]
    (report,) = gradcheck(BatchNorm1d(4), Z, full=True).inputs
    assert report.rows_sampled == 9
    (report,) = gradcheck(VariancePathLeftOut(4), Z).inputs
    wrong = {check.name for check in report.checks if not check.passed}
    assert wrong == {"dLdZ", "dLdZ_along_1", "dLdZ_along_2"}
    (dLdZ,) = (check for check in report.checks if check.name == "dLdZ")
    assert dLdZ.failed == Z.size


def test_the_complex_step_needs_an_analytic_forward() -> None:
    class AbsoluteSquares(BatchNorm1d):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:  # noqa: A002
            BZ = super().forward(np.real(Z), eval)
            if eval:
                return BZ
            root = np.sqrt(Z.var(axis=0, keepdims=True) + self.eps)  # real, whatever Z is
            return self.BW * (Z - Z.mean(axis=0, keepdims=True)) / root + self.Bb + 0 * BZ

    well_scaled = np.random.default_rng(3).standard_normal((9, 4))
    assert gradcheck(AbsoluteSquares(4), well_scaled).passed
    with pytest.raises(ValueError, match="analytic in complex numbers"):
        gradcheck(AbsoluteSquares(4), well_scaled, method="complex")


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("method", FORMULAS)
def test_a_column_without_scale_and_shift_is_checked_too(mode: str, method: str) -> None:
    state = {"BW": [[0.0, 1, 2, 0]], "Bb": [[0.0, 1, 2, 5]]}
    assert gradcheck(BatchNorm1d(4), Z, state=state, mode=mode, method=method).passed


@pytest.mark.parametrize("scale", [1e-100, 1e-20, 1e20, 1e100, 1e140])
def test_extreme_scales_are_checked(scale: float) -> None:
    assert gradcheck(BatchNorm1d(4), Z * scale).passed


@pytest.mark.parametrize("size", [1e-200, 1e-100, 1e100, 1e150])
def test_extreme_upstream_gradients_are_checked(size: float) -> None:
    upstream = size * np.random.default_rng(0).standard_normal(Z.shape)
    assert gradcheck(BatchNorm1d(4), Z, dLdBZ=upstream).passed


def test_a_layer_may_hold_what_cannot_be_copied() -> None:
    class WithModule(BatchNorm1d):
        def __init__(self, num_features: int) -> None:
            super().__init__(num_features)
            self.xp, self.lines = np, (line for line in ())

    assert gradcheck(WithModule(4), Z).passed


def test_a_forward_of_integers_has_failed() -> None:
    class Rounding(BatchNorm1d):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:  # noqa: A002
            return super().forward(Z, eval).astype(int)

    assert gradcheck(Rounding(4), Z).verdict is Verdict.FAIL


def test_an_eps_for_each_feature_may_be_one_number() -> None:
    layer = BatchNorm1d(4)
    layer.eps = np.full((1, 4), 1e-5)  # type: ignore[assignment]
    assert gradcheck(layer, Z).passed
    layer.eps = np.array([1e-5, 1, 2, 3])  # type: ignore[assignment]
    with pytest.raises(ValueError, match="expected one number from 0 up"):
        gradcheck(layer, Z)

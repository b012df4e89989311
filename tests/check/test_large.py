"""The check block by block, beside the check of all at once, and with mistakes planted."""

from pathlib import Path

import numpy as np
import pytest

from bncheck import BatchNorm1d, Verdict, gradcheck
from bncheck.batchnorm.sweeps import InputGradient
from bncheck.check import oracle
from bncheck.report.model import InputReport
from tests.planted.data import DATA_SETS, case

Z = np.random.default_rng(0).standard_normal((60, 5)) * [1, 1e-6, 1e6, 3, 1] + [0, 0, 0, 1e4, 5]


def by_blocks(monkeypatch: pytest.MonkeyPatch, *, rows: int | None = None) -> None:
    """Every check goes block by block; with so many rows in the black box, or all."""
    monkeypatch.setattr("bncheck.arrays.LARGE", 0)
    if rows is not None:
        monkeypatch.setattr(oracle, "EXHAUSTIVE", 0)
        monkeypatch.setattr(oracle, "OF_A_CALL", 0)
        others = oracle.DIRECTIONS + 2 + 2  # parameters, noise
        monkeypatch.setattr(oracle, "SAMPLED", 4 * (rows + others) * Z.size if rows else 0)


def report_on(Z: np.ndarray, **options: object) -> InputReport:
    (report,) = gradcheck(BatchNorm1d(Z.shape[1]), Z, **options).inputs
    return report


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", DATA_SETS)
def test_the_verdict_is_that_of_the_check_at_once(
    name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Z = case(name, mode, 0, np.dtype(float)).Z
    at_once = report_on(Z, mode=mode)
    by_blocks(monkeypatch)
    report = report_on(Z, mode=mode)
    assert report.verdict is at_once.verdict
    names = [check.name for check in report.checks]
    assert names[: len(at_once.checks)] == [check.name for check in at_once.checks]


@pytest.mark.parametrize("rows", [0, 3, 60])
def test_how_much_of_the_forward_is_differenced(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    by_blocks(monkeypatch, rows=rows)
    report = report_on(Z)
    assert report.verdict is Verdict.PASS
    assert report.rows_sampled == rows
    codes = [note.code for note in report.notes]
    assert ("black-box-skipped" in codes) == (rows == 0)
    assert ("rows-sampled" in codes) == (rows == 3)
    assert report_on(Z, full=True).rows_sampled == len(Z)


def test_the_numbers_do_not_depend_on_where_they_come_from(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    from bncheck.files import matrix, sources

    np.save("Z.npy", Z)
    by_blocks(monkeypatch, rows=3)
    monkeypatch.setattr(sources, "IN_MEMORY", 0)
    rows = matrix.read_matrix("Z.npy").rows
    assert not isinstance(rows, np.ndarray)
    assert report_on(rows) == report_on(Z)


MISTAKES = {
    "scale": lambda dLdZ, block: dLdZ * 1.001,
    "one entry": lambda dLdZ, block: dLdZ + (np.arange(dLdZ.size) == 7).reshape(dLdZ.shape),
    "one column": lambda dLdZ, block: dLdZ * np.where(np.arange(dLdZ.shape[1]) == 2, -1, 1),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("rows", [0, 3])
def test_a_wrong_gradient_fails(mistake: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    right = InputGradient.__getitem__

    def wrong(self: InputGradient, rows: slice) -> np.ndarray:
        return MISTAKES[mistake](right(self, rows), rows)

    monkeypatch.setattr(InputGradient, "__getitem__", wrong)
    by_blocks(monkeypatch, rows=rows)
    report = report_on(Z)
    failed = {check.name for check in report.checks if check.verdict is Verdict.FAIL}
    assert "dLdZ" in failed
    if rows:
        assert {"dLdZ_along_1", "dLdZ_along_2"} <= failed


def test_the_worst_entry_is_told_in_the_rows_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    right = InputGradient.__getitem__

    def wrong(self: InputGradient, rows: slice) -> np.ndarray:
        dLdZ = right(self, rows)
        if rows.start <= 70_001 < rows.stop:
            dLdZ[70_001 - rows.start, 3] += 1
        return dLdZ

    monkeypatch.setattr(InputGradient, "__getitem__", wrong)
    monkeypatch.setattr(oracle, "SAMPLED", 0)
    Z = np.random.default_rng(3).standard_normal((100_000, 30))
    (failed,) = (check for check in report_on(Z).checks if not check.passed)
    assert failed.failed == 1
    assert failed.compared == Z.size
    assert failed.worst is not None
    assert (failed.worst.row, failed.worst.feature) == (70_001, 3)


def test_what_is_brought_along_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    by_blocks(monkeypatch)
    state = {"BW": np.full((1, 5), 3.0), "running_V": np.full((1, 5), 2.0)}
    report = report_on(Z, state=state, dLdBZ=np.ones_like(Z), mode="eval")
    assert report.verdict is Verdict.PASS
    with pytest.raises(ValueError, match="dLdBZ has shape"):
        report_on(Z, dLdBZ=np.ones((2, 5)))


def test_a_layer_with_a_method_of_its_own_is_not_taken_for_the_built_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_blocks(monkeypatch)
    layer = BatchNorm1d(5)
    layer.backward = lambda dLdBZ: 7 * dLdBZ  # type: ignore[method-assign]
    assert gradcheck(layer, Z).verdict is Verdict.FAIL


def test_dLdNZ_is_the_layers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    by_blocks(monkeypatch)
    right = BatchNorm1d.dLdNZ_of
    monkeypatch.setattr(BatchNorm1d, "dLdNZ_of", lambda self, rows: right(self, rows) + 1e-3)
    failed = {check.name for check in report_on(Z).checks if not check.passed}
    assert failed == {"dLdNZ"}


def test_an_upstream_gradient_with_a_mean_is_no_reason_for_doubt() -> None:
    Z = np.random.default_rng(1).standard_normal((800_000, 3))
    report = report_on(Z, dLdBZ=np.ones_like(Z))
    assert report.verdict is Verdict.PASS
    assert "power-upstream-constant" in {note.code for note in report.notes}


def test_a_doubt_is_told_with_its_reason_and_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    by_blocks(monkeypatch)
    report = report_on(Z, rtol=1e-17)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert any("pass --rtol" in note.message for note in report.notes)

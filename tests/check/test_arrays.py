"""--results: arrays that another program computed."""

import json
from pathlib import Path

import numpy as np
import pytest

from bncheck.__main__ import main
from bncheck.check.arrays import check_arrays
from bncheck.check.setup import CheckOptions, MiniBatch
from tests.planted.data import ALPHA, Case, case
from tests.planted.truth import truth_of

RECORDED = Path(__file__).parent.parent / "recorded"
NAMES = ("BZ", "running_M", "running_V", "dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM", "dLdZ")


@pytest.fixture(params=["train", "eval"])
def trial(request: pytest.FixtureRequest) -> Case:
    return case("32 rows", request.param, 0, np.dtype(float))


def right_results(trial: Case) -> dict[str, np.ndarray]:
    return {name: A.copy() for name, A in truth_of(trial).values.items()}


def verdicts(trial: Case, results: dict[str, np.ndarray]) -> dict[str, str]:
    batch = MiniBatch(trial.Z, trial.dLdBZ, trial.state)
    report = check_arrays(results, batch, CheckOptions(trial.mode), alpha=ALPHA, eps=trial.eps)
    return {check.name: str(check.verdict) for check in report.checks}


def test_right_results_pass(trial: Case) -> None:
    assert verdicts(trial, right_results(trial)) == dict.fromkeys(NAMES, "pass")


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_entry_fails_and_nothing_else_does(name: str, trial: Case) -> None:
    results = right_results(trial)
    results[name][0, -1] += 1e-3 * truth_of(trial).scales[name][0, -1]
    assert verdicts(trial, results) == dict.fromkeys(NAMES, "pass") | {name: "fail"}


def test_float32_results_are_judged_by_their_own_rounding(trial: Case) -> None:
    results = {name: A.astype(np.float32) for name, A in right_results(trial).items()}
    assert set(verdicts(trial, results).values()) == {"pass"}


def test_other_spellings_are_understood(trial: Case) -> None:
    right = right_results(trial)
    spelled = {"y": right["BZ"], "dgamma": right["dLdBW"][0], "dx": right["dLdZ"]}
    assert verdicts(trial, spelled) == {"BZ": "pass", "dLdBW": "pass", "dLdZ": "pass"}


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_what_pytorch_computes_passes(mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    given, state = RECORDED / "torch_input.npz", RECORDED / "torch_state.npz"
    results = RECORDED / f"torch_{mode}.npz"
    command = f"gradcheck {given}:Z --upstream {given}:dLdBZ --state {state} --results {results}"
    status = main([*command.split(), "--mode", mode, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert status == 0, document
    codes = {note["code"] for note in document["inputs"][0]["notes"]}
    assert codes == {"shape-1d"} | ({"running-variance-unbiased"} if mode == "train" else set())
    assert len(document["inputs"][0]["checks"]) == 6


def test_what_is_missing_is_said(trial: Case) -> None:
    report = check_arrays(
        {"BZ": right_results(trial)["BZ"]}, MiniBatch(trial.Z, state=trial.state), CheckOptions()
    )
    notes = {note.code: note.message for note in report.notes}
    assert notes["skipped"] == ("not among the results: running_M, running_V, dLdBb, dLdBW, dLdZ")


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({"dLdZ": np.ones((32, 1))}, "dLdZ cannot be checked without the upstream gradient"),
        ({"nix": np.ones(1)}, "the results are nix, expected some of BZ, .*"),
        ({"out": np.ones(1), "BZ": np.ones(1)}, "one thing under two names: BZ and out"),
    ],
)
def test_results_that_cannot_be_used_are_refused(
    results: dict[str, np.ndarray], message: str, trial: Case
) -> None:
    with pytest.raises(ValueError, match=message):
        check_arrays(results, MiniBatch(trial.Z), CheckOptions())


def test_without_an_upstream_gradient_the_forward_is_checked_and_the_rest_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given, state = RECORDED / "torch_input.npz", RECORDED / "torch_state.npz"
    results = RECORDED / "torch_train.npz"
    assert main(f"gradcheck {given}:Z --state {state} --results {results}".split()) == 0
    out = capsys.readouterr().out
    assert "dLdBb, dLdBW, dLdZ cannot be checked without the upstream gradient" in out
    assert "dLdBZ is constant" not in out
    assert out.splitlines()[-1].startswith("pass: 78 entries agree with the definition")

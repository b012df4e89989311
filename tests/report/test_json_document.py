"""The JSON documents, key by key: what scripts rely on."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bncheck import __version__
from bncheck.batchnorm.layer import BatchNorm1d
from tests.wrong_backward import without_mean_path

WINE = "sample_data/wine.csv"

# The keys of the contract, in its order. Others may stand between them.
OF_ANY_DOCUMENT = ["schema", "version"]
OF_GRADCHECK = [*OF_ANY_DOCUMENT, "verdict", "seed", "rtol", "inputs"]
OF_CHECKED_INPUT = ["input", "shape", "mode", "layer", "verdict", "checks", "notes"]
OF_CHECK = [
    *("name", "against", "shape", "compared", "verdict"),
    *("max_abs_error", "max_rel_error", "uncertainty", "worst"),
]
OF_WORST = ["row", "feature", "name", "analytic", "numeric"]
OF_NOTE = ["code", "check", "message"]
OF_PASS = [*OF_ANY_DOCUMENT, "inputs"]
OF_PASSED_INPUT = ["input", "shape", "mode", "layer", "features"]
OF_FORWARD_FEATURE = ["feature", "name", "M", "V", "running_M", "running_V", "BZ_min", "BZ_max"]
OF_BACKWARD_FEATURE = [
    *("feature", "name", "dLdBb", "dLdBW", "dLdV", "dLdM", "dLdZ_min", "dLdZ_max"),
]
OF_ERROR = [*OF_ANY_DOCUMENT, "error"]

Document = Callable[..., dict[str, Any]]


@pytest.fixture
def document(bncheck) -> Document:
    """bncheck's one document on stdout, which is JSON to the letter, and nothing on stderr."""

    def run(*arguments: str, status: int = 0) -> dict[str, Any]:
        result = bncheck(*arguments, "--json")
        assert (result.status, result.stderr) == (status, "")
        document: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
        assert document["version"] == __version__
        return document

    return run


def has(mapping: dict[str, Any], keys: list[str]) -> bool:
    """Whether a JSON object has these keys, in this order."""
    return [key for key in mapping if key in keys] == keys


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_gradcheck(mode: str, document: Document) -> None:
    report = document("gradcheck", WINE, "--mode", mode, "--seed", "7", "--rtol", "1e-5")
    assert has(report, OF_GRADCHECK)
    assert report["schema"] == "bncheck/gradcheck/1"
    assert (report["verdict"], report["seed"], report["rtol"]) == ("pass", 7, 1e-5)
    (checked,) = report["inputs"]
    assert has(checked, OF_CHECKED_INPUT)
    assert (checked["input"], checked["shape"], checked["mode"]) == (WINE, [178, 13], mode)
    assert (checked["layer"], checked["verdict"]) == ("built-in layer", "pass")
    assert checked["notes"] == []


def test_gradcheck_has_a_check_for_each_quantity(document: Document) -> None:
    ((checks, shape),) = [
        (each["checks"], each["shape"]) for each in document("gradcheck", WINE)["inputs"]
    ]
    assert all(has(check, OF_CHECK) and has(check["worst"], OF_WORST) for check in checks)
    assert {check["name"]: check["against"] for check in checks} == {
        "BZ": "definition",
        "running_M": "definition",
        "running_V": "definition",
        "dLdBb": "finite differences",
        "dLdBW": "finite differences",
        "dLdNZ": "finite differences",
        "dLdV": "finite differences",
        "dLdM": "finite differences",
        "dLdZ": "finite differences",
    }
    for check in checks:
        per_feature = check["name"] not in ("BZ", "dLdNZ", "dLdZ")
        assert check["shape"] == ([1, 13] if per_feature else shape)
        assert check["compared"] == (13 if per_feature else 2314)
        assert check["verdict"] == "pass"
        assert 0 <= check["max_rel_error"] <= check["max_rel_error"] + check["uncertainty"] < 1e-6
        assert (check["worst"]["row"] is None) is per_feature


def test_gradcheck_of_several_inputs(document: Document) -> None:
    paths = ["sample_data/digits_batch_2.npy", "sample_data/digits_batch_3.npy"]
    assert [each["input"] for each in document("gradcheck", *paths)["inputs"]] == paths


def test_gradcheck_inconclusive(document: Document) -> None:
    report = document("gradcheck", WINE, "--rtol", "1e-16", status=3)
    (checked,) = report["inputs"]
    assert report["verdict"] == checked["verdict"] == "inconclusive"
    undecided = [check["name"] for check in checked["checks"] if check["verdict"] != "pass"]
    assert all(has(note, OF_NOTE) for note in checked["notes"])
    assert [(note["code"], note["check"]) for note in checked["notes"]] == [
        ("inconclusive", name) for name in undecided
    ]


def test_the_worst_entry_is_where_the_mistake_is(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    backward = BatchNorm1d.backward

    def wrong(layer: BatchNorm1d, dLdBZ: np.ndarray) -> np.ndarray:
        dLdZ = backward(layer, dLdBZ).copy()
        dLdZ[17, 12] = 1000
        return dLdZ

    monkeypatch.setattr(BatchNorm1d, "backward", wrong)
    (checked,) = document("gradcheck", WINE, status=1)["inputs"]
    (failed,) = [check for check in checked["checks"] if check["verdict"] == "fail"]
    worst = failed["worst"]
    assert failed["name"] == "dLdZ"
    assert (worst["row"], worst["feature"], worst["name"]) == (17, 12, "proline")
    assert worst["analytic"] == 1000
    assert failed["max_abs_error"] == pytest.approx(1000 - worst["numeric"])


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_not_finite_is_null(
    number: float, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchNorm1d, "backward", lambda layer, dLdBZ: np.full_like(dLdBZ, number))
    (checked,) = document("gradcheck", WINE, status=1)["inputs"]
    (check,) = [check for check in checked["checks"] if check["name"] == "dLdZ"]
    assert check["max_abs_error"] is check["max_rel_error"] is check["worst"]["analytic"] is None
    assert np.isfinite(check["worst"]["numeric"])


def test_what_cannot_be_compared_has_no_worst_entry(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchNorm1d, "backward", lambda layer, dLdBZ: dLdBZ[:, 1:])
    (checked,) = document("gradcheck", WINE, status=1)["inputs"]
    (check,) = [check for check in checked["checks"] if check["name"] == "dLdZ"]
    assert (check["shape"], check["compared"], check["worst"]) == ([178, 12], 0, None)


def test_forward(document: Document) -> None:
    report = document("forward", WINE, "--columns", "alcohol,hue")
    assert has(report, OF_PASS)
    assert report["schema"] == "bncheck/forward/1"
    (passed,) = report["inputs"]
    assert has(passed, OF_PASSED_INPUT)
    assert (passed["input"], passed["shape"]) == (WINE, [178, 2])
    assert (passed["mode"], passed["layer"]) == ("train", "built-in layer")
    assert [(each["feature"], each["name"]) for each in passed["features"]] == [
        (0, "alcohol"),
        (1, "hue"),
    ]
    Z = np.loadtxt(WINE, delimiter=",", skiprows=1, usecols=0)
    feature = passed["features"][0]
    assert has(feature, OF_FORWARD_FEATURE)
    assert [feature[key] for key in OF_FORWARD_FEATURE[2:]] == pytest.approx(
        [
            Z.mean(),
            Z.var(),
            0.1 * Z.mean(),
            0.9 + 0.1 * Z.var(),
            (Z.min() - Z.mean()) / Z.std(),
            (Z.max() - Z.mean()) / Z.std(),
        ],
        rel=1e-7,
    )


def test_forward_carries_the_statistics_along(document: Document) -> None:
    first, second = document("forward", WINE, WINE, "--columns", "hue")["inputs"]
    (a,), (b,) = first["features"], second["features"]
    assert b["running_M"] == pytest.approx(0.9 * a["running_M"] + 0.1 * b["M"])


def test_eval(document: Document) -> None:
    report = document(
        "eval", "sample_data/digits_held_out.csv", "--state", "sample_data/digits_state.npz"
    )
    assert has(report, OF_PASS)
    assert report["schema"] == "bncheck/eval/1"
    (passed,) = report["inputs"]
    assert has(passed, OF_PASSED_INPUT)
    assert (passed["mode"], passed["shape"]) == ("eval", [30, 32])
    assert len(passed["features"]) == 32
    assert all(has(feature, OF_FORWARD_FEATURE) for feature in passed["features"])
    state = np.load("sample_data/digits_state.npz")
    assert passed["features"][5]["running_V"] == state["running_V"][0, 5]


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_backward(mode: str, document: Document) -> None:
    report = document(
        *("backward", "sample_data/digits_batch_1.npy", "--mode", mode),
        *("--upstream", "sample_data/digits_batch_1_dLdBZ.npy"),
        *("--state", "sample_data/digits_state.npz"),
    )
    assert has(report, OF_PASS)
    assert report["schema"] == "bncheck/backward/1"
    (passed,) = report["inputs"]
    assert has(passed, OF_PASSED_INPUT)
    assert (passed["mode"], passed["shape"]) == (mode, [48, 32])
    assert all(has(feature, OF_BACKWARD_FEATURE) for feature in passed["features"])
    assert {feature["name"] for feature in passed["features"]} == {None}
    dLdBZ = np.load("sample_data/digits_batch_1_dLdBZ.npy")
    assert [feature["dLdBb"] for feature in passed["features"]] == pytest.approx(
        list(dLdBZ.sum(axis=0))
    )


@pytest.mark.parametrize(
    ("arguments", "message", "help_"),
    [
        (
            ["forward", "missing.npy"],
            "`missing.npy` does not exist",
            "check the name and the folder",
        ),
        (["forward"], "missing argument `INPUT...`", "see `bncheck forward --help`"),
        (["frobnicate"], "no such command `frobnicate`", "see `bncheck --help`"),
    ],
)
def test_an_error(arguments: list[str], message: str, help_: str, document: Document) -> None:
    report = document(*arguments, status=2)
    assert list(report) == OF_ERROR
    assert report["schema"] == "bncheck/error/1"
    assert report["error"] == {"message": message, "help": help_}
    assert list(report["error"]) == ["message", "help"]


def test_a_bug_leaves_no_half_document(bncheck, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("Out of range float values are not JSON compliant")

    monkeypatch.setattr(json, "dumps", broken)
    result = bncheck("gradcheck", WINE, "--json")
    assert (result.status, result.stdout) == (4, "")
    assert result.stderr.endswith("ValueError: Out of range float values are not JSON compliant\n")


def test_document_has_the_worst_entries_of_what_did_not_pass(bncheck, mistake) -> None:
    mistake(without_mean_path)
    document = json.loads(bncheck("gradcheck", WINE, "--json", "--worst", "3").stdout)
    for check in document["inputs"][0]["checks"]:
        if check["verdict"] == "pass":
            assert "worst_entries" not in check
        else:
            assert len(check["worst_entries"]) == 3
            assert check["worst_entries"][0] == check["worst"]

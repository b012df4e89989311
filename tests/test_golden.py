"""What a user sees: the text of each command, in a pipe and on a terminal of 80 columns.

`pytest --rewrite-golden` writes the files in tests/golden/ anew; the difference is to be read.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.report.screen import Screen
from tests.noise_free import noise_free
from tests.wrong_backward import (
    MISTAKES,
    that_raises,
    that_returns_its_transpose,
    without_variance_path,
)

GOLDEN = Path(__file__).parent / "golden"

COMMANDS = {
    "forward": "forward sample_data/digits_batch_2.npy sample_data/digits_batch_3.npy"
    " --columns 1-3 --save-state bn.npz",
    "forward_wine": "forward sample_data/wine.csv",
    "forward_1_feature": "forward 1_feature.npy",
    "forward_500_features": "forward 500_features.npy",
    "eval": "eval sample_data/digits_held_out.csv --state sample_data/digits_state.npz",
    "backward": "backward sample_data/digits_batch_1.npy"
    " --upstream sample_data/digits_batch_1_dLdBZ.npy --state sample_data/digits_state.npz",
    "gradcheck": "gradcheck sample_data/wine.csv",
    "gradcheck_eval": "gradcheck sample_data/wine.csv --mode eval",
    "gradcheck_2_inputs": "gradcheck sample_data/digits_batch_2.npy sample_data/digits_batch_3.npy",
    "gradcheck_1_feature": "gradcheck 1_feature.npy",
    "gradcheck_500_features": "gradcheck 500_features.npy",
    "gradcheck_1_row": "gradcheck 1_row.npy",
    "gradcheck_inconclusive": "gradcheck sample_data/wine.csv --columns proline --rtol 1e-16",
}


@pytest.fixture(params=[None, 80], ids=["pipe", "80"])
def suffix(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Sets how wide the screen is, and says what the golden files of this width are called."""
    width: int | None = request.param
    if width is None:
        return ""
    monkeypatch.setattr("bncheck.cli.output.screen_of", lambda _: Screen(width=width))
    return f"_{width}"


@pytest.fixture
def compare(request: pytest.FixtureRequest):
    def compare(name: str, command: str, report: str) -> None:
        path = GOLDEN / f"{name}.txt"
        shown = f"$ bncheck {command}\n{report}"
        if request.config.getoption("--rewrite-golden"):
            path.write_text(shown, "utf-8")
        assert noise_free(shown) == noise_free(path.read_text("utf-8"))

    return compare


LAYERS = Path(__file__).parent / "layers" / "wrong"


@pytest.fixture(autouse=True)
def _matrices(folder: Path) -> None:
    waves = np.sin(np.arange(4000.0))
    np.save("1_feature.npy", waves[:6].reshape(6, 1))
    np.save("500_features.npy", waves.reshape(8, 500))
    np.save("1_row.npy", waves[:3].reshape(1, 3))


@pytest.mark.parametrize("name", COMMANDS)
def test_report(name: str, suffix: str, bncheck, compare) -> None:
    result = bncheck(*COMMANDS[name].split())
    assert result.stderr == ""
    compare(name + suffix, COMMANDS[name], result.stdout)


@pytest.mark.parametrize(
    "backward", [without_variance_path, that_raises, that_returns_its_transpose]
)
def test_report_on_a_mistake(
    backward, suffix: str, bncheck, compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchNorm1d, "backward", backward)
    command = "gradcheck sample_data/wine.csv --columns 1-3"
    result = bncheck(*command.split())
    assert result.stderr == ""
    compare(f"mistake_{backward.__name__}{suffix}", command, result.stdout)


WRONG_LAYERS = (
    "alpha_the_wrong_way_round",
    "eps_outside_the_root",
    "inference_as_training",
    "output_for_normalised",
    "scale_gradient_not_summed",
    "swapped_gradients",
    "variance_by_one_less",
    "variance_path_missing",
)


@pytest.mark.parametrize("name", WRONG_LAYERS)
def test_report_on_a_wrong_layer(name: str, suffix: str, bncheck, compare) -> None:
    shutil.copy(LAYERS / f"{name}.py", f"{name}.py")
    command = f"gradcheck sample_data/wine.csv --columns 1-3 --layer {name}.py"
    compare(f"layer_{name}{suffix}", command, bncheck(*command.split()).stdout)


@pytest.mark.parametrize("backward", MISTAKES)
def test_what_a_mistake_looks_like(
    backward, suffix: str, bncheck, compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchNorm1d, "backward", backward)
    command = "gradcheck sample_data/wine.csv"
    compare(f"pictures/{backward.__name__}{suffix}", command, bncheck(*command.split()).stdout)


REPORT = """\
 quantity  error     known to  worst at  analytic    numeric
 dLdM      3.5e-12   3.7e-11   row 9     -1.3792e-02 -1.3792e-02  pass
 dLdZ      2.0e-03   9.1e-11   row 17    -4.0061e+00 -3.9664e+00  FAIL
"""


@pytest.mark.parametrize(
    ("old", "new"), [("3.5e-12", "0"), ("3.7e-11", "1.2e-09"), ("9.1e-11", "8.8e-11")]
)
def test_rounding_is_not_compared(old: str, new: str) -> None:
    assert noise_free(REPORT) == noise_free(REPORT.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pass", "FAIL"),
        ("3.5e-12", "3.5e-03"),
        ("2.0e-03", "2.1e-03"),
        ("row 17", "row 18"),
        ("-3.9664", "3.9664"),
    ],
)
def test_a_mistake_is_compared(old: str, new: str) -> None:
    assert noise_free(REPORT) != noise_free(REPORT.replace(old, new))


PICTURES = """\
 dLdZ, error by feature and row
 0 ▓█
 log scale:  · below 2e-14  ░ 2e-14  ▒ 1e-13  ▓ 5.3e-13  █ 2.7e-12 to 1.4e-11

 error of dLdZ by step size, at row 13, feature 2
   1e-3 ┤  ○ ×
 step in units of the length:  ○ central  × Richardson  ⊗ both  ┊ chosen: 1.8e-3

pass: all
"""


@pytest.mark.parametrize(("old", "new"), [("▓█", "█░"), ("○ ×", "× ○"), ("row 13", "row 12")])
def test_pictures_of_rounding_are_not_compared(old: str, new: str) -> None:
    assert noise_free(PICTURES) == noise_free(PICTURES.replace(old, new))
    assert noise_free(PICTURES).endswith("\n\npass: all\n")


def test_pictures_of_mistakes_are_compared() -> None:
    mistake = PICTURES.replace("below", "within")
    assert noise_free(mistake) != noise_free(mistake.replace("▓█", "█░"))

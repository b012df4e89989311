"""Somebody's own layer: the right ones pass, and each wrong one fails where it is wrong.

The layers are those of `tests/layers/`, in the spellings and forms that people's code has.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from bncheck.check.gradcheck import gradcheck
from bncheck.layers.discovery import build_layer

LAYERS = Path(__file__).parent
WINE = "sample_data/wine.csv"

TRAINING_ONLY = {
    "no_inference.py",
    "two_backwards.py:batchnorm_backward",
    "two_backwards.py:batchnorm_backward_alt",
}
RIGHT_IN_BOTH_MODES = sorted(
    {path.name for path in LAYERS.glob("right/*.py")} - {"no_inference.py", "two_backwards.py"}
)

WRONG = {
    "alpha_the_wrong_way_round": "running_M running_V",
    "batch_size_accumulates": "dLdZ_again",
    "eps_missing": "BZ_eps dLdZ_eps BZ_eval_eps",
    "eps_missing_in_backward": "dLdZ_eps",
    "eps_outside_the_power": "dLdZ",
    "eps_outside_the_root": "BZ_eps BZ_eval_eps",
    "eps_outside_the_root_in_inference": "BZ_eval_eps",
    "exits_in_backward": "dLdZ",
    "gradients_averaged": "dLdBb dLdBW",
    "inference_as_training": "BZ_eval",
    "inference_parenthesis": "BZ_eval",
    "inference_raises": "BZ_eval",
    "inference_returns_nothing": "BZ_eval",
    "inference_stale_normalised": "BZ_eval",
    "inference_stale_statistics": "BZ_eval",
    "inference_stale_variance": "BZ_eval",
    "inference_updates": "BZ_eval",
    "inference_without_root": "BZ_eval",
    "input_changed": "Z",
    "input_for_normalised": "dLdBW",
    "local_dLdV": "dLdV dLdZ",
    "mean_gradient_without_axis": "dLdM dLdZ",
    "mean_path_missing": "dLdZ",
    "one_over_N_forgotten": "dLdZ",
    "output_for_normalised": "dLdBW",
    "output_transposed": "BZ BZ_eval",
    "raises_in_backward": "dLdZ",
    "raises_in_forward": "BZ",
    "running_mean_a_scalar": "running_M BZ_eval",
    "running_mean_summed": "running_M",
    "running_never_updated": "running_M running_V",
    "running_overwritten": "running_M running_V",
    "running_variance_not_averaged": "running_V BZ_eval",
    "running_variance_unbiased": "running_V",
    "scale_forgotten": "BZ dLdBW dLdZ BZ_eval",  # BW changes nothing in this forward
    "scale_forgotten_in_backward": "dLdZ",
    "scale_gradient_a_scalar": "dLdBW",
    "scale_gradient_in_a_stack": "dLdBW",
    "scale_gradient_not_summed": "dLdBW",
    "shift_gradient_a_scalar": "dLdBb",
    "shift_gradient_not_summed": "dLdBb",
    "standard_deviation_for_variance": "BZ running_V dLdZ BZ_eval",
    "statistics_of_all_batches": "BZ_again dLdZ_again",
    "statistics_of_the_first_batch": "BZ_again dLdZ_again",
    "swapped_gradients": "dLdBb dLdBW",
    "swapped_in_the_return": "dLdBb dLdBW",
    "unfinished_backward": "dLdZ",
    "unfinished_forward": "BZ",
    "unfinished_running_variance": "running_V BZ_eval",
    "unfinished_scale_gradient": "dLdBW",
    "unfinished_template": "dLdZ",
    "upstream_gradient_changed": "dLdBZ",
    "variance_accumulates": "BZ_again dLdZ_again",
    "variance_by_one_less": "BZ running_V dLdZ",
    "variance_path_missing": "dLdZ",
    "wrong_power": "dLdZ",
}
"""The checks that fail in the default call, by the file's name."""

WRONG_IN_INFERENCE = {
    "eps_outside_the_root_in_inference": "BZ_eps",
    "inference_as_training": "BZ dLdZ",
    "training_gradient_in_inference": "dLdV dLdM dLdZ",
}
"""The same with --mode eval."""


@pytest.fixture
def checked(bncheck):
    """The exit status of a check of one layer, and its part of the JSON document."""

    def check(layer: Path | str, *options: str) -> tuple[int, dict]:
        result = bncheck("gradcheck", WINE, "--layer", str(layer), "--json", *options)
        (report,) = json.loads(result.stdout)["inputs"]
        return result.status, report

    return check


def failed(report: dict) -> set[str]:
    return {check["name"] for check in report["checks"] if check["verdict"] != "pass"}


def notes(report: dict, code: str | None = None) -> list[str]:
    return [note["message"] for note in report["notes"] if code in (None, note["code"])]


def test_every_wrong_layer_is_in_a_table() -> None:
    assert {path.stem for path in LAYERS.glob("wrong/*.py")} == WRONG.keys() | WRONG_IN_INFERENCE


@pytest.mark.parametrize("layer", RIGHT_IN_BOTH_MODES + sorted(TRAINING_ONLY))
def test_a_right_layer_passes(layer: str, checked) -> None:
    status, report = checked(LAYERS / "right" / layer)
    assert failed(report) == set()
    assert status == 0


@pytest.mark.parametrize("layer", RIGHT_IN_BOTH_MODES)
def test_a_right_layer_passes_in_inference(layer: str, checked) -> None:
    status, report = checked(LAYERS / "right" / layer, "--mode", "eval")
    assert failed(report) == set()
    assert status == 0


@pytest.mark.parametrize(("layer", "rows"), WRONG.items())
def test_a_wrong_layer_fails_where_it_is_wrong(layer: str, rows: str, checked) -> None:
    status, report = checked(LAYERS / "wrong" / f"{layer}.py")
    assert failed(report) == set(rows.split())
    assert status == 1


@pytest.mark.parametrize(("layer", "rows"), WRONG_IN_INFERENCE.items())
def test_a_wrong_inference_fails_where_it_is_wrong(layer: str, rows: str, checked) -> None:
    status, report = checked(LAYERS / "wrong" / f"{layer}.py", "--mode", "eval")
    assert failed(report) == set(rows.split())
    assert status == 1


@pytest.mark.parametrize(
    ("layer", "check", "message"),
    [
        ("unfinished_forward", "BZ", "forward returned nothing (None): it is not finished"),
        ("unfinished_backward", "dLdZ", "backward returned NotImplemented: it is not finished"),
        (
            "unfinished_template",
            "dLdZ",
            "backward is not finished: it raised NotImplementedError (unfinished_template.py:29)",
        ),
        (
            "inference_returns_nothing",
            "BZ_eval",
            "in inference mode, forward returned nothing (None): it is not finished",
        ),
        (
            "inference_raises",
            "BZ_eval",
            "in inference mode, forward raised AttributeError: 'BatchNorm1d' object has no "
            "attribute 'moving_M' (inference_raises.py:18)",
        ),
        (
            "raises_in_backward",
            "dLdZ",
            "backward raised AttributeError: 'BatchNorm' object has no attribute 'normed' "
            "(raises_in_backward.py:36)",
        ),
        (
            "raises_in_forward",
            "BZ",
            "forward raised AxisError: axis 2 is out of bounds for array of dimension 2 "
            "(raises_in_forward.py:20)",
        ),
        ("exits_in_backward", "dLdZ", "backward ended the program (sys.exit)"),
    ],
)
def test_what_a_layer_raises_is_told(layer: str, check: str, message: str, checked) -> None:
    _, report = checked(LAYERS / "wrong" / f"{layer}.py")
    (note,) = [each for each in report["notes"] if each["code"] == "raised"]
    assert (note["check"], note["message"]) == (check, message)


@pytest.mark.parametrize(
    ("layer", "check", "shape"),
    [
        ("shift_gradient_a_scalar", "dLdBb", []),
        ("scale_gradient_a_scalar", "dLdBW", []),
        ("shift_gradient_not_summed", "dLdBb", [178, 13]),
        ("scale_gradient_not_summed", "dLdBW", [178, 13]),
        ("scale_gradient_in_a_stack", "dLdBW", [1, 178, 13]),
        ("running_variance_not_averaged", "running_V", [178, 13]),
    ],
)
def test_a_wrong_shape_is_told(layer: str, check: str, shape: list[int], checked) -> None:
    _, report = checked(LAYERS / "wrong" / f"{layer}.py")
    (row,) = [each for each in report["checks"] if each["name"] == check]
    assert (row["shape"], row["compared"]) == (shape, 0)
    (message,) = [note["message"] for note in report["notes"] if note["check"] == check]
    assert f"{check} has shape {tuple(shape)}" in message
    assert "expected (1, 13)" in message


def test_one_value_for_each_feature_without_an_axis_is_a_remark(checked) -> None:
    _, report = checked(LAYERS / "right" / "flat_parameters.py")
    assert notes(report, "shape-1d") == [
        "running_M, running_V, dLdBb, dLdBW have shape (13,), expected (1, 13)"
    ]


def test_an_inference_forward_before_backward_is_a_remark(checked) -> None:
    status, report = checked(LAYERS / "right" / "spec_names.py")
    assert len(notes(report, "inference-before-backward")) == 1
    assert status == 0
    _, report = checked(LAYERS / "right" / "two_backwards.py:batchnorm_backward")
    assert notes(report, "inference-before-backward") == []


def test_what_is_not_there_is_told(checked) -> None:
    _, report = checked(LAYERS / "right" / "no_inference.py")
    assert len(notes(report, "no-inference-mode")) == 1
    assert len(notes(report, "eps-fixed")) == 1


@pytest.mark.parametrize("layer", ["spec_names", "local_gradients"])
def test_intermediate_gradients_are_read(layer: str, checked) -> None:
    _, report = checked(LAYERS / "right" / f"{layer}.py")
    assert {"dLdNZ", "dLdV", "dLdM"} <= {check["name"] for check in report["checks"]}


@pytest.mark.parametrize("layer", ["zero_term_left_out", "zero_term_times_N"])
def test_the_term_of_dLdM_that_is_zero_is_nobodys_mistake(layer: str, checked) -> None:
    _, report = checked(LAYERS / "right" / f"{layer}.py")
    assert [check["verdict"] for check in report["checks"] if check["name"] == "dLdM"] == ["pass"]


@pytest.mark.parametrize("layer", ["spec_names", "only_called", "training_attribute"])
@pytest.mark.parametrize("alpha", ["0.3", "0.7"])
def test_alpha_and_eps_are_set(layer: str, alpha: str, checked) -> None:
    _, report = checked(LAYERS / "right" / f"{layer}.py", "--alpha", alpha, "--eps", "0.1")
    assert failed(report) == set()


@pytest.mark.parametrize("layer", ["wrong/input_changed.py", "wrong/upstream_gradient_changed.py"])
def test_the_callers_arrays_are_kept(layer: str) -> None:
    rng = np.random.default_rng(0)
    Z, dLdBZ = rng.normal(5, 1, (6, 2)), rng.standard_normal((6, 2))
    before = Z.copy(), dLdBZ.copy()
    gradcheck(build_layer(str(LAYERS / layer), 2, None, None), Z, dLdBZ=dLdBZ)
    np.testing.assert_array_equal((Z, dLdBZ), before)


def test_nothing_leaks_from_one_evaluation_into_the_next(checked, folder: Path) -> None:
    source = (LAYERS / "right" / "spec_names.py").read_text()
    counting = source.replace(
        "        self.alpha = alpha\n",
        "        self.alpha = alpha\n        self.calls = {'forward': [], 'backward': []}\n",
    )
    for method in ("forward", "backward"):
        first = counting.index("\n", counting.index(f"def {method}")) + 1
        count = f"        self.calls['{method}'].append(1)\n"
        limit = f"        assert len(self.calls['{method}']) <= 4\n"
        counting = counting[:first] + count + limit + counting[first:]
    (folder / "counting.py").write_text(counting)
    status, report = checked("counting.py")
    assert failed(report) == set()
    assert status == 0
    _, again = checked("counting.py")
    assert again == report


@pytest.mark.parametrize(
    ("command", "options", "column"),
    [
        ("forward", "", "running_V"),
        ("eval", "--state sample_data/digits_state.npz", "BZ_min"),
        ("backward", "--upstream sample_data/digits_batch_1_dLdBZ.npy", "dLdZ_max"),
    ],
)
def test_the_other_commands_take_a_layer(command: str, options: str, column: str, bncheck) -> None:
    def values(*more: str) -> list[float]:
        result = bncheck(
            command, "sample_data/digits_batch_1.npy", *options.split(), "--json", *more
        )
        (batch,) = json.loads(result.stdout)["inputs"]
        return [feature[column] for feature in batch["features"]]

    layer = str(LAYERS / "right" / "older_names.py")
    np.testing.assert_allclose(values("--layer", layer), values(), rtol=1e-9)


# Files with layers, through the program

CHECK = ("gradcheck", "sample_data/wine.csv", "--columns", "1-3")
SOURCE = (LAYERS / "right" / "spec_names.py").read_text()


def written(path: str, source: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(source)
    return path


def test_a_file_without_a_layer_is_refused(bncheck, folder: Path) -> None:
    layer = written("layer.py", "x = 1\n")
    result = bncheck(*CHECK, "--layer", layer)
    assert (result.status, result.stdout) == (2, "")
    error, advice = result.stderr.removesuffix("\n").split("\n  help: ")
    document = bncheck(*CHECK, "--layer", layer, "--json")
    assert document.status == 2
    message = error.removeprefix("bncheck: error: ")
    assert message.startswith("`layer.py` has no layer that is recognised")
    assert json.loads(document.stdout)["error"] == {"message": message, "help": advice}


def test_siblings_of_one_name_are_not_mixed_up_while_layers_run(bncheck, folder: Path) -> None:
    swapped = (LAYERS / "wrong" / "swapped_gradients.py").read_text()
    late = "        from late import EPS\n\n        self.eps2 = EPS\n"
    for author, source in (("right", SOURCE), ("wrong", swapped)):
        written(f"{author}/late.py", f"EPS = 1e-8\nAUTHOR = {author!r}\n")
        written(f"{author}/mine.py", source.replace("        self.Z", f"{late}        self.Z", 1))
        written(f"{author}/layer.py", "import mine\n\n\nclass BN(mine.BatchNorm1d):\n    pass\n")
    layers = ("--layer", "right/layer.py", "--layer", "wrong/layer.py", "--layer", "right/layer.py")
    document = json.loads(bncheck(*CHECK, *layers, "--json").stdout)
    assert [failed(report) for report in document["inputs"]] == [set(), {"dLdBW", "dLdBb"}, set()]


def test_a_statistic_that_cannot_be_set_is_what_it_is(bncheck, folder: Path) -> None:
    source = SOURCE.replace("self.running_M = np", "self.mean = np")
    source = source.replace("self.running_M = self.alpha", "self.mean = self.alpha")
    prop = "\n    @property\n    def running_M(self):\n        return self.mean\n"
    result = bncheck(*CHECK, "--layer", written("layer.py", source + prop))
    assert result.status == 0


def test_a_layer_without_gradients_of_its_parameters_does_not_simply_pass(
    bncheck, folder: Path
) -> None:
    nameless = SOURCE.replace("self.dLdBW", "self.first").replace("self.dLdBb", "self.second")
    result = bncheck(*CHECK, "--layer", written("layer.py", nameless))
    assert "note: dLdBb, dLdBW not found under any known name: unchecked" in result.stdout


def test_what_a_layer_prints_is_not_in_the_json(program, folder: Path) -> None:
    shout = (
        'import os\n\nos.write(1, b"raw\\n")\nos.system("echo shell")\nprint("loaded")\n\n\nclass '
    )
    source = SOURCE.replace("\n\nclass ", shout, 1)
    source = source.replace(
        "        return self.BZ", '        print("forward")\n        return self.BZ'
    )
    result = program(*CHECK, "--json", "--layer", written("layer.py", source))
    assert json.loads(result.stdout)["verdict"] == "pass"
    assert {"raw", "shell", "loaded", "forward"} <= set(result.stderr.split())
    assert result.status == 0

"""The four commands: what they compute, what they write, and where to."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.files.matrix import read_matrix

WINE = "sample_data/wine.csv"
HELD_OUT = "sample_data/digits_held_out.csv"
STATE = "sample_data/digits_state.npz"
BATCHES = [f"sample_data/digits_batch_{i}.npy" for i in (1, 2, 3)]
UPSTREAM = "sample_data/digits_batch_1_dLdBZ.npy"
INPUTS = [WINE, HELD_OUT, *BATCHES, UPSTREAM]


def layer_of_state() -> BatchNorm1d:
    layer = BatchNorm1d(32)
    with np.load(STATE) as state:
        for name in ("BW", "Bb", "running_M", "running_V"):
            setattr(layer, name, state[name])
    return layer


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("path", INPUTS)
def test_the_built_in_layer_passes_on_every_sample(path: str, mode: str, bncheck) -> None:
    result = bncheck("gradcheck", path, "--mode", mode)
    assert result.status == 0
    assert result.stdout.splitlines()[-1].startswith("pass: ")


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_gradcheck_with_a_state_and_an_upstream_gradient(mode: str, bncheck) -> None:
    result = bncheck(
        "gradcheck", BATCHES[0], "--state", STATE, "--upstream", UPSTREAM, "--mode", mode
    )
    assert result.status == 0


@pytest.mark.parametrize("method", ["richardson", "central", "forward", "complex"])
def test_gradcheck_by_every_method(method: str, bncheck) -> None:
    result = bncheck("gradcheck", WINE, "--method", method)
    assert result.status == 0
    assert (method in result.stdout.splitlines()[0]) is (method != "richardson")


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_gradcheck_in_every_type(dtype: str, bncheck) -> None:
    np.save("Z.npy", np.sin(np.arange(24.0)).reshape(8, 3))
    result = bncheck("gradcheck", "Z.npy", "--dtype", dtype)
    assert result.status == 0
    assert f"   {dtype}   " in result.stdout.splitlines()[0]


def test_one_seed_gives_one_report(bncheck) -> None:
    first, again, other = (bncheck("gradcheck", WINE, "--seed", seed) for seed in "778")
    assert first == again != other
    assert first.stdout.splitlines()[0].endswith("seed 7")


def test_forward_writes_BZ_and_the_state(bncheck) -> None:
    result = bncheck("forward", *BATCHES, "--state", STATE, "--save-state", "s.npz", "-o", "BZ")
    assert result.status == 0
    layer = layer_of_state()
    for path in BATCHES:
        BZ = layer.forward(np.load(path))
        assert np.array_equal(np.load(Path("BZ", Path(path).name)), BZ)
    with np.load("s.npz") as state:
        assert set(state) == {"BW", "Bb", "running_M", "running_V", "alpha", "eps"}
        assert np.array_equal(state["running_M"], layer.running_M)
        assert np.array_equal(state["running_V"], layer.running_V)
    assert result.stdout.splitlines()[-4:] == [
        "saved: BZ in `BZ/digits_batch_1.npy`",
        "saved: BZ in `BZ/digits_batch_2.npy`",
        "saved: BZ in `BZ/digits_batch_3.npy`",
        "saved: running statistics of 3 batches in `s.npz`",
    ]


def test_eval_writes_BZ_with_the_names_of_the_input(bncheck) -> None:
    assert bncheck("eval", HELD_OUT, "--state", STATE, "-o", "BZ.csv").status == 0
    Z, BZ = read_matrix(HELD_OUT), read_matrix("BZ.csv")
    assert BZ.names == Z.names
    assert np.array_equal(BZ.values, layer_of_state().forward(Z.values, eval=True))


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_backward_writes_dLdZ_and_every_gradient(mode: str, bncheck) -> None:
    result = bncheck(
        *("backward", BATCHES[0], "--upstream", UPSTREAM, "--state", STATE, "--mode", mode),
        *("-o", "dLdZ.npy", "--gradients", "g.npz"),
    )
    assert result.status == 0
    layer = layer_of_state()
    layer.forward(np.load(BATCHES[0]), eval=mode == "eval")
    dLdZ = layer.backward(np.load(UPSTREAM))
    assert np.array_equal(np.load("dLdZ.npy"), dLdZ)
    with np.load("g.npz") as gradients:
        assert set(gradients) == {"dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM", "dLdZ"}
        for name, gradient in gradients.items():
            assert np.array_equal(gradient, getattr(layer, name))


def test_settings_given_win_over_the_state(bncheck) -> None:
    result = bncheck("forward", BATCHES[0], "--state", STATE, "--alpha", "0.5", "--eps", "1e-5")
    assert result.stdout.splitlines()[0].endswith("   alpha 0.5   eps 1e-5")


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ("1-3", ["alcohol", "malic_acid", "ash"]),
        ("proline,1", ["proline", "alcohol"]),
        ("12-13,hue", ["od280/od315_of_diluted_wines", "proline", "hue"]),
    ],
)
def test_columns_are_picked_in_the_order_given(columns: str, names: list[str], bncheck) -> None:
    bncheck("forward", WINE, "--columns", columns, "-o", "BZ.csv")
    assert list(read_matrix("BZ.csv").names or ()) == names


def test_columns_hold_for_the_upstream_gradient_too(bncheck) -> None:
    bncheck("backward", BATCHES[0], "--upstream", UPSTREAM, "--columns", "4-5", "-o", "dLdZ.npy")
    layer = BatchNorm1d(2)
    layer.forward(np.load(BATCHES[0])[:, 3:5])
    assert np.array_equal(np.load("dLdZ.npy"), layer.backward(np.load(UPSTREAM)[:, 3:5]))


@pytest.mark.parametrize(
    "command",
    [
        ["forward", WINE],
        ["eval", HELD_OUT, "--state", STATE],
        ["backward", BATCHES[0], "--upstream", UPSTREAM],
    ],
    ids=lambda command: command[0],
)
def test_the_matrix_on_stdout_sends_the_report_to_stderr(command: list[str], bncheck) -> None:
    report = bncheck(*command).stdout
    result = bncheck(*command, "-o", "-")
    assert result.stderr == report
    bncheck(*command, "-o", "file.csv")
    assert result.stdout == Path("file.csv").read_text("utf-8")


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["forward", WINE, "-o", "out.csv"], 0),
        (["gradcheck", WINE], 0),
        (["gradcheck", WINE, "--rtol", "1e-16"], 3),
    ],
)
@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quiet_leaves_the_status_alone(
    command: list[str], status: int, option: str, bncheck
) -> None:
    result = bncheck(*command, option)
    assert (result.status, result.stdout, result.stderr) == (status, "", "")
    assert Path("out.csv").exists() is (command[0] == "forward")


@pytest.mark.parametrize("path", [WINE, BATCHES[0]])
def test_stdin_is_told_apart_by_its_first_bytes(
    path: str, bncheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.TextIOWrapper(io.BytesIO(Path(path).read_bytes()))
    monkeypatch.setattr(sys, "stdin", content)
    report = bncheck("gradcheck", "-").stdout
    assert report == bncheck("gradcheck", path).stdout.replace(path, "stdin", 1)


def test_one_array_of_an_archive(bncheck) -> None:
    np.savez("all.npz", Z=np.load(BATCHES[0]), dLdBZ=np.load(UPSTREAM))
    result = bncheck("gradcheck", "all.npz:Z", "--upstream", "all.npz:dLdBZ")
    assert result.status == 0
    assert result.stdout.startswith("all.npz:Z   48 × 32   ")


def test_a_training_loop_in_bash(bash) -> None:
    result = bash(
        """
        set -euo pipefail
        for epoch in 1 2; do
            bncheck forward sample_data/digits_batch_[123].npy --save-state s.npz --quiet
            bncheck eval sample_data/digits_held_out.csv --state s.npz -o out_$epoch.csv --quiet
        done
        cmp out_1.csv out_2.csv
        """
    )
    assert (result.status, result.stdout, result.stderr) == (0, "", "")
    layer = BatchNorm1d(32)
    for path in BATCHES:
        layer.forward(np.load(path))
    BZ = layer.forward(read_matrix(HELD_OUT).values, eval=True)
    assert np.array_equal(read_matrix("out_1.csv").values, BZ)


def test_a_pipeline_in_bash(bash) -> None:
    result = bash(
        """
        set -euo pipefail
        bncheck forward sample_data/digits_batch_[123].npy --save-state s.npz | tail -n 1
        bncheck eval - --state s.npz -o - < sample_data/digits_held_out.csv 2> report.txt |
            bncheck gradcheck - --columns unit_0,unit_7 | tail -n 1
        head -n 1 report.txt
        """
    )
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "saved: running statistics of 3 batches in `s.npz`",
        "pass: 128 gradient entries agree with finite differences to 1e-6 of their feature's scale",
        "stdin   30 × 32   eval   built-in layer   alpha 0.9   eps 1e-8",
    ]


@pytest.mark.parametrize(
    ("arguments", "needed", "spared"),
    [
        (["--version"], "bncheck.cli.app", ("numpy", "rich", "pydantic", "bncheck.report")),
        (["--help"], "bncheck.cli.app", ("numpy", "rich", "pydantic", "bncheck.report")),
        (["gradcheck", "--help"], "bncheck.cli.app", ("numpy", "rich", "bncheck.files")),
        (
            ["gradcheck", WINE],
            "bncheck.report.text",
            ("rich.console", "rich.text", "json", "bncheck.report.details", "matplotlib"),
        ),
        (["gradcheck", WINE, "--json"], "bncheck.report.json_document", ("rich.console",)),
    ],
)
def test_what_is_not_needed_is_not_imported(
    arguments: list[str], needed: str, spared: tuple[str, ...], program
) -> None:
    result = program(*arguments, python=("-X", "importtime"))
    assert result.status == 0
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert needed in imported
    assert imported & set(spared) == set()

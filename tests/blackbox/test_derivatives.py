"""Derivatives of a layer's own forward: what is stated of their errors is so, and is of use."""

from dataclasses import replace

import numpy as np
import pytest

from bncheck import BatchNorm1d
from bncheck.blackbox.derivatives import BlackBox
from bncheck.blackbox.loss import losses_of
from bncheck.blackbox.noise import least_noise, measure_noise
from bncheck.check.setup import CheckSetup
from bncheck.numdiff import FORMULAS, Derivative
from tests.blackbox.made import made_ready_for
from tests.planted.data import case
from tests.planted.layers import RIGHT, Textbook
from tests.planted.truth import Truth, truth_of
from tests.planted.uncertainty import uncertainties

SEED = 0
EPS = float(np.finfo(float).eps)
DOUBLE = [name for name, layer in RIGHT.items() if layer.dtype == np.float64]
DATA = ("16 rows", "six scales", "mean/std 100", "eps like variance", "2 rows", "BW 0")
KNOWN_TO = {"richardson": 1e-8, "central": 1e-6, "forward": 1e-4, "complex": 1e-9}
"""In units of the scale, on these data."""


@pytest.mark.parametrize("name", DOUBLE)
def test_true_error_is_within_stated_uncertainty(name: str) -> None:
    stated = uncertainties(RIGHT[name], SEED)
    assert stated.coverage >= 0.999
    assert stated.median < 1e-9


def black_box(
    data: str, mode: str, formula: str = "richardson", layer: type = Textbook
) -> tuple[BlackBox, CheckSetup, Truth]:
    trial = case(data, mode, SEED, np.dtype(float))
    setup = made_ready_for(trial, layer(trial.Z.shape[1], 0.9, eps=trial.eps))
    under_test, r = setup.layer, setup.reference
    assert under_test is not None
    BZ = under_test.forward(trial.Z, eval=r.eval)
    noise = measure_noise(
        lambda Z: under_test.forward(Z, eval=r.eval), trial.Z, BZ.dtype, r, setup.rng
    )
    box = BlackBox(
        losses_of(under_test, trial.Z, BZ, r),
        r,
        FORMULAS[formula],
        noise.loss,
        np.full(trial.Z.shape[1], not r.eval),
        setup.kind,
    )
    return box, setup, truth_of(trial)


def assert_honest(
    found: Derivative, true: np.ndarray, scale: np.ndarray, known_to: float | None
) -> None:
    assert found.value.shape == true.shape
    assert (np.abs(found.value - true) <= found.uncertainty + 4 * EPS * np.abs(true)).all()
    if known_to is not None:
        assert (found.uncertainty <= known_to * scale).all()


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("data", DATA)
def test_rows_and_parameters_by_every_formula(data: str, formula: str, mode: str) -> None:
    layer = BatchNorm1d if formula == "complex" else Textbook
    box, setup, truth = black_box(data, mode, formula, layer)
    N = setup.reference.N
    known_to = KNOWN_TO[formula]
    rows = np.arange(N)
    of_rows = box.difference_rows(setup.Z[rows], rows)
    # Where BW is 0 the noise of Bb is all that there is.
    of_dLdZ = None if data == "BW 0" else known_to
    assert_honest(of_rows, truth.values["dLdZ"], truth.scales["dLdZ"], of_dLdZ)
    for name in ("BW", "Bb"):
        true, scale = truth.values[f"dLd{name}"], truth.scales[f"dLd{name}"]
        assert_honest(box.difference_parameter(name), true, scale, known_to)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_some_rows_are_those_of_all(mode: str) -> None:
    box, setup, truth = black_box("16 rows", mode)
    rows = np.array([3, 7, 8])
    some = box.difference_rows(setup.Z[rows], rows)
    assert some.value.shape == (3, setup.Z.shape[1])
    assert_honest(some, truth.values["dLdZ"][rows], truth.scales["dLdZ"], 1e-8)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("data", ["16 rows", "six scales", "300 rows", "mean/std 100"])
def test_all_rows_along_a_direction(data: str, mode: str) -> None:
    box, setup, truth = black_box(data, mode)
    r = setup.reference
    signs = np.random.default_rng(4).choice(np.array([-1, 1], np.int8), setup.Z.shape)
    found = box.difference_along(signs)
    true = (signs * truth.values["dLdZ"].astype(np.longdouble)).sum(axis=0, keepdims=True)
    scale = np.sqrt(r.N) * truth.scales["dLdZ"]
    assert (np.abs(found.value - true) <= found.uncertainty).all()
    assert (found.uncertainty <= 1e-7 * scale).all()
    # The step is made for a loss that bends over one unit of length, and for its noise.
    assert (found.step <= r.root[0] / 16 * 2**0.5).all()


def test_the_step_is_made_for_the_length_over_which_the_loss_bends() -> None:
    box, setup, _ = black_box("300 rows", "train")
    r, loud = setup.reference, box.noise * 1e9
    found = replace(box, noise=loud).difference_rows(setup.Z[:1], np.array([0]))
    assert found.step is not None
    assert found.step == pytest.approx(r.length_scale[0] / 16, rel=0.5)
    along = replace(box, noise=loud).difference_along(np.ones_like(setup.Z))
    assert along.step is not None
    assert along.step == pytest.approx(r.root[0] / 16, rel=0.5)


def test_louder_losses_are_known_less_well() -> None:
    box, setup, _ = black_box("16 rows", "train")
    rows = np.arange(4)
    quiet, loud = (
        replace(box, noise=factor * box.noise).difference_rows(setup.Z[rows], rows)
        for factor in (1, 1000)
    )
    assert (loud.uncertainty > 50 * quiet.uncertainty).all()
    along_quiet, along_loud = (
        replace(box, noise=factor * box.noise).difference_along(np.ones_like(setup.Z))
        for factor in (1, 1000)
    )
    assert (along_loud.uncertainty > 50 * along_quiet.uncertainty).all()


def test_where_the_bend_is_not_known_less_is_known() -> None:
    box, setup, _ = black_box("16 rows", "train")
    rows = np.arange(4)
    known, unknown = (
        replace(box, smooth=np.full(setup.Z.shape[1], smooth)).difference_rows(setup.Z[rows], rows)
        for smooth in (True, False)
    )
    assert (unknown.uncertainty > 10 * known.uncertainty).all()


@pytest.mark.parametrize("name", ["BW", "Bb"])
@pytest.mark.parametrize("data", ["16 rows", "Bb 1e6", "mean/std 1e+06"])
def test_a_parameters_noise_is_that_of_the_last_stage(name: str, data: str) -> None:
    box, setup, truth = black_box(data, "train")
    r = setup.reference
    found = replace(box, noise=np.inf * box.noise).difference_parameter(name)
    p = r.parameters
    length = 1 + np.abs(p.BW) * r.largest_NZ + np.abs(p.Bb)
    noise = 4 * EPS * length * r.total_dLdBZ
    assert found.step is not None
    # A linear loss has no truncation error but noise: the weight is 1.5 and what rounding shows.
    assert (found.uncertainty >= 1.4 * noise / found.step).all()
    assert (found.uncertainty <= 3 * noise / found.step).all()
    scale = truth.scales[f"dLd{name}"]
    relative = noise / (scale * length)
    step = length * np.minimum(relative ** (1 / 5), 2.0**-4)
    assert found.step == pytest.approx(step[0], rel=0.5)


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_a_coarser_layer_is_differenced_in_its_own_type(kind: str) -> None:
    trial = case("16 rows", "train", SEED, np.dtype(kind))
    setup = made_ready_for(trial, BatchNorm1d(trial.Z.shape[1], dtype=kind))
    layer, r = setup.layer, setup.reference
    assert layer is not None
    BZ = layer.forward(trial.Z, eval=False)
    noise = least_noise(r, float(np.finfo(kind).eps)).loss * 10
    smooth = np.ones(trial.Z.shape[1], bool)
    losses = losses_of(layer, trial.Z, BZ, r)
    box = BlackBox(losses, r, FORMULAS["richardson"], noise, smooth, setup.kind)
    truth, rows = truth_of(trial), np.arange(4)
    found = box.difference_rows(trial.Z[rows], rows)
    known_to = {"float32": 0.1, "float16": None}[kind]
    assert_honest(found, truth.values["dLdZ"][rows], truth.scales["dLdZ"], known_to)
    for name in ("BW", "Bb"):
        of_parameter = box.difference_parameter(name)
        known_to = {"float32": 1e-3, "float16": None}[kind]
        true, scale = truth.values[f"dLd{name}"], truth.scales[f"dLd{name}"]
        assert_honest(of_parameter, true, scale, known_to)

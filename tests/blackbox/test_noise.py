"""The rounding noise of a forward: seen where there is some, and not much more than there is."""

from collections.abc import Callable

import numpy as np
import pytest

from bncheck import BatchNorm1d
from bncheck.blackbox.loss import losses_of
from bncheck.blackbox.noise import (
    DISTANCE,
    LOOKED_AT,
    POINTS,
    ROUNDINGS,
    ROWS,
    least_noise,
    measure_noise,
    noise_of_losses,
)
from bncheck.check.setup import CheckSetup
from tests.blackbox.made import made_ready, made_ready_for
from tests.planted.data import DATA_SETS, case
from tests.planted.layers import RIGHT, Textbook
from tests.planted.truth import truth_of

EPS = {kind: float(np.finfo(kind).eps) for kind in ("f8", "f4", "f2")}
FLOAT64 = np.dtype(float)
Z = np.random.default_rng(0).normal([0, 5, -300], 1, (20, 3))

Forward = Callable[[np.ndarray], np.ndarray]


def forward_of(setup: CheckSetup) -> Forward:
    assert setup.layer is not None
    layer, r = setup.layer, setup.reference
    return lambda moved: layer.forward(moved, eval=r.eval)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("kind", EPS)
def test_the_least_noise_is_a_few_roundings_of_the_output(kind: str, mode: str) -> None:
    r = made_ready(Textbook(3), Z, mode).reference
    p = r.parameters
    least = least_noise(r, EPS[kind])
    of_entry = 4 * EPS[kind] * (np.abs(p.BW) * r.largest_NZ + np.abs(p.Bb))
    assert ROUNDINGS == 4
    assert least.BZ == pytest.approx(of_entry, rel=1e-12, abs=0)
    assert least.loss == pytest.approx(of_entry * r.total_dLdBZ, rel=1e-12, abs=0)


@pytest.mark.parametrize("layer", ["Textbook", "SumsOfSquares", "Einsum"])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_rounding_of_a_layer_is_within_its_noise(layer: str, mode: str) -> None:
    for name in list(DATA_SETS)[::3]:
        trial = case(name, mode, 6, FLOAT64)
        setup = made_ready_for(trial, RIGHT[layer].make(trial.Z.shape[1], 0.9, eps=trial.eps))
        r, forward = setup.reference, forward_of(setup)
        noise = measure_noise(forward, trial.Z, FLOAT64, r, rng())
        error = forward(trial.Z) - truth_of(trial).values["BZ"]
        # What is the same everywhere is no noise: the error of a running mean, say.
        spread = np.ptp(error, axis=0, keepdims=True) if len(error) > 2 else 0
        assert (spread <= noise.BZ)[r.condition < 1e4].all(), name


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("size", [1e-13, 1e-10, 1e-6])
def test_noise_is_seen_and_not_overstated(size: float, mode: str) -> None:
    setup = made_ready(Textbook(3), Z, mode)
    forward, noisy = forward_of(setup), rng(2)
    amount = size * np.array([[1.0, 0.0, 10.0]])  # the second column has none of it

    def noisily(moved: np.ndarray) -> np.ndarray:
        return forward(moved) + amount * noisy.uniform(-1, 1, moved.shape)

    r = setup.reference
    quiet = measure_noise(forward, Z, FLOAT64, r, rng())
    noise = measure_noise(noisily, Z, FLOAT64, r, rng())
    assert (noise.BZ >= amount).all()
    assert (noise.BZ <= 8 * amount + quiet.BZ).all()
    assert noise.BZ[0, 1] == quiet.BZ[0, 1]
    of_sum = amount * np.sqrt(((2 * r.dLdBZ) ** 2 / 12).sum(axis=0, keepdims=True))
    assert (noise.loss >= 1.5 * of_sum).all()
    assert (noise.loss <= 20 * of_sum + quiet.loss).all()


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_smooth_forward_has_little_noise(mode: str) -> None:
    for name in ("16 rows", "scale 1e+06", "scale 1e-06", "six scales"):
        trial = case(name, mode, 6, FLOAT64)
        setup = made_ready_for(trial, Textbook(trial.Z.shape[1], 0.9, eps=trial.eps))
        r = setup.reference
        noise = measure_noise(forward_of(setup), trial.Z, FLOAT64, r, rng())
        least = least_noise(r, EPS["f8"])
        assert (least.BZ <= noise.BZ).all()
        assert (noise.BZ <= 20 * least.BZ).all()
        assert (least.loss <= noise.loss).all()
        assert (noise.loss <= 20 * least.loss).all()


def test_noise_that_a_constant_column_hides_is_seen_beside_it() -> None:
    Z = np.full((12, 1), 3.0)
    setup = made_ready(Textbook(1, eps=1e-5), Z)
    forward, noisy = forward_of(setup), rng(2)

    def noisily(moved: np.ndarray) -> np.ndarray:
        BZ = forward(moved) - setup.reference.parameters.Bb
        return BZ * (1 + 1e-6 * noisy.uniform(-1, 1, moved.shape))  # of what is 0 at Z

    noise = measure_noise(noisily, Z, FLOAT64, setup.reference, rng())
    away = DISTANCE * setup.reference.length_scale / setup.reference.root
    assert noise.BZ > 1e-7 * away * np.abs(setup.reference.parameters.BW)


def test_a_forward_that_gives_no_number_is_infinitely_noisy_there() -> None:
    setup = made_ready(Textbook(3), Z)
    forward, calls = forward_of(setup), iter(range(10**6))

    def broken(moved: np.ndarray) -> np.ndarray:
        BZ = forward(moved)
        if next(calls) == 10:
            BZ[:, 1] = np.nan
        return BZ

    noise = measure_noise(broken, Z, FLOAT64, setup.reference, rng())
    for bound in noise.BZ, noise.loss:
        assert np.isinf(bound).tolist() == [[False, True, False]]
        assert np.isfinite(bound[0, [0, 2]]).all()


@pytest.mark.parametrize(
    ("kind", "most"),
    [("f4", 20), ("f2", np.inf)],  # whose points are so far apart that the function bends
)
def test_a_coarser_type_is_noisier(kind: str, most: float) -> None:
    setup = made_ready(BatchNorm1d(3, dtype=kind), Z)
    noise = measure_noise(forward_of(setup), setup.Z[:], np.dtype(kind), setup.reference, rng())
    least = least_noise(setup.reference, EPS[kind])
    assert (noise.BZ >= least.BZ).all()
    assert (noise.BZ <= most * least.BZ).all()


def test_an_output_of_integers_is_taken_for_numbers_of_float64() -> None:
    setup = made_ready(Textbook(3), Z)
    noise = measure_noise(
        lambda moved: np.zeros(moved.shape, int), Z, np.dtype(int), setup.reference, rng()
    )
    assert np.array_equal(noise.BZ, least_noise(setup.reference, EPS["f8"]).BZ)


# Where it is looked for


@pytest.mark.parametrize("kind", ["f8", "f4"])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_one_row_is_moved_along_equally_spaced_points(kind: str, mode: str) -> None:
    seen: list[np.ndarray] = []

    class Watched(Textbook):
        def forward(self, Z: np.ndarray, eval: bool = False) -> np.ndarray:  # noqa: A002
            seen.append(Z.copy())
            return super().forward(Z, eval).astype(Z.dtype)

    setup = made_ready(Watched(3), Z.astype(kind), mode)
    r, start = setup.reference, setup.Z[:]
    seen.clear()
    measure_noise(forward_of(setup), start, np.dtype(kind), r, rng())
    assert len(seen) == ROWS * POINTS == 28
    lines = [seen[at : at + POINTS] for at in range(0, 28, POINTS)]
    rows, distances = [], []
    for line in lines:
        (moved,) = set(np.flatnonzero((line[-1] != start).any(axis=1)).tolist())
        assert all((np.delete(each, moved, 0) == np.delete(start, moved, 0)).all() for each in line)
        nodes = np.stack([each[moved] for each in line]).astype(float)
        (spacing,) = np.unique(np.diff(nodes, axis=0), axis=0)
        unit = np.spacing(2 * r.largest_Z[0].astype(kind)).astype(float)
        assert (nodes % unit == 0).all()
        # The mean moves by whole units and a part of one: it is rounded anew each time.
        parts = spacing / unit / r.N
        assert (parts >= 8).all()
        assert (np.abs(parts % 1 - 0.38) < 0.05).all()
        if kind == "f8":
            assert spacing == pytest.approx(2.0**-20 * r.length_scale[0], rel=1e-3)
        rows.append(moved)
        distances.append((nodes[0] - start[moved]) / r.length_scale[0])
    assert len(set(rows)) == ROWS
    if kind == "f8":
        for distance, expected in zip(distances, (0, DISTANCE, 0, -DISTANCE), strict=True):
            assert distance == pytest.approx([expected] * 3, abs=1e-9)


def test_few_rows_are_moved_more_than_once() -> None:
    calls = []
    Z = np.array([[1.0, 2.0], [3.0, 5.0]])
    setup = made_ready(Textbook(2), Z)
    forward = forward_of(setup)

    def counted(moved: np.ndarray) -> np.ndarray:
        calls.append(moved)
        return forward(moved)

    noise = measure_noise(counted, Z, FLOAT64, setup.reference, rng())
    assert len(calls) == 28
    assert np.isfinite(noise.loss).all()


def test_a_sample_of_the_output_is_enough() -> None:
    Z = np.random.default_rng(3).standard_normal((20_000, 2))
    setup = made_ready(Textbook(2), Z)
    forward, noisy = forward_of(setup), rng(2)

    def noisily(moved: np.ndarray) -> np.ndarray:
        return forward(moved) + 1e-9 * noisy.uniform(-1, 1, moved.shape)

    assert LOOKED_AT < Z.size
    noise = measure_noise(noisily, Z, FLOAT64, setup.reference, rng())
    assert (noise.BZ > 1e-9).all()
    assert (noise.BZ < 1e-8).all()


# From the losses alone


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("lines", [0, 1, 2, 3])
def test_the_noise_of_losses_is_seen_from_them_alone(lines: int, mode: str) -> None:
    setup = made_ready(BatchNorm1d(3), Z, mode)
    layer, r = setup.layer, setup.reference
    assert layer is not None
    losses = losses_of(layer, Z, layer.forward(Z, eval=r.eval), r)
    calls, noisy = [], rng(2)

    class Noisy:
        def replace_rows(self, rows: np.ndarray, nodes: np.ndarray) -> np.ndarray:
            calls.append((rows, nodes))
            return losses.replace_rows(rows, nodes) + [0, 1e-6, 0] * noisy.uniform(
                -1, 1, nodes.shape
            )

    least = least_noise(r, EPS["f8"]).loss
    quiet = noise_of_losses(losses, Z, r, rng(), lines)
    noise = noise_of_losses(Noisy(), Z, r, rng(), lines)  # type: ignore[arg-type]
    assert noise.shape == (1, 3)
    assert (quiet >= least).all()
    assert (quiet <= 30 * least).all()
    assert np.array_equal(noise[0, [0, 2]], quiet[0, [0, 2]])
    if lines:
        assert 3e-7 < noise[0, 1] < 1e-5
    else:
        assert np.array_equal(noise, least)
    assert len(calls) == lines
    for line, (rows, nodes) in enumerate(calls):
        assert len(set(rows.tolist())) == 1
        assert nodes.shape == (POINTS, 3)
        distance = (nodes[0] - Z[rows[0]]) / r.length_scale[0]
        assert distance == pytest.approx([DISTANCE * (line % 2)] * 3, abs=1e-6)

"""Sums and results block by block are those of all rows at once, and the same on every thread."""

import os
import subprocess
import sys

import numpy as np
import pytest

from bncheck import BatchNorm1d
from bncheck.batchnorm import blocks
from bncheck.batchnorm.blocks import TiledRow, blocks_of, fold, for_each
from bncheck.batchnorm.sweeps import moments, survey
from bncheck.reference.sums import sum_of_products
from tests.planted.data import DATA_SETS, case
from tests.planted.truth import truth_of

SHAPES = [(1, 1), (7, 3), (300, 2), (4097, 5), (100_000, 1), (3, 70_000), (1023, 129)]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few rows, some of them side by side, on all threads."""
    monkeypatch.setattr(blocks, "ENTRIES", 16)
    monkeypatch.setattr(blocks, "WIDTH", 6)
    monkeypatch.setattr(blocks, "ENTRIES_OF_LARGE", 16)
    monkeypatch.setattr(blocks, "is_large", lambda shape: True)
    blocks_of.cache_clear()
    yield
    blocks_of.cache_clear()


@pytest.mark.parametrize("shape", SHAPES)
def test_every_row_is_in_one_block(shape: tuple[int, int]) -> None:
    found = blocks_of(*shape)
    assert [block.start for block in found] == [0, *(block.stop for block in found[:-1])]
    assert found[-1].stop == shape[0]
    for block in found:
        assert (block.stop - block.start) % block.side == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_the_wide_view_is_a_view(shape: tuple[int, int]) -> None:
    Z = np.arange(float(np.prod(shape))).reshape(shape)
    for block in blocks_of(*shape):
        rows = block.take(Z).reshape(-1, shape[1])
        assert np.array_equal(rows, Z[block.start : block.stop])
        assert np.shares_memory(rows, Z)
        beside = TiledRow(Z[:1])[block.side]
        assert np.array_equal(beside.reshape(block.side, -1), np.repeat(Z[:1], block.side, axis=0))


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_and_extremes(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    Z, D = rng.standard_normal(shape) + 3, rng.standard_normal(shape)
    found, low, high = survey(Z)
    assert np.allclose(found.mean + Z[:1], Z.mean(axis=0), rtol=1e-14)
    assert np.allclose(found.squares, Z.var(axis=0) * len(Z), rtol=1e-13, atol=1e-25)
    assert np.array_equal(low[0], Z.min(axis=0))
    assert np.array_equal(high[0], Z.max(axis=0))
    assert np.allclose(sum_of_products(Z, D), (Z * D).sum(axis=0), rtol=1e-12, atol=1e-9)


def test_parts_are_merged_in_order_and_in_pairs() -> None:
    for count in range(1, 40):
        merged = fold([str(part) + " " for part in range(count)], lambda a, b: a + b)
        assert merged.split() == [str(part) for part in range(count)]
    depth = fold([0] * 1000, lambda a, b: max(a, b) + 1)
    assert depth <= 12


def test_the_order_is_that_of_the_rows_on_any_number_of_threads() -> None:
    shape = (400_000, 8)
    starts = [block.start for block in blocks_of(*shape)]
    assert list(for_each(lambda block: block.start, shape)) == starts


def test_an_error_on_a_thread_ends_the_sweep() -> None:
    def fail(block: blocks.Block) -> None:
        if block.start:
            raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        list(for_each(fail, (400_000, 8)))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_last_bit_does_not_depend_on_the_threads(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    Z, D = rng.standard_normal((2, 250_000, 9))

    def results() -> list[np.ndarray]:
        layer = BatchNorm1d(9)
        return [layer.forward(Z), layer.backward(D), layer.dLdBW, layer.running_V]

    usual = results()
    monkeypatch.setattr("bncheck.threads.cores", lambda: threads)
    for again, first in zip(results(), usual, strict=True):
        assert np.array_equal(again, first)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", DATA_SETS)
@pytest.mark.usefixtures("small_blocks")
def test_the_layer_in_many_blocks_is_as_exact_as_in_one(name: str, mode: str) -> None:
    trial = case(name, mode, 4, np.dtype(float))
    truth = truth_of(trial)
    layer = BatchNorm1d(trial.Z.shape[1], eps=trial.eps)
    for quantity, value in trial.state.items():
        setattr(layer, quantity, value)
    layer.forward(trial.Z, eval=mode == "eval")
    layer.backward(trial.dLdBZ)
    for quantity, true in truth.values.items():
        error = np.abs(getattr(layer, quantity) - true)
        assert (error <= 1e-14 * truth.scales[quantity]).all(), quantity


def test_a_constant_column_has_no_variance_in_any_block() -> None:
    Z = np.full((50_000, 4), 1e15) + np.array([0, 0.1, 1 / 3, 7])
    assert np.array_equal(moments(Z).squares, np.zeros((1, 4)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_the_child_of_a_fork_has_threads_of_its_own() -> None:
    script = """
import os, sys
import numpy as np
from bncheck import BatchNorm1d
Z = np.ones((600_000, 4))
BatchNorm1d(4).forward(Z)
child = os.fork()
BatchNorm1d(4).forward(Z)
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], timeout=60, check=False)
    assert done.returncode == 0


def test_no_thread_warns_of_what_is_told_as_an_error() -> None:
    Z = np.random.default_rng(0).choice([-1.7e308, 1.7e308], (800_000, 3))
    with pytest.raises(ValueError, match="V \\+ eps is"):  # and no warning, which would be raised
        BatchNorm1d(3).forward(Z)

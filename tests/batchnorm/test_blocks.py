"""Every row is in one block, and what the blocks give is put together in order."""

import numpy as np
import pytest

from bncheck import progress
from bncheck.arrays import is_large
from bncheck.batchnorm.blocks import (
    ENTRIES,
    ENTRIES_OF_LARGE,
    Block,
    TiledRow,
    blocks_of,
    extreme_of,
    fold,
    for_each,
    is_one_block,
    sum_of,
    sum_of_products,
)

SHAPES = [(1, 1), (7, 3), (300, 2), (4097, 5), (100_000, 1), (3, 70_000), (1023, 129), (65_538, 1)]
LARGE = (400_000, 8)


@pytest.mark.parametrize("shape", [*SHAPES, LARGE, (1_000_003, 7)])
def test_every_row_is_in_one_block(shape: tuple[int, int]) -> None:
    found = blocks_of(*shape)
    assert [block.start for block in found] == [0, *(block.stop for block in found[:-1])]
    assert found[-1].stop == shape[0]
    for block in found:
        assert block.start < block.stop
        assert (block.stop - block.start) % block.side == 0


@pytest.mark.parametrize("shape", [*SHAPES, LARGE])
def test_a_block_has_no_more_entries_than_fit_a_cache(shape: tuple[int, int]) -> None:
    limit = ENTRIES_OF_LARGE if is_large(shape) else ENTRIES
    sizes = [(block.stop - block.start) * shape[1] for block in blocks_of(*shape)]
    assert all(size <= max(limit, shape[1]) for size in sizes)
    assert len(sizes) < 4 * shape[0] * shape[1] / limit + 4  # nor many fewer


def test_samples_of_few_features_lie_side_by_side() -> None:
    sides = [block.side for block in blocks_of(100_000, 3)]
    assert sides[:-1] == [341] * (len(sides) - 1)  # 1023 values in a row
    assert sides[-1] == 1  # fewer rows than go side by side
    assert {block.side for block in blocks_of(10_000, 2000)} == {1}


def test_a_small_matrix_is_one_block() -> None:
    assert blocks_of(5, 3) == (Block(0, 5, 1),)
    for shape, one in {(ENTRIES // 4, 1): True, (ENTRIES // 4 + 1, 1): False}.items():
        assert is_one_block(shape) is one
        assert (len(blocks_of(*shape)) == 1 and blocks_of(*shape)[0].side == 1) is one


@pytest.mark.parametrize("shape", SHAPES)
def test_the_wide_view_is_a_view(shape: tuple[int, int]) -> None:
    Z = np.arange(float(np.prod(shape))).reshape(shape)
    for block in blocks_of(*shape):
        wide = block.take(Z)
        assert wide.shape == ((block.stop - block.start) // block.side, block.side * shape[1])
        assert np.array_equal(wide.reshape(-1, shape[1]), Z[block.start : block.stop])
        assert np.shares_memory(wide, Z)
        beside = TiledRow(Z[:1])[block.side]
        assert np.array_equal(beside.reshape(block.side, -1), np.repeat(Z[:1], block.side, axis=0))


def test_a_row_without_an_axis_is_tiled_too() -> None:
    row = TiledRow(np.array([1.0, 2.0]))
    assert row[1].tolist() == [[1, 2]]
    assert row[2].tolist() == [[1, 2, 1, 2]]
    assert row[3].tolist() == [[1, 2, 1, 2, 1, 2]]
    assert row[2] is row[2]


@pytest.mark.parametrize("side", [1, 2, 3])
def test_columns_are_added_up_over_all_that_lies_side_by_side(side: int) -> None:
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, 6 * side, 4))
    W, U = (each.reshape(6, -1) for each in (A, B))
    assert sum_of(W, side) == pytest.approx(A.sum(axis=0, keepdims=True), rel=1e-14)
    assert sum_of_products(W, U, side) == pytest.approx(
        (A * B).sum(axis=0, keepdims=True), rel=1e-13
    )
    assert np.array_equal(extreme_of(W, side, np.minimum), A.min(axis=0, keepdims=True))
    assert np.array_equal(extreme_of(W, side, np.maximum), A.max(axis=0, keepdims=True))


def test_parts_are_merged_in_order_and_in_pairs() -> None:
    for count in range(1, 40):
        merged = fold([str(part) + " " for part in range(count)], lambda a, b: a + b)
        assert merged.split() == [str(part) for part in range(count)]
    depth = fold([0] * 1000, lambda a, b: max(a, b) + 1)
    assert depth <= 12


@pytest.mark.parametrize("shape", [(300, 2), (40_000, 5), LARGE])
def test_blocks_are_gone_through_in_order_on_any_number_of_threads(shape: tuple[int, int]) -> None:
    assert tuple(for_each(lambda block: block, shape)) == blocks_of(*shape)


def test_what_is_gone_through_is_told() -> None:
    heard: list[int] = []
    with progress.heard_by(lambda planned, done: heard.append(done)):
        for _ in for_each(lambda block: None, (40_000, 5)):
            pass
    assert len(heard) == len(blocks_of(40_000, 5))
    assert sum(heard) == 8 * 40_000 * 5


def test_an_error_on_a_thread_ends_the_sweep() -> None:
    def fail(block: Block) -> None:
        if block.start:
            raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        list(for_each(fail, LARGE))

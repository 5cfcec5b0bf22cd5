"""The model that orders tiles."""

import dataclasses
import math

import pytest

from gpunn.kernels.source import kernel_file
from gpunn.ops.conv import tiles
from gpunn.ops.conv.tiles import Machine, Problem, Tile

LARGE = Problem(positions=256 * 56 * 56, rows=256, products=64 * 9, groups=1, itemsize=2)


def test_choices_are_those_of_the_kernel():
    assert [(t.BM, t.BN) for t in tiles.choices()] == [(64, 64), (128, 64), (64, 128), (128, 128)]
    for tile in tiles.choices():
        assert tile.BLOCK == 32 * (tile.BM // tile.WM) * (tile.BN // tile.WN)
        kernel_file(tiles.FILE).complete({"T": "float", **{n: str(v) for n, v in tile.constants.items()}})


def test_shared_memory_and_blocks_beside_each_other():
    small, *_, large = tiles.choices()
    assert (small.shared, large.shared) == (64 << 10, 96 << 10)
    assert (small.resident(Machine()), large.resident(Machine())) == (3, 2)
    assert large.resident(Machine(shared=100 << 10)) == 0  # 96 KB, and 6 KB for positions and windows
    assert small.resident(Machine(shared=100 << 10)) == 1


def test_blocks():
    assert Tile(64, 64, 32, 32, 4, 128).blocks(Problem(65, 129, 9, 3, 4)) == 2 * 3 * 3


@pytest.mark.parametrize("itemsize", [2, 4])
def test_a_large_problem_takes_a_large_tile_and_a_small_one_a_small_tile(itemsize):
    large = Problem(LARGE.positions, LARGE.rows, LARGE.products, 1, itemsize)
    assert tiles.ranked(large, Machine())[0].BM * tiles.ranked(large, Machine())[0].BN >= 128 * 64
    assert tiles.ranked(Problem(1000, 64, 576, 1, itemsize), Machine())[0] == tiles.choices()[0]


def test_few_channels_take_a_tile_of_few_channels():
    assert tiles.ranked(Problem(10**6, 64, 576, 1, 2), Machine())[0].BN == 64


def test_a_machine_with_little_shared_memory_gets_no_tile_that_does_not_fit():
    little = Machine(shared=100 << 10)
    assert tiles.choices()[3] not in tiles.ranked(LARGE, little)
    assert tiles.choices()[3].seconds(LARGE, little) == math.inf


@pytest.mark.parametrize("tile", tiles.choices(), ids=str)
def test_more_work_takes_more_time(tile):
    base = tile.seconds(LARGE, Machine())
    assert base > 0
    assert tile.seconds(dataclasses.replace(LARGE, products=2 * LARGE.products), Machine()) > base
    assert tile.seconds(LARGE, Machine(multiprocessors=66, products=1.55e14, fetched_bytes=2.75e12)) > base


def test_time_goes_up_in_waves():
    tile = tiles.choices()[0]
    wave = 132 * tile.resident(Machine()) * tile.BM
    full, one_more = [tile.seconds(Problem(n, 64, 576, 1, 2), Machine()) for n in (wave, wave + 1)]
    assert one_more == 2 * full

import numpy as np
import pytest

from gpunn.kernels import lines


@pytest.mark.parametrize(
    ("shape", "axis", "sizes"),
    [((2, 3, 4), 0, (12, 2, 12)), ((2, 3, 4), 1, (8, 3, 4)), ((2, 3, 4), 2, (6, 4, 1)), ((0, 3), 1, (0, 3, 1))],
)
def test_lines_of_a_contiguous_array(shape, axis, sizes):
    x = np.zeros(shape)
    found = lines.along(x, axis)
    assert found.sizes == sizes and found.array.base is x and found.back(found.array).shape == shape


def test_lines_of_no_numbers():
    found = lines.along(np.zeros((3, 0)), 1)
    assert found.length == 0 and found.threads == 0


def test_permuted_arrays_stay_where_they_are():
    x = np.arange(120.0).reshape(2, 4, 5, 3).transpose(0, 3, 1, 2)  # channels last
    found = lines.along(x, 1)
    assert found.sizes == (40, 3, 1) and np.shares_memory(found.array, x)
    assert found.back(found.array).strides == x.strides
    np.testing.assert_array_equal(found.back(found.array), x)
    other = np.arange(120.0).reshape(x.shape)
    np.testing.assert_array_equal(found.back(found.like(other)), other)


def test_gaps_are_closed():
    x = np.arange(24.0).reshape(4, 6)[:, ::2]
    found = lines.along(x, 0)
    assert found.array.flags.c_contiguous and found.sizes == (3, 4, 3)
    np.testing.assert_array_equal(found.back(found.array), x)


@pytest.mark.parametrize(
    ("shape", "axis", "team", "block", "threads"),
    [
        ((7, 32), 1, lines.THREAD, 256, 7),
        ((32, 7), 0, lines.THREAD, 256, 7),
        ((7, 33), 1, lines.WARP, 256, 7 * 32),
        ((7, 1024), 1, lines.WARP, 256, 7 * 32),
        ((2, 1025), 1, lines.BLOCKS, 256, 2 * 256),
        ((2, 20_000), 1, lines.BLOCKS, 512, 2 * 512),
        ((33, 40), 0, lines.COLUMNS, 256, 2 * 256),
        ((2000, 40), 0, lines.COLUMNS, 512, 2 * 512),
    ],
)
def test_teams(shape, axis, team, block, threads):
    found = lines.along(np.zeros(shape), axis)
    assert (found.team, found.block, found.threads) == (team, block, threads)


@pytest.mark.parametrize(("axes", "is_copied"), [((0, 1, 2), False), ((1, 0, 2), False), ((2, 0, 1), True)])
def test_lines_in_the_order_of_the_other_axes(axes, is_copied):
    x = np.arange(24.0).reshape([(2, 3, 4)[axis] for axis in axes]).transpose(np.argsort(axes))
    found = lines.in_order(x, 1)
    assert [axis for axis in found.order if axis != 1] == [0, 2]
    assert np.shares_memory(found.array, x) is not is_copied
    np.testing.assert_array_equal(found.back(found.array), x)

import numpy as np
import pytest

from gpunn.errors import IndexRangeError
from gpunn.ops.indexing import keys
from gpunn.ops.indexing.keys import broadcast_indices, element_keys, result_shape, row_keys, wrapped

SHAPE = (2, 3, 4, 5)
NUMBERS = np.arange(120).reshape(SHAPE)


@pytest.mark.parametrize("dim", [0, 1, 2, 3])
def test_element_keys_are_the_numbers_that_gather_finds(dim):
    index = np.random.default_rng(dim).integers(0, SHAPE[dim], SHAPE)
    found = element_keys(SHAPE, dim, index.astype(np.int32))
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, np.take_along_axis(NUMBERS, index, dim))


@pytest.mark.parametrize(
    ("axes", "indices"),
    [
        ((0,), [[1, 0, 1]]),
        ((2,), [[[3, 0], [-1, -4]]]),
        ((3,), [4]),
        ((0, 1), [[1, 0], [-1, 2]]),
        ((1, 2), [[[0], [1]], [3, 2, 1]]),
        ((0, 2), [[1, 0], [3, 2]]),
        ((0, 3), [[[1], [0]], [3, -2]]),
        ((1, 3), [2, [0, 1, 4]]),
        ((0, 1, 3), [[1], [0], [4]]),
    ],
)
def test_row_keys_are_the_rows_that_numpy_finds(axes, indices):
    full = [slice(None)] * 4
    for axis, index in zip(axes, indices, strict=True):
        full[axis] = np.asarray(index)
    wanted = NUMBERS[tuple(full)]
    arrays = [np.asarray(i) for i in indices]
    key, length = row_keys(SHAPE, axes, arrays)
    assert length == int(np.prod(SHAPE[axes[-1] + 1 :]))
    assert result_shape(SHAPE, axes, broadcast_indices(arrays)) == wanted.shape
    elements = key.reshape(*key.shape, 1) * length + np.arange(length)
    np.testing.assert_array_equal(elements.reshape(wanted.shape), wanted)


def test_wrapped():
    assert wrapped(np.array([-1, 0, 2]), 3).tolist() == [2, 0, 2]


def test_indices_that_do_not_broadcast():
    with pytest.raises(IndexRangeError, match=r"could not be broadcast together with shapes \[2\], \[3\]"):
        broadcast_indices([np.zeros(2), np.zeros(3)])


@pytest.mark.parametrize("dim", range(3))
def test_blocks_of_the_first_axis(dim, monkeypatch):
    monkeypatch.setattr(keys, "KEYS", 7)
    shape, rng = (5, 4, 3), np.random.default_rng(dim)
    index = rng.integers(0, shape[dim], (5, 2, 2) if dim else (6, 2, 2))
    whole, first = keys.element_keys(shape, dim, index), 0
    for block, size in keys.leading_blocks(dim, index, shape):
        found = keys.element_keys(size, dim, index[block])
        assert np.array_equal(found + first, whole[block])
        first += 0 if dim == 0 else size[0] * 12
    assert first == (0 if dim == 0 else 60)

"""Indexing emulated arrays: NumPy's elements and views, CuPy's rules for values, no silent wrapping."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gpunn import emulator
from gpunn.emulator.namespace import cupy as xp

EmulatorError = emulator.EmulatorError
SHAPE = (3, 4, 5)

BASIC = [
    *(0, -1, slice(1, 3), slice(None, None, -2), Ellipsis, None, ()),
    *((1, 2, 3), (0, ..., -1), (None, 1, None)),
    *((slice(None), 2), (..., slice(1, None, 2)), (2, slice(0, 0)), np.int64(1), (np.uint8(2), 1)),
]
ADVANCED = [
    *([0, 2], [-1, 0, 0], ([0, 1], [2, 3]), (slice(None), [1, 3]), (0, slice(None), [4, 0]), ([0], ..., [1])),
    *([], True, False, np.array([2, 0]), np.array(1), [True, False, True]),
    *((np.array([[0], [2]]), np.array([1, 3])), (1, np.array([1, 0], np.uint64))),
    *((None, [0, 1]), ([0, 1], None, [1, 2]), (slice(None), np.array([True, False, True, False]), 2)),
    *(np.arange(60).reshape(SHAPE) % 7 == 0, (np.array([True, False, True]), [0, 1])),
]


def host(shape=SHAPE):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def device_key(key):
    """`key` with emulated arrays in place of NumPy's."""
    if isinstance(key, tuple):
        return tuple(map(device_key, key))
    return xp.asarray(key) if isinstance(key, np.ndarray) else key


@pytest.mark.parametrize("key", BASIC, ids=repr)
def test_basic_indexing_gives_views(key):
    a, x = host(), xp.asarray(host())
    part = x[key]
    assert type(part) is xp.ndarray
    assert part.base is x
    assert part.strides == a[key].strides if isinstance(a[key], np.ndarray) else part.shape == ()
    np.testing.assert_array_equal(part.get(), a[key])
    part[...] = -1
    a[key] = -1
    np.testing.assert_array_equal(x.get(), a)


@pytest.mark.parametrize("key", ADVANCED, ids=repr)
@pytest.mark.parametrize("convert", [device_key, lambda key: key], ids=["device", "host"])
def test_advanced_indexing_copies(key, convert):
    a, x = host(), xp.asarray(host())
    part = x[convert(key)]
    assert type(part) is xp.ndarray
    assert part.base is None
    assert part.flags.c_contiguous
    np.testing.assert_array_equal(part.get(), a[key])
    part[...] = -1
    np.testing.assert_array_equal(x.get(), a)


@pytest.mark.parametrize("key", BASIC + ADVANCED, ids=repr)
@pytest.mark.parametrize("value", [-1, 2.5, True, np.float64(3)], ids=repr)
def test_writing_a_number(key, value):
    a, x = host(), xp.asarray(host())
    a[key] = value
    x[device_key(key)] = value
    np.testing.assert_array_equal(x.get(), a)


@pytest.mark.parametrize("key", BASIC + ADVANCED, ids=repr)
def test_writing_an_array(key):
    a, x = host(), xp.asarray(host())
    value = np.random.default_rng(0).standard_normal(a[key].shape)
    if isinstance(key, list) and len(set(key)) < len(key):
        value[...] = 1  # with an index twice, CuPy's winner is undefined
    a[key] = value
    x[device_key(key)] = xp.asarray(value)
    np.testing.assert_array_equal(x.get(), a)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_indexing_agrees_with_numpy(data):
    shape = data.draw(hnp.array_shapes(max_dims=3, max_side=4))
    a, x = host(shape), xp.asarray(host(shape))
    basic = data.draw(st.booleans())
    strategy = hnp.basic_indices(shape, allow_newaxis=True) if basic else hnp.integer_array_indices(shape)
    key = data.draw(strategy)
    part = x[device_key(key)]
    np.testing.assert_array_equal(part.get(), a[key])
    assert (part.base is x) is basic
    a[key] += 1
    x[device_key(key)] += 1
    np.testing.assert_array_equal(x.get(), a)


@pytest.mark.parametrize(
    ("key", "index", "axis", "size"),
    [
        ([0, 3], 3, 0, 3),
        ([-4], -4, 0, 3),
        ((slice(None), [0, 9]), 9, 1, 4),
        ((..., np.array([5])), 5, 2, 5),
        ((None, 0, [4]), 4, 1, 4),
        (([0, 1], [1, 7]), 7, 1, 4),
        ((np.array([True, False, True]), [0, -6]), -6, 1, 4),
        (np.array(3), 3, 0, 3),
    ],
    ids=repr,
)
def test_an_index_array_out_of_bounds_is_no_index_error(key, index, axis, size):
    x = xp.asarray(host())
    message = rf"CuPy would wrap index {index} silently: axis {axis} of shape \(3, 4, 5\) has size {size}"
    with pytest.raises(EmulatorError, match=message) as caught:
        x[device_key(key)]
    assert not isinstance(caught.value, IndexError)
    with pytest.raises(EmulatorError, match=message):
        x[device_key(key)] = 0
    with pytest.raises(EmulatorError, match=message):
        xp.add.at(x, device_key(key), 1)
    np.testing.assert_array_equal(x.get(), host())


@pytest.mark.parametrize("key", [3, (0, 4), (0, 0, 0, 0), (..., ...)], ids=repr)
def test_integers_out_of_bounds_are_index_errors_as_in_cupy(key):
    x = xp.asarray(host())
    with pytest.raises(IndexError):
        x[key]
    with pytest.raises(IndexError):
        x[key] = 0


@pytest.mark.parametrize("key", ["a", 1.5, np.array([0.5]), [0.5], object(), xp.ones(2)], ids=type)
def test_what_is_no_index(key):
    with pytest.raises(IndexError):
        xp.asarray(host())[key]
    with pytest.raises(IndexError):
        xp.asarray(host())[key] = 0


def test_masks_of_the_wrong_shape():
    with pytest.raises(IndexError, match="boolean"):
        xp.asarray(host())[xp.ones(4, bool)]


@pytest.mark.parametrize("value", [[1, 2, 3], np.ones(3), np.ones(1)], ids=repr)
def test_slices_take_neither_lists_nor_numpy_arrays(value):
    x = xp.zeros(3)
    with pytest.raises(ValueError, match=r"non-scalar numpy.ndarray cannot be used for fill"):
        x[:] = value
    assert x.tolist() == [0, 0, 0]
    x[[0, 1, 2]] = value  # CuPy copies them to the device here
    np.testing.assert_array_equal(x.get(), np.broadcast_to(value, 3))


def test_values_are_cast_to_the_array():
    x = xp.zeros(3, np.int32)
    x[:] = xp.asarray([1.9, -1.9, 300.5])
    assert x.tolist() == [1, -1, 300]
    with np.errstate(all="raise"):
        x[:2] = xp.asarray([np.nan, np.inf])


def test_values_broadcast_also_with_leading_ones():
    x = xp.zeros((2, 3))
    x[...] = xp.ones((1, 1, 1, 3))
    x[1] = xp.asarray(5)
    assert x.tolist() == [[1, 1, 1], [5, 5, 5]]
    with pytest.raises(ValueError, match="broadcast"):
        x[0] = xp.ones(2)


def test_overlapping_writes_are_as_if_copied_first():
    x = xp.arange(5)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3]


def test_lists_of_device_scalars_are_indices():
    x, i = xp.arange(5) * 10, xp.asarray(3)
    assert x[[i, 1]].tolist() == [30, 10]


def test_only_masks_synchronise():
    x, mask, index = xp.zeros((3, 4)), xp.asarray([True, False, True]), xp.asarray([0, 2])
    before = emulator.synchronisations.count
    x[1:, ::2], x[0, 1], x[index], x[index, index]
    x[index] = 1
    x[:, 0] = x[:, 1]
    assert emulator.synchronisations.count == before
    x[mask]
    assert emulator.synchronisations.count == before + 1
    x[mask] = 2
    assert emulator.synchronisations.count == before + 2


UFUNCS = ["add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"]


@pytest.mark.parametrize("name", UFUNCS)
@pytest.mark.parametrize(
    "key", [[0, 0, 2], (slice(None), [1, 1]), slice(1, 3), np.array([True, False, True])], ids=repr
)
def test_scatter(name, key):
    a = host((3, 4)).astype(np.int32)
    x = xp.asarray(a)
    getattr(np, name).at(a, key, 3)
    getattr(xp, name).at(x, device_key(key), 3)
    np.testing.assert_array_equal(x.get(), a)


def test_scatter_casts_the_values():
    x = xp.full(3, 5, np.int32)
    xp.add.at(x, [0, 0, 1], xp.asarray([-1.5, -1.5, 3.0]))
    assert x.tolist() == [3, 8, 5]


WITHOUT_ATOMICS = [
    *(("add", np.int8), ("add", "bfloat16"), ("subtract", np.float32)),
    *(("maximum", np.float16), ("bitwise_or", np.uint8)),
]


@pytest.mark.parametrize(("name", "dtype"), WITHOUT_ATOMICS)
def test_scatter_has_few_dtypes(name, dtype):
    x = xp.zeros(3, dtype)
    with pytest.raises(TypeError, match=f"cupy.{name}.at only supports"):
        getattr(xp, name).at(x, [0], 1)


@pytest.mark.parametrize("name", ["multiply", "divide", "logical_or"])
def test_scatter_has_few_ufuncs(name):
    with pytest.raises(NotImplementedError, match=f"`cupy_{name}.at` is not supported yet"):
        getattr(xp, name).at(xp.zeros(3), [0], 1)

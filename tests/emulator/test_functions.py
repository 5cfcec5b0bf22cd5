"""Functions that CuPy has and NumPy's do not play: creation, transfers, sorting, windows."""

import ml_dtypes
import numpy as np
import pytest

from gpunn import emulator
from gpunn.emulator import functions
from gpunn.emulator.namespace import cupy as xp

EmulatorError = emulator.EmulatorError


def test_array_copies_what_is_on_the_host():
    a = np.arange(4.0)
    for make in (xp.array, xp.asarray, xp.asanyarray):
        x = make(a)
        x[0] = 9
        assert a[0] == 0
        assert x.base is None
    with pytest.raises(ValueError, match="avoid copy"):
        xp.asarray(a, copy=False)


def test_array_copies_what_is_on_the_device_only_if_it_must():
    x = xp.arange(4.0)
    assert xp.asarray(x) is x
    assert xp.asarray(x, copy=False) is x
    assert xp.array(x, copy=None) is x
    assert xp.array(x) is not x
    assert xp.array(x).base is None
    assert xp.asarray(x, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy"):
        xp.asarray(x, np.float32, copy=False)
    assert xp.array(x, copy=None, ndmin=3).shape == (1, 1, 4)


def test_array_of_numbers_and_sequences():
    assert xp.array(3).shape == ()
    assert xp.array([[1, 2], (3, 4)], np.float16).tolist() == [[1, 2], [3, 4]]
    assert xp.array(range(3)).tolist() == [0, 1, 2]
    assert xp.array([True, False]).dtype == bool
    assert xp.array([]).dtype == np.float64
    x = xp.asarray([1, 2])
    assert xp.array([x, [x[1], 5]]).tolist() == [[1, 2], [2, 5]]
    assert xp.array(np.zeros((2, 3)), order="F").flags.f_contiguous
    with pytest.raises(NotImplementedError):
        xp.array(x, subok=True)


UNSUPPORTED = ["text", [None], np.array(["a"]), np.zeros(1, np.longdouble), np.datetime64(0, "s")]


@pytest.mark.parametrize("value", UNSUPPORTED, ids=repr)
def test_dtypes_that_cupy_lacks(value):
    with pytest.raises(ValueError, match="Unsupported dtype"):
        xp.array(value)


def test_contiguous_copies():
    x = xp.zeros((3, 4))
    assert xp.ascontiguousarray(x) is x
    assert xp.ascontiguousarray(x.T).flags.c_contiguous
    assert xp.asfortranarray(x).flags.f_contiguous
    assert xp.asfortranarray(x.T).base is x
    assert xp.ascontiguousarray(xp.asarray(1)).shape == (1,)
    with pytest.raises(TypeError, match=r"expected cupy\.ndarray"):
        xp.ascontiguousarray(np.zeros(3))


POISON = [
    *((np.float32, np.nan), (np.float16, np.nan), (ml_dtypes.bfloat16, np.nan)),
    *((np.int32, -1), (np.uint8, 255), (bool, True)),
]


@pytest.mark.parametrize(("dtype", "value"), POISON)
@pytest.mark.parametrize("order", ["C", "F"])
def test_new_memory_is_poisoned(dtype, value, order):
    like = xp.empty_like(xp.zeros((3, 4), dtype, order))
    for x in (xp.empty((3, 4), dtype, order), like, xp.ndarray((3, 4), dtype)):
        np.testing.assert_array_equal(x.get().astype(np.float64), value)
    assert xp.empty((3, 4), dtype, order).flags[f"{order}_CONTIGUOUS"]
    assert xp.empty(0, dtype).shape == (0,)
    assert xp.empty((), dtype).shape == ()


def test_empty_like_follows_the_layout():
    x = xp.zeros((2, 3, 4)).transpose(2, 0, 1)
    assert xp.empty_like(x).strides == x.strides
    assert xp.empty_like(x, order="C").flags.c_contiguous
    assert xp.empty_like(x, np.int8, shape=(5,)).shape == (5,)
    with pytest.raises(TypeError, match="subok"):
        xp.empty_like(x, subok=False)
    with pytest.raises(TypeError, match=r"expected cupy\.ndarray"):
        xp.empty_like(np.zeros(3))


def test_creation_from_numbers():
    assert xp.zeros((2, 3), np.int8).get().tolist() == [[0] * 3] * 2
    assert xp.ones(2).dtype == np.float64
    assert xp.full((2,), 7).dtype == np.int64
    assert xp.full((2,), xp.asarray(7.5)).tolist() == [7.5, 7.5]
    assert xp.arange(1, 7, 2, np.float32).tolist() == [1, 3, 5]
    assert xp.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert xp.eye(2, 3, 1).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert xp.tri(2).tolist() == [[1, 0], [1, 1]]
    rows, columns = xp.tril_indices(2)
    assert rows.tolist() == [0, 1, 1]
    assert columns.tolist() == [0, 0, 1]
    x = xp.zeros((2, 2), order="F")
    for like in (xp.zeros_like(x), xp.ones_like(x), xp.full_like(x, 3)):
        assert like.flags.f_contiguous


def test_asnumpy():
    x, a = xp.arange(3), np.arange(3)
    assert xp.asnumpy(a) is a
    np.testing.assert_array_equal(xp.asnumpy(x), a)
    before = emulator.synchronisations.count
    out = np.zeros(3, np.int64)
    assert xp.asnumpy(x, out=out) is out
    assert emulator.synchronisations.count == before + 1
    np.testing.assert_array_equal(out, a)
    assert xp.asnumpy([5, 6, 7], out=out) is out
    assert out.tolist() == [5, 6, 7]
    assert functions.get(x, "C").tolist() == [0, 1, 2]


def test_get_array_module():
    x, a = xp.zeros(1), np.zeros(1)
    assert xp.get_array_module(a, x) is xp
    assert xp.get_array_module(a) is np
    assert xp.get_array_module() is np


def test_from_dlpack():
    x = xp.arange(3)
    assert xp.from_dlpack(x).base is x
    assert xp.from_dlpack(x, copy=True).base is None
    with pytest.raises(EmulatorError, match="share no memory"):
        xp.from_dlpack(np.arange(3))


def test_sort_is_stable_and_knows_no_other_kind():
    a = np.random.default_rng(0).integers(0, 5, (4, 6))
    for axis in (0, 1, None):
        np.testing.assert_array_equal(xp.sort(xp.asarray(a), axis).get(), np.sort(a, axis))
        np.testing.assert_array_equal(
            xp.argsort(xp.asarray(a), axis, kind="stable").get(), np.argsort(a, axis, kind="stable")
        )
    with pytest.raises(ValueError, match="stable"):
        xp.sort(xp.asarray(a), kind="heapsort")
    with pytest.raises(ValueError, match="stable"):
        functions.check_kind("mergesort")


def test_argsort_of_other_axes_is_not_contiguous():
    x = xp.zeros((3, 4))
    assert xp.argsort(x, 1).flags.c_contiguous
    assert not xp.argsort(x, 0).flags.c_contiguous
    assert not x.argsort(0).flags.c_contiguous
    assert xp.argsort(x, 0).base is None


@pytest.mark.parametrize("name", ["sort", "argsort", "unique", "median", "argpartition"])
def test_sorting_has_no_bfloat16(name):
    arguments = (1,) if name == "argpartition" else ()
    with pytest.raises(NotImplementedError, match="bfloat16"):
        getattr(xp, name)(xp.ones(3, ml_dtypes.bfloat16), *arguments)


def test_lexsort_takes_one_array():
    keys = np.array([[3, 1, 2, 1], [1, 0, 1, 0]])
    np.testing.assert_array_equal(xp.lexsort(xp.asarray(keys)).get(), np.lexsort(keys))
    with pytest.raises(TypeError, match="one array"):
        xp.lexsort((xp.asarray(keys[0]), xp.asarray(keys[1])))


def test_put():
    x = xp.zeros(4)
    xp.put(x, [0, -1], [1, 2])
    assert x.tolist() == [1, 0, 0, 2]
    with pytest.raises(EmulatorError, match=r"cupy\.put: CuPy would wrap"):
        xp.put(x, [4], 5)
    before = emulator.synchronisations.count
    with pytest.raises(EmulatorError):
        xp.put(x, [4], 5, mode="raise")
    assert emulator.synchronisations.count == before + 1
    assert x.tolist() == [1, 0, 0, 2]


def test_repeat_synchronises_if_the_counts_differ():
    x = xp.asarray([1, 2])
    before = emulator.synchronisations.count
    twice = xp.repeat(x, 2)
    assert emulator.synchronisations.count == before
    by_list, by_array = xp.repeat(x, [1, 3]), xp.repeat(x, xp.asarray([1, 3]))
    assert emulator.synchronisations.count == before + 2
    assert twice.tolist() == [1, 1, 2, 2]
    assert by_list.tolist() == by_array.tolist() == [1, 2, 2, 2]


def test_as_strided():
    x = xp.arange(6)
    windows = xp.lib.stride_tricks.as_strided(x, (4, 3), (8, 8))
    assert windows.tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    assert windows.base is None  # CuPy's quirk
    windows[0, 1] = 9
    assert x[1] == 9
    assert xp.lib.stride_tricks.as_strided(x).shape == (6,)


def test_sliding_window_view():
    a = np.arange(20).reshape(4, 5)
    before = emulator.synchronisations.count
    windows = xp.lib.stride_tricks.sliding_window_view(xp.asarray(a), (2, 3))
    assert emulator.synchronisations.count == before + 2
    np.testing.assert_array_equal(windows.get(), np.lib.stride_tricks.sliding_window_view(a, (2, 3)))
    np.testing.assert_array_equal(
        xp.lib.stride_tricks.sliding_window_view(xp.asarray(a), 2, 1).get(),
        np.lib.stride_tricks.sliding_window_view(a, 2, 1),
    )
    with pytest.raises(NotImplementedError, match="Writeable"):
        xp.lib.stride_tricks.sliding_window_view(xp.asarray(a), 2, 1, writeable=True)

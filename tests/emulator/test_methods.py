"""The methods of the emulated ndarray that select, sort and calculate."""

import ml_dtypes
import numpy as np
import pytest

from gpunn import emulator
from gpunn.emulator.namespace import cupy as xp

EmulatorError = emulator.EmulatorError


def host(shape=(3, 4), dtype=np.float32):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


REDUCTIONS = ["sum", "prod", "mean", "var", "std", "max", "min", "all", "any", "argmax", "argmin", "ptp"]


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("arguments", [{}, {"axis": 1}, {"axis": 0, "keepdims": True}, {"axis": -1}], ids=str)
def test_reductions(name, arguments):
    a = host() / 7 - 0.5
    x = xp.asarray(a)
    expected = np.asarray(getattr(np, name)(a, **arguments))
    for result in (getattr(x, name)(**arguments), getattr(xp, name)(x, **arguments)):
        assert type(result) is xp.ndarray
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result.get(), expected)
    out = xp.zeros(expected.shape, expected.dtype)
    assert getattr(x, name)(out=out, **arguments) is out
    np.testing.assert_array_equal(out.get(), expected)


def test_reductions_over_several_axes_and_dtypes():
    x = xp.asarray(host((2, 3, 4), np.int8))
    assert x.sum((0, 2)).tolist() == host((2, 3, 4)).sum((0, 2)).tolist()
    assert x.sum().dtype == np.int64
    assert x.sum(None, np.float32).dtype == np.float32
    assert x.var(axis=1, ddof=1).tolist() == host((2, 3, 4), np.int8).var(axis=1, ddof=1).tolist()
    with pytest.raises(np.exceptions.AxisError):
        x.sum(3)
    with pytest.raises(ValueError, match="zero-size"):
        xp.zeros(0).max()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", ["sum", "mean", "var"])
def test_half_types_are_accumulated_in_float32(dtype, name):
    a = np.ones((4096, 2), dtype)
    result = getattr(xp.asarray(a), name)(0)
    assert result.dtype == dtype
    assert result.tolist() == getattr(np.ones((4096, 2)), name)(0).tolist()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *(("cumsum", (1,)), ("cumprod", ()), ("clip", (2, 5)), ("round", (1,)), ("take", ([0, 2], 1))),
        *(("repeat", (2, 0)), ("argsort", ()), ("trace", (1,)), ("diagonal", (-1,)), ("squeeze", ())),
        *(("swapaxes", (0, 1)), ("searchsorted", (3.5,)), ("nonzero", ()), ("argpartition", (1,))),
    ],
)
def test_other_methods(name, arguments):
    a = (host() * 7 % 5) / 3 if name != "searchsorted" else host((12,))
    result = getattr(xp.asarray(a), name)(*arguments)
    expected = getattr(a, name)(*arguments)
    if name == "nonzero":
        assert type(result) is tuple
        result, expected = xp.stack(result), np.stack(expected)
    if name == "argpartition":
        result, expected = xp.take_along_axis(xp.asarray(a), result, 1)[:, 1], np.sort(a)[:, 1]
    np.testing.assert_array_equal(result.get(), expected)


def test_clip_with_one_bound():
    x = xp.asarray(host())
    assert x.clip(min=3).min() == 3
    assert x.clip(max=xp.asarray(3)).max() == 3


def test_dot_and_compress_and_choose():
    x = xp.asarray(host())
    np.testing.assert_array_equal(x.dot(x.T).get(), host() @ host().T)
    assert x.compress([True, False, True], axis=0).tolist() == host()[[0, 2]].tolist()
    assert xp.asarray([0, 1, 0]).choose(xp.asarray([[1, 2, 3], [4, 5, 6]])).tolist() == [1, 5, 3]


def test_fill_and_put():
    x = xp.zeros((2, 2))
    x.fill(3)
    assert x.tolist() == [[3, 3], [3, 3]]
    x.fill(xp.asarray(4))
    assert x.tolist() == [[4, 4], [4, 4]]
    with pytest.raises(ValueError, match="non-scalar"):
        x.fill(xp.ones(2))
    x.put([0, 3], xp.asarray([1, 2]))
    assert x.tolist() == [[1, 4], [4, 2]]
    with pytest.raises(EmulatorError, match="out of bounds"):
        x.put([4], 9)
    x.put([4], 9, "wrap")
    x.put([7], 8, "clip")
    assert x.tolist() == [[9, 4], [4, 8]]


def test_sort_and_partition_in_place():
    x = xp.asarray([[3, 1, 2], [9, 8, 7]])
    x.sort()
    assert x.tolist() == [[1, 2, 3], [7, 8, 9]]
    x.sort(axis=0, kind="stable")
    y = xp.asarray([5, 3, 4, 1, 2])
    y.partition(2)
    assert y[2] == 3
    with pytest.raises(NotImplementedError, match="non-contiguous"):
        x.T.sort()
    with pytest.raises(NotImplementedError, match="non-contiguous"):
        x[:, ::2].partition(0)
    with pytest.raises(np.exceptions.AxisError):
        xp.asarray(1).sort()
    with pytest.raises(ValueError, match="stable"):
        x.sort(kind="quicksort")


@pytest.mark.parametrize(("name", "expected"), [("add", [3, 0]), ("max", [2, 0]), ("min", [0, 0])])
def test_deprecated_scatters(name, expected):
    x = xp.zeros(2)
    with pytest.warns(DeprecationWarning, match="at"):
        getattr(x, f"scatter_{name}")([0, 0], xp.asarray([1, 2]))
    assert x.tolist() == expected

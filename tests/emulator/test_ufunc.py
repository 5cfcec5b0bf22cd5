"""CuPy's ufuncs: arguments, methods, refusals."""

import ml_dtypes
import numpy as np
import pytest

from gpunn.emulator.namespace import cupy as xp
from gpunn.emulator.ufunc import ufunc

UNARY = [
    *("exp", "log", "sqrt", "tanh", "floor", "sign", "isnan", "square", "reciprocal", "log1p"),
    *("logical_not", "rint", "expm1", "sin", "arctan", "cbrt", "signbit", "absolute"),
]
BINARY = [
    *("add", "maximum", "fmin", "power", "hypot", "logaddexp", "arctan2", "copysign", "less"),
    *("logical_and", "fmod"),
]
DTYPES = [np.float16, np.float32, np.float64, np.int32, np.bool_, ml_dtypes.bfloat16]


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_unary(name, dtype):
    a = np.array([0, 1, 3], dtype)
    with np.errstate(all="ignore"):
        try:
            expected = getattr(np, name)(a)
        except TypeError:
            with pytest.raises(TypeError):
                getattr(xp, name)(xp.asarray(a))
            return
    result = getattr(xp, name)(xp.asarray(a))
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result.get(), expected)


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    a, b = np.array([[1.0, 2], [3, 4]], np.float32), np.array([2, 1], np.float32)
    result = getattr(xp, name)(xp.asarray(a), xp.asarray(b))
    np.testing.assert_array_equal(result.get(), getattr(np, name)(a, b))
    np.testing.assert_array_equal(getattr(xp, name)(2, xp.asarray(a)).get(), getattr(np, name)(2, a))


def test_scalars_make_arrays():
    assert type(xp.sqrt(4.0)) is xp.ndarray
    assert xp.sqrt(4.0).shape == ()
    assert xp.add(np.float32(1), 2).dtype == np.float32


def test_several_outputs():
    fraction, whole = xp.modf(xp.asarray([1.5, -2.25]))
    assert fraction.tolist() == [0.5, -0.25]
    assert whole.tolist() == [1, -2]
    out = xp.zeros(2)
    first, second = xp.modf(xp.asarray([1.5, -2.25]), out=(out, None))
    assert first is out
    assert out.tolist() == [0.5, -0.25]
    assert second.tolist() == [1, -2]


def test_out():
    x, out = xp.asarray([1.0, 4.0]), xp.zeros(2)
    assert xp.sqrt(x, out) is out
    assert xp.sqrt(x, out=out) is out
    assert xp.sqrt(x, out=(out,)) is out
    assert out.tolist() == [1, 2]
    assert xp.add(x, 1, out=None).tolist() == [2, 5]
    with pytest.raises(TypeError, match=r"must be cupy\.ndarray"):
        xp.sqrt(x, out=np.zeros(2))
    with pytest.raises(ValueError, match="both"):
        xp.sqrt(x, out, out=out)
    with pytest.raises(TypeError, match=r"cast|casting"):
        xp.add(x, 0.5, out=xp.zeros(2, np.int64))
    with pytest.raises(ValueError, match=r"out|broadcast"):
        xp.add(x, 1, out=xp.zeros(3))


def test_dtype_and_casting():
    x = xp.asarray([1, 2], np.int32)
    assert xp.add(x, x, dtype=np.float64).dtype == np.float64
    assert xp.add(x, x, dtype=None).dtype == np.int32
    out = xp.zeros(2, np.int32)
    xp.true_divide(x, 2, out=out, casting="unsafe")
    assert out.tolist() == [0, 1]


@pytest.mark.parametrize("keyword", [{"where": True}, {"order": "F"}, {"subok": False}, {"axis": 0}], ids=str)
def test_numpys_other_arguments_are_refused(keyword):
    with pytest.raises(TypeError, match="Wrong arguments"):
        xp.add(xp.ones(2), 1, **keyword)


@pytest.mark.parametrize("argument", [[1, 2], np.ones(2), np.ones(()), "a", None], ids=repr)
def test_other_types_are_refused(argument):
    with pytest.raises(TypeError, match="Unsupported type"):
        xp.add(xp.ones(2), argument)
    with pytest.raises(TypeError, match="Unsupported type"):
        xp.exp(argument)


def test_too_many_and_too_few_arguments():
    with pytest.raises((TypeError, ValueError)):
        xp.exp(xp.ones(1), xp.ones(1), xp.ones(1))
    with pytest.raises((TypeError, ValueError)):
        xp.add(xp.ones(1))


def test_reduce_accumulate_reduceat():
    a = np.arange(12).reshape(3, 4)
    x = xp.asarray(a)
    assert xp.add.reduce(x).tolist() == np.add.reduce(a).tolist()
    assert xp.multiply.reduce(x, 1, keepdims=True).tolist() == np.multiply.reduce(a, 1, keepdims=True).tolist()
    assert xp.add.accumulate(x, 1).tolist() == np.add.accumulate(a, 1).tolist()
    assert xp.multiply.accumulate(x).tolist() == np.multiply.accumulate(a).tolist()
    assert xp.add.reduceat(x, [0, 2], 1).tolist() == np.add.reduceat(a, [0, 2], 1).tolist()


@pytest.mark.parametrize("method", ["reduce", "accumulate", "reduceat"])
def test_methods_that_cupy_lacks(method):
    arguments = (xp.ones(3), [0]) if method == "reduceat" else (xp.ones(3),)
    with pytest.raises(NotImplementedError, match=f"`cupy_maximum.{method}` is not supported yet"):
        getattr(xp.maximum, method)(*arguments)


def test_outer():
    a, b = np.arange(3.0), np.arange(4.0).reshape(2, 2)
    result = xp.multiply.outer(xp.asarray(a), xp.asarray(b))
    np.testing.assert_array_equal(result.get(), np.multiply.outer(a, b))


def test_description():
    assert isinstance(xp.add, ufunc)
    assert isinstance(xp.add, xp.ufunc)
    assert (xp.add.nin, xp.add.nout, xp.add.nargs, xp.add.name) == (2, 1, 3, "cupy_add")
    assert repr(xp.exp) == "<ufunc 'cupy_exp'>"


def test_results_are_c_contiguous():
    x = xp.ones((3, 4)).T
    assert xp.exp(x).flags.c_contiguous
    assert xp.add(x, x, dtype=np.float32).flags.c_contiguous

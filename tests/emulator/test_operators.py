"""Operators of emulated arrays: NumPy's numbers and promotion, CuPy's refusals."""

import operator

import ml_dtypes
import numpy as np
import pytest

from gpunn.emulator.namespace import cupy as xp

BINARY = [
    *(operator.add, operator.sub, operator.mul, operator.truediv),
    *(operator.floordiv, operator.mod, operator.pow),
    *(operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge),
]
BITWISE = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]
IN_PLACE = [
    *(operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv, operator.imod),
    operator.ipow,
]
DTYPES = [np.bool_, np.uint8, np.int32, np.int64, np.float16, np.float32, np.float64, ml_dtypes.bfloat16]


def same(x, expected):
    """`x` is an emulated array with the values, dtype and shape of `expected`."""
    assert type(x) is xp.ndarray
    assert x.dtype == expected.dtype
    assert x.shape == expected.shape
    np.testing.assert_array_equal(x.get(), expected)


@pytest.mark.parametrize("f", BINARY)
@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_binary(f, dtype):
    a, b = np.array([[1, 2, 3], [4, 5, 6]], dtype), np.array([3, 2, 1], dtype)
    same(f(xp.asarray(a), xp.asarray(b)), f(a, b))
    same(f(xp.asarray(a), 2), f(a, 2))
    same(f(2, xp.asarray(a)), f(2, a))
    same(f(xp.asarray(a), np.float64(2)), f(a, np.float64(2)))
    same(f(np.float64(2), xp.asarray(a)), f(np.float64(2), a))


@pytest.mark.parametrize("f", BITWISE)
def test_bitwise(f):
    a, b = np.array([1, 6, 12]), np.array([3, 2, 1])
    same(f(xp.asarray(a), xp.asarray(b)), f(a, b))
    same(f(xp.asarray(a), 1), f(a, 1))
    same(f(9, xp.asarray(a)), f(9, a))


@pytest.mark.parametrize("f", [operator.neg, operator.pos, operator.abs, operator.invert])
def test_unary(f):
    a = np.array([-2, 0, 3])
    same(f(xp.asarray(a)), f(a))


@pytest.mark.parametrize("f", IN_PLACE)
def test_in_place_keeps_the_array_and_its_memory(f):
    a = np.array([[1.0, 2, 3], [4, 5, 6]])
    x = original = xp.asarray(a)
    row = x[0]
    x = f(x, 2)
    assert x is original
    same(x, f(a.copy(), 2))
    np.testing.assert_array_equal(row.get(), x.get()[0])


BITWISE_IN_PLACE = [operator.iand, operator.ior, operator.ixor, operator.ilshift, operator.irshift]


@pytest.mark.parametrize("f", BITWISE_IN_PLACE)
def test_bitwise_in_place(f):
    a = np.array([1, 6, 12])
    same(f(xp.asarray(a), 1), f(a.copy(), 1))


def test_in_place_on_a_view_writes_the_base():
    x = xp.zeros((2, 3))
    x[1] += 4
    assert x.tolist() == [[0, 0, 0], [4, 4, 4]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", [True, 2, 1.5, np.int8(2), np.float32(1.5), np.float64(1.5)])
def test_promotion_with_numbers_is_numpy_2s(dtype, number):
    a = np.ones(3, dtype)
    same(xp.asarray(a) * number, a * number)


@pytest.mark.parametrize("left", DTYPES)
@pytest.mark.parametrize("right", DTYPES)
def test_promotion_between_arrays_is_numpys(left, right):
    a, b = np.ones(2, left), np.ones(2, right)
    try:
        expected = a + b
    except TypeError:
        with pytest.raises(TypeError):
            xp.asarray(a) + xp.asarray(b)
    else:
        same(xp.asarray(a) + xp.asarray(b), expected)


@pytest.mark.parametrize("f", [*BINARY, *IN_PLACE, operator.matmul])
@pytest.mark.parametrize("other", [np.ones((2, 2)), np.ones(())], ids=["2-d", "0-d"])
def test_numpy_arrays_are_refused(f, other):
    x = xp.ones((2, 2))
    if f in BINARY[7:] and other.ndim == 0:
        assert f(x, other).tolist() == f(np.ones((2, 2)), other).tolist()  # CuPy's one exception
        return
    with pytest.raises(TypeError, match=r"Unsupported type <class 'numpy.ndarray'>"):
        f(x, other)
    assert x.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("f", [operator.add, operator.truediv, operator.matmul])
def test_numpy_arrays_are_refused_on_the_left(f):
    with pytest.raises(TypeError, match=r"Unsupported type <class 'numpy.ndarray'>"):
        f(np.ones((2, 2)), xp.ones((2, 2)))


@pytest.mark.parametrize("other", [[1, 2], (1, 2), "ab", {}])
def test_other_types_are_refused(other):
    with pytest.raises(TypeError):
        xp.ones(2) + other
    with pytest.raises(TypeError):
        other + xp.ones(2)


def test_division_by_zero_and_overflow_are_silent():
    x = xp.asarray(np.array([1, 0, 1e38], np.float32))
    with np.errstate(all="raise"):
        assert str((x / 0).tolist()) == "[inf, nan, inf]"
        assert (x * x).tolist()[2] == np.inf
        assert (xp.arange(2) // 0).shape == (2,)


def test_divmod():
    a = np.array([7.0, -7.0])
    quotient, rest = divmod(xp.asarray(a), 2)
    same(quotient, a // 2)
    same(rest, a % 2)
    same(divmod(9, xp.asarray(a))[1], 9 % a)


@pytest.mark.parametrize("exponent", [2, 2.0, 0.5, -1.0, 3, -0.5])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_power(exponent, dtype):
    a = np.array([1, 2, 4], dtype)
    same(xp.asarray(a) ** exponent, a**exponent)


@pytest.mark.parametrize("shapes", [((2, 3), (3, 4)), ((3,), (3,)), ((5, 2, 3), (3, 2)), ((3,), (2, 3, 4))])
def test_matmul(shapes):
    a, b = (np.arange(np.prod(s), dtype=np.float32).reshape(s) for s in shapes)
    same(xp.asarray(a) @ xp.asarray(b), np.asarray(a @ b))


def test_matmul_of_bfloat16_stays_bfloat16_and_sums_in_float32():
    x = xp.ones((1, 1000), ml_dtypes.bfloat16)
    product = x @ x.T
    assert product.dtype == ml_dtypes.bfloat16
    assert float(product[0, 0]) == 1000  # 256 if it were summed in bfloat16


def test_matmul_has_no_in_place_form():
    x = original = xp.ones((2, 2))
    x @= x
    assert x is not original
    assert original.tolist() == [[1, 1], [1, 1]]


def test_matmul_refuses_scalars():
    with pytest.raises(ValueError, match=r"scalar|does not have enough dimensions"):
        xp.ones(2) @ 2


def test_equality_with_none_and_plain_objects():
    x = xp.ones((2, 2))
    for other in (None, object(), Ellipsis):
        same(x == other, np.zeros((2, 2), bool))
        same(x != other, np.ones((2, 2), bool))
    with pytest.raises(TypeError):
        x < None  # noqa: B015 - the comparison itself raises


def test_results_are_c_contiguous_whatever_the_operands_are():
    x = xp.asarray(np.zeros((2, 3, 4, 5), np.float32).transpose(0, 2, 3, 1))
    assert not x.flags.c_contiguous
    assert (x + x).flags.c_contiguous
    assert (-x).flags.c_contiguous
    assert np.add(x._host, x._host).strides == x.strides  # NumPy's follow the operands


class Priority:
    """Computes with arrays from the right, as its priority says."""

    __array_priority__ = 200

    def __radd__(self, other):
        return "radd"

    def __eq__(self, other):
        return "eq"

    __hash__ = None


class OptsOut(Priority):
    __array_priority__ = 0
    __array_ufunc__ = None


class HasUfunc:
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return ufunc.__name__


@pytest.mark.parametrize("other", [Priority(), OptsOut()])
def test_other_types_can_take_over(other):
    assert xp.ones(2) + other == "radd"
    assert (xp.ones(2) == other) == "eq"


def test_other_types_take_over_by_their_ufunc_protocol():
    assert xp.ones(2) + HasUfunc() == "add"
    assert (xp.ones(2) < HasUfunc()) == "less"


def test_arrays_are_not_hashable():
    with pytest.raises(TypeError, match="unhashable"):
        hash(xp.ones(2))

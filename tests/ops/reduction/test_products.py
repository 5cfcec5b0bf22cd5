import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, IndexRangeError
from tests.harness import check_dtypes, check_op

inf, nan = math.inf, math.nan
CASES = [((), 0), ((5,), -1), ((3, 4), 0), ((3, 4), 1), ((2, 3, 4), 1), ((1, 3), 0)]


@pytest.mark.parametrize(("shape", "dim"), CASES)
def test_along_dim(shape, dim, device):
    axis = dim if shape else None
    for keepdim in (False, True):
        check_op(
            lambda x, k=keepdim: gp.prod(x, dim, k),
            lambda x, k=keepdim: x.prod(axis=axis, keepdims=k),
            [shape],
            device,
        )
    check_op(lambda x: gp.cumprod(x, dim), lambda x: x.cumprod(axis=axis).reshape(shape), [shape], device)


@pytest.mark.parametrize("shape", [(), (5,), (3, 4)])
def test_of_all(shape, device):
    check_op(gp.prod, np.prod, [shape], device)


ZEROS = [[0.0, 2.0, 3.0], [2.0, 0.0, 3.0, 0.0, 5.0], [0.0, 0.0, 0.0], [0.0], [1.5, -2.0, 0.0]]


@pytest.mark.parametrize("values", ZEROS)
def test_first_and_second_derivatives_with_zeros(values, device):
    check_op(lambda x: gp.prod(x, 0), np.prod, [np.array(values)], device)
    check_op(lambda x: gp.cumprod(x, 0), np.cumprod, [np.array(values)], device)


def test_third_derivative_with_zeros(device):
    """d³(xyz) / dx dy dz = 1, at the origin too."""
    x = gp.zeros(3, dtype=gp.float64, device=device, requires_grad=True)
    (first,) = gp.autograd.grad(gp.prod(x), x, create_graph=True)
    (second,) = gp.autograd.grad(first[0], x, create_graph=True)
    (third,) = gp.autograd.grad(second[1], x)
    assert third.tolist() == [0, 0, 1]


def test_gradient_with_one_zero(device):
    x = gp.tensor([2.0, 0.0, 3.0], device=device, requires_grad=True)
    gp.prod(x).backward()
    assert x.grad.tolist() == [0, 6, 0]


def test_half_types(device):
    values = np.linspace(0.5, 1.4, 20).reshape(10, 2)
    check_dtypes(lambda x: gp.prod(x, 0), lambda x: x.prod(0), [values], device)
    check_dtypes(lambda x: gp.cumprod(x, 0), lambda x: x.cumprod(0), [values], device)


@pytest.mark.parametrize("name", ["bool", "uint8", "int8", "int32", "int64"])
def test_integers(name, device):
    x = gp.tensor([[1, 0], [1, 1]], dtype=getattr(gp, name), device=device)
    assert gp.prod(x).dtype is gp.prod(x, 0).dtype is gp.cumprod(x, 0).dtype is gp.int64
    assert gp.prod(x, 0).tolist() == [1, 0]
    assert gp.cumprod(x, 1).tolist() == [[1, 0], [1, 1]]


def test_dtype_converts_first(device):
    x = gp.tensor([100, 3], dtype=gp.uint8, device=device)
    assert gp.prod(x).item() == 300
    assert gp.prod(x, dtype=gp.uint8).item() == 300 - 256
    assert gp.cumprod(x, 0, dtype=gp.uint8).tolist() == [100, 300 - 256]
    assert gp.prod(gp.tensor([1.5, 2.5], device=device), dtype=gp.int64).item() == 2
    assert gp.prod(gp.tensor([1.5, 2.5], device=device), 0, dtype=gp.float64).dtype is gp.float64


def test_empty(device):
    x = gp.zeros(0, 3, device=device, requires_grad=True)
    assert gp.prod(x).item() == 1
    assert gp.prod(x, 0).tolist() == [1] * 3
    assert gp.prod(x, 1).shape == (0,)
    assert gp.cumprod(x, 0).shape == (0, 3)
    gp.prod(x, 0).sum().backward()
    assert x.grad.shape == (0, 3)


def test_special_values(device):
    x = gp.tensor([inf, 2.0, 0.0], device=device)
    np.testing.assert_equal(gp.prod(x).item(), nan)
    np.testing.assert_equal(gp.cumprod(x, 0).tolist(), [inf, inf, nan])


def test_errors():
    for op in (gp.prod, gp.cumprod):
        with pytest.raises(IndexRangeError, match=op.__name__):
            op(gp.zeros(2), 1)
        with pytest.raises(ArgumentTypeError, match=op.__name__):
            op(gp.zeros(2, 2), (0, 1))


def test_in_place(device):
    x = gp.tensor([1.0, 2.0, 3.0], device=device, requires_grad=True)
    y = x * 1
    y.cumprod_(0)
    assert y.tolist() == [1, 2, 6]
    y.sum().backward()
    assert x.grad.tolist() == [9, 4, 2]
    z = gp.tensor([1, 2, 3], dtype=gp.int8, device=device)
    assert z.cumprod_(0).dtype is gp.int8

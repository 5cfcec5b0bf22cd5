import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, DtypeError, ShapeError

NAMES = ["bool", "uint8", "int64", "float16", "bfloat16", "float32", "float64"]
LOGICAL = [(gp.logical_and, np.logical_and), (gp.logical_or, np.logical_or), (gp.logical_xor, np.logical_xor)]
BITWISE = [
    (gp.bitwise_and, np.bitwise_and),
    (gp.bitwise_or, np.bitwise_or),
    (gp.bitwise_xor, np.bitwise_xor),
]
SHIFTS = [(gp.bitwise_left_shift, np.left_shift), (gp.bitwise_right_shift, np.right_shift)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("op", "reference"), LOGICAL)
def test_logical(op, reference, name, device):
    a, b = np.array([[0, 1, 2, 0], [1, 0, 3, 0]]), np.array([1, 1, 0, 0])
    x, y = gp.tensor(a, device=device).to(getattr(gp, name)), gp.tensor(b, device=device)
    assert op(x, y).dtype is gp.bool
    np.testing.assert_array_equal(op(x, y).cpu().numpy(), reference(a, b))
    np.testing.assert_array_equal(op(x, x[1]).cpu().numpy(), reference(a, a[1]))
    np.testing.assert_array_equal(gp.logical_not(x).cpu().numpy(), np.logical_not(a))


def test_nan_is_true(device):
    x = gp.tensor([math.nan, -0.0], device=device)
    assert gp.logical_not(x).tolist() == [False, True]
    assert gp.logical_and(x, x).tolist() == [True, False]


@pytest.mark.parametrize("name", ["bool", "uint8", "int8", "int16", "int32", "int64"])
@pytest.mark.parametrize(("op", "reference"), BITWISE)
def test_bitwise(op, reference, name, device):
    a, b = gp.tensor([[0, 1], [5, 12]]).to(getattr(gp, name)), gp.tensor([1, 6]).to(getattr(gp, name))
    found = op(a.to(device), b.to(device))
    assert found.dtype is a.dtype
    np.testing.assert_array_equal(found.cpu().numpy(), reference(a.numpy(), b.numpy()))
    np.testing.assert_array_equal(gp.bitwise_not(a.to(device)).cpu().numpy(), np.bitwise_not(a.numpy()))
    assert op(a, 1).tolist() == op(1, a).tolist() == reference(a.numpy(), 1).tolist()


@pytest.mark.parametrize(("op", "reference"), SHIFTS)
def test_shifts(op, reference, device):
    a, b = np.array([[1, -8, 5], [7, 0, -1]]), np.array([0, 1, 3])
    x, y = gp.tensor(a, device=device), gp.tensor(b, device=device)
    np.testing.assert_array_equal(op(x, y).cpu().numpy(), reference(a, b))
    np.testing.assert_array_equal(op(x, 2).cpu().numpy(), reference(a, 2))
    np.testing.assert_array_equal(op(2, y).cpu().numpy(), reference(2, b))


def test_bits_that_are_shifted_out():
    x = gp.tensor([1, -8])
    assert gp.bitwise_left_shift(x, 64).tolist() == gp.bitwise_left_shift(x, -1).tolist() == [0, 0]
    assert gp.bitwise_right_shift(x, 64).tolist() == [0, -1]


def test_booleans_and_numbers_are_promoted(device):
    x = gp.tensor([True, False], device=device)
    assert gp.bitwise_and(x, 1).dtype is gp.int64
    assert gp.bitwise_or(x, True).dtype is gp.bool
    assert gp.bitwise_left_shift(x, 1).tolist() == [2, 0]


@pytest.mark.parametrize("op", [row[0] for row in BITWISE + SHIFTS])
def test_floats_have_no_bits(op):
    with pytest.raises(DtypeError, match=f"{op.__name__}: not implemented for gpunn.float32"):
        op(gp.tensor([1.0]), gp.tensor([1]))
    with pytest.raises(DtypeError):
        op(gp.tensor([1]), 1.0)
    with pytest.raises(ShapeError, match=op.__name__):
        op(gp.tensor([1, 2]), gp.tensor([1, 2, 3]))


def test_operands_that_are_refused():
    with pytest.raises(TypeError, match="only implemented on integer and Boolean-type tensors"):  # PyTorch's class
        gp.bitwise_not(gp.tensor([1.0]))
    for op, _ in LOGICAL:
        with pytest.raises(ArgumentTypeError, match=f"{op.__name__}: expected a Tensor, got int"):
            op(gp.tensor([1]), 1)
        with pytest.raises(ShapeError, match=op.__name__):
            op(gp.tensor([1, 2]), gp.tensor([1, 2, 3]))


def test_booleans_have_no_bits_to_shift(device):
    x = gp.tensor([True, False], device=device)
    for shift in (gp.bitwise_left_shift, gp.bitwise_right_shift):
        for by in (x, True):
            with pytest.raises(TypeError, match=r"not implemented for gpunn\.bool"):
                shift(x, by)
    assert (x << 1).tolist() == [2, 0] and (x << gp.tensor([1, 1], device=device)).dtype is gp.int64

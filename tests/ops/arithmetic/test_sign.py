import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, DtypeError, UnsupportedError
from tests.harness import check_dtypes, check_op
from tests.ops.arithmetic.test_binary import SHAPES

inf, nan = math.inf, math.nan


@pytest.mark.parametrize("shape", [(3, 4), (), (0, 3)])
@pytest.mark.parametrize(
    ("op", "reference"),
    [(gp.neg, np.negative), (gp.abs, np.abs), (gp.sign, np.sign), (gp.sgn, np.sign), (gp.positive, np.positive)],
)
def test_unary(op, reference, shape, device):
    check_op(op, reference, [shape], device)
    check_dtypes(op, reference, [shape], device)


def test_integers(device):
    x = gp.tensor([3, 0, -128], dtype=gp.int8, device=device)
    assert gp.neg(x).tolist() == [-3, 0, -128]
    assert gp.abs(x).tolist() == [3, 0, -128]
    assert gp.sign(x).tolist() == [1, 0, -1]
    assert gp.sign(x).dtype is gp.int8
    x = gp.tensor([3, 0], dtype=gp.uint8, device=device)
    assert gp.neg(x).tolist() == [253, 0]
    assert gp.abs(x).tolist() == gp.positive(x).tolist() == [3, 0]
    assert gp.sign(x).tolist() == [1, 0]


def test_booleans():
    x = gp.tensor([True, False])
    assert gp.sign(x).dtype is gp.bool
    assert gp.sign(x).tolist() == [True, False]
    assert gp.signbit(x).tolist() == [False, False]
    for op, message in [(gp.neg, "Negation"), (gp.abs, "not implemented"), (gp.positive, r"The `\+` operator")]:
        with pytest.raises(DtypeError, match=message):
            op(x)


def test_positive_is_the_tensor_itself():
    x = gp.tensor([1.0])
    assert gp.positive(x) is x


def test_gradients_at_zero_and_nan(device):
    x = gp.tensor([0.0, -0.0, nan, -2.0, inf], device=device, requires_grad=True)
    (grad,) = gp.autograd.grad(gp.abs(x).sum(), [x])
    assert grad.tolist() == [0, 0, 0, -1, 1]
    assert gp.sign(x).tolist() == [0, 0, 0, -1, 1]
    (grad,) = gp.autograd.grad(gp.sign(x).sum(), [x])
    assert grad.tolist() == [0] * 5


def test_signbit(device):
    for name in ("float16", "bfloat16", "float32", "float64"):
        x = gp.tensor([-0.0, -1.0, 0.0, 3.0, -inf], dtype=getattr(gp, name), device=device)
        assert gp.signbit(x).dtype is gp.bool
        assert gp.signbit(x).tolist() == [True, True, False, False, True]
    assert gp.signbit(gp.tensor([-1, 0, 2], device=device)).tolist() == [True, False, False]


@pytest.mark.parametrize("shapes", SHAPES)
def test_copysign(shapes, device):
    check_op(gp.copysign, np.copysign, shapes, device)
    check_dtypes(gp.copysign, np.copysign, shapes, device)


def test_copysign_of_zeros_and_numbers(device):
    """PyTorch 2.13's gradients."""
    a = gp.tensor([0.0, -0.0, 3.0, -3.0, nan], device=device, requires_grad=True)
    b = gp.tensor([1.0, -1.0, -1.0, -0.0, 1.0], device=device, requires_grad=True)
    first, second = gp.autograd.grad(gp.copysign(a, b).sum(), [a, b])
    np.testing.assert_array_equal(first.cpu().numpy(), [0, 0, -1, 1, nan])
    assert second.tolist() == [0] * 5
    assert gp.copysign(gp.tensor([1, -2], device=device), -1).tolist() == [-1, -2]
    assert gp.copysign(gp.tensor([1, -2], device=device), 1).dtype is gp.float32
    with pytest.raises(ArgumentTypeError, match="copysign: expected a Tensor, got int"):
        gp.copysign(1, a)


def test_heaviside(device):
    x = gp.tensor([-1.0, 0.0, 2.0, nan], device=device)
    assert gp.heaviside(x, gp.tensor(0.5, device=device)).tolist() == [0, 0.5, 1, 0]
    half = gp.heaviside(x.to(gp.bfloat16), gp.tensor([0.5], dtype=gp.bfloat16, device=device))
    assert half.dtype is gp.bfloat16
    assert half.tolist() == [0, 0.5, 1, 0]
    integers = gp.heaviside(gp.tensor([-1, 0, 1], device=device), gp.tensor([5], device=device))
    assert integers.dtype is gp.int64
    assert integers.tolist() == [0, 5, 1]


def test_heaviside_refuses():
    x = gp.tensor([1.0], requires_grad=True)
    with pytest.raises(DtypeError, match="different dtypes, got float32 and int64"):
        gp.heaviside(x, gp.tensor([1]))
    with pytest.raises(ArgumentTypeError, match="heaviside: expected a Tensor, got float"):
        gp.heaviside(x, 0.5)
    with pytest.raises(UnsupportedError, match="derivative for Heaviside is not implemented"):
        gp.heaviside(x, gp.tensor([1.0])).sum().backward()


def test_aliases():
    assert (gp.absolute, gp.negative) == (gp.abs, gp.neg)

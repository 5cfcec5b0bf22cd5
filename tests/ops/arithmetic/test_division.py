import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, DtypeError
from tests.harness import check_dtypes, check_op
from tests.ops.arithmetic.test_binary import SHAPES

inf, nan = math.inf, math.nan


def floored(a, b):
    return gp.div(a, b, rounding_mode="floor")


def truncated(a, b):
    return gp.div(a, b, rounding_mode="trunc")


TABLE = [
    (gp.div, np.divide),
    (gp.true_divide, np.divide),
    (gp.floor_divide, np.floor_divide),
    (floored, np.floor_divide),
    (truncated, lambda a, b: np.trunc(a / b)),
    (gp.remainder, np.remainder),
    (gp.fmod, np.fmod),
]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize(("op", "reference"), TABLE)
def test_division(op, reference, shapes, device):
    a = np.linspace(-5.1, 5.3, math.prod(shapes[0])).reshape(shapes[0])  # no quotient is close to an integer
    b = np.linspace(-1.9, 2.2, math.prod(shapes[1])).reshape(shapes[1])
    check_op(op, reference, [a, b], device)


@pytest.mark.parametrize(("op", "reference"), TABLE)
def test_half_types(op, reference, device):
    check_dtypes(op, reference, [np.linspace(-5, 5, 11), np.linspace(0.75, 3, 11)], device)


@pytest.mark.parametrize(
    ("op", "reference"),
    [
        (lambda x: x / 3, lambda x: x / 3),
        (lambda x: 3 / x, lambda x: 3 / x),
        (lambda x: x % 0.3, lambda x: x % 0.3),
        (lambda x: 5 % x, lambda x: 5 % x),
        (lambda x: gp.fmod(x, -0.3), lambda x: np.fmod(x, -0.3)),
        (lambda x: x // -0.3, lambda x: x // -0.3),
        (lambda x: 5 // x, lambda x: 5 // x),
        (gp.reciprocal, lambda x: 1 / x),
    ],
)
def test_numbers(op, reference, device):
    check_op(op, reference, [(2, 3)], device)


@pytest.mark.parametrize(
    ("b", "quotients", "remainders"),
    [
        (0.0, [inf, -inf, nan, inf, -inf, nan, nan], [nan] * 7),
        (3.0, [0.0, -1.0, 0.0, nan, nan, nan, -0.0], [1.0, 2.0, 0.0, nan, nan, nan, -0.0]),
        (-3.0, [-1.0, 0.0, -0.0, nan, nan, nan, 0.0], [-2.0, -1.0, 0.0, nan, nan, nan, -0.0]),
        (inf, [0.0, -1.0, 0.0, nan, nan, nan, -0.0], [1.0, inf, 0.0, nan, nan, nan, -0.0]),
        (-inf, [-1.0, 0.0, -0.0, nan, nan, nan, 0.0], [-inf, -1.0, 0.0, nan, nan, nan, -0.0]),
    ],
)
def test_special_values(b, quotients, remainders, device):
    """As PyTorch 2.13 has them, signs of zeros included."""
    a = gp.tensor([1.0, -1.0, 0.0, inf, -inf, nan, -0.0], device=device)
    for op, wanted in [(gp.floor_divide, quotients), (gp.remainder, remainders)]:
        for divisor in (b, gp.tensor(b, device=device)):
            found = op(a, divisor).cpu().numpy()
            np.testing.assert_array_equal(found, np.float32(wanted))
            zero = found == 0
            np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(np.float32(wanted)[zero]))


def test_floor_division_is_not_the_floor_of_the_quotient(device):
    """1 / 0.1 rounds to 10, but 0.1 is a little more than a tenth."""
    assert (gp.tensor([1.0], device=device) // 0.1).tolist() == [9.0]


def test_integers(device):
    a, b = gp.tensor([7, -7, 7, -7], device=device), gp.tensor([2, 2, -2, -2], device=device)
    for result, wanted in [
        (a // b, [3, -4, -4, 3]),
        (truncated(a, b), [3, -3, -3, 3]),
        (a % b, [1, 1, -1, -1]),
        (gp.fmod(a, b), [1, -1, 1, -1]),
    ]:
        assert result.dtype is gp.int64
        assert result.tolist() == wanted
    assert (a / b).dtype is gp.float32
    assert (a / b).tolist() == [3.5, -3.5, -3.5, 3.5]
    assert gp.reciprocal(b).tolist() == [0.5, 0.5, -0.5, -0.5]


@pytest.mark.parametrize("op", [gp.floor_divide, gp.remainder, gp.fmod, truncated, floored])
@pytest.mark.parametrize("b", [0, [1, 0]])
def test_integers_are_not_divided_by_zero(op, b):
    a = gp.tensor([1, 2])
    with pytest.raises(ArgumentError, match="ZeroDivisionError"):
        op(a, b if isinstance(b, int) else gp.tensor(b))
    with pytest.raises(RuntimeError):  # PyTorch's class
        a.floor_divide_(0)
    assert a.tolist() == [1, 2]


@pytest.mark.parametrize("op", [gp.floor_divide, gp.remainder, gp.fmod, truncated])
def test_booleans_have_no_remainder(op):
    with pytest.raises(DtypeError, match="not implemented for bool"):
        op(gp.tensor([True]), gp.tensor([True]))


def test_rounding_mode_has_two_names():
    with pytest.raises(ArgumentError, match="one of None, 'trunc', or 'floor' but found 'up'"):
        gp.div(gp.tensor([1.0]), 2, rounding_mode="up")


def test_rounded_quotients_have_gradient_zero(device):
    a, b = (gp.tensor([7.5, -7.5], device=device, requires_grad=True) for _ in range(2))
    for op in (floored, truncated):
        grads = gp.autograd.grad(op(a, b).sum(), [a, b])
        assert [g.tolist() for g in grads] == [[0, 0], [0, 0]]
    grads = gp.autograd.grad(gp.remainder(a, b * 0.4).sum(), [a, b])
    np.testing.assert_allclose([g.tolist() for g in grads], [[1, 1], [-0.8, -0.8]], rtol=1e-6)


def test_empty_integers_may_be_divided_by_zero(device):
    x = gp.zeros(0, dtype=gp.int64, device=device)
    zero = gp.tensor([0], device=device)
    for divide in (gp.floor_divide, gp.remainder, gp.fmod, lambda a, b: gp.div(a, b, rounding_mode="trunc")):
        assert divide(x, zero).shape == (0,) and divide(x, 0).dtype is gp.int64
        assert divide(gp.zeros(0, 1, dtype=gp.int64, device=device), gp.tensor([0, 1], device=device)).shape == (0, 2)

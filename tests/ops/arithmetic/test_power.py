import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError
from tests.harness import check_dtypes, check_op
from tests.ops.arithmetic.test_binary import SHAPES

inf, nan = math.inf, math.nan
POSITIVE = np.linspace(0.2, 3.1, 12).reshape(3, 4)


@pytest.mark.parametrize("shapes", SHAPES)
def test_pow(shapes, device):
    rng = np.random.default_rng(0)
    check_op(gp.pow, np.power, [rng.uniform(0.2, 2, shapes[0]), rng.uniform(-2, 2, shapes[1])], device)
    check_op(gp.hypot, np.hypot, shapes, device, gradient_rtol=1e-5)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, -1, -2, -3, 0.5, -0.5, 1.7, -2.3, 0.0, 2.0])
def test_number_as_exponent(exponent, device):
    def op(x):
        return gp.pow(x, exponent)

    def reference(x):
        return x**exponent

    check_op(op, reference, [POSITIVE], device)
    check_dtypes(op, reference, [POSITIVE], device)
    if exponent == int(exponent):
        check_op(op, reference, [-POSITIVE], device)


@pytest.mark.parametrize("base", [2, 0.3, 1, 10.5])
def test_number_as_base(base, device):
    check_op(lambda x: gp.pow(base, x), lambda x: base**x, [(2, 3)], device)
    check_dtypes(lambda x: gp.pow(base, x), lambda x: base**x, [(2, 3)], device)


@pytest.mark.parametrize(
    ("op", "reference"),
    [
        (gp.sqrt, np.sqrt),
        (gp.rsqrt, lambda x: 1 / np.sqrt(x)),
        (gp.square, np.square),
    ],
)
def test_roots_and_squares(op, reference, device):
    check_op(op, reference, [POSITIVE], device)
    check_dtypes(op, reference, [POSITIVE], device)


def test_special_values_of_half_powers(device):
    """A square root is taken, so that -inf ** 0.5 is NaN as in PyTorch and not inf as in C."""
    x = gp.tensor([-inf, -4.0, -0.0, 0.0], device=device)
    np.testing.assert_array_equal((x**0.5).cpu().numpy(), np.float32([nan, nan, -0.0, 0.0]))
    np.testing.assert_array_equal((x**-0.5).cpu().numpy(), np.float32([nan, nan, -inf, inf]))
    assert (gp.tensor([nan, 0.0], device=device) ** 0).tolist() == [1, 1]


def test_gradients_at_zero(device):
    """PyTorch 2.13's."""
    a = gp.tensor([0.0, 0.0, 0.0, 2.0, 0.0], device=device, requires_grad=True)
    b = gp.tensor([0.0, 2.0, -1.0, 0.0, 0.5], device=device, requires_grad=True)
    first, second = gp.autograd.grad((a**b).sum(), [a, b])
    assert first.tolist() == [0, 0, -inf, 0, inf]
    np.testing.assert_allclose(second.cpu().numpy(), [0, 0, -inf, math.log(2), 0], rtol=1e-6)
    (grad,) = gp.autograd.grad((a**0).sum(), [a])
    assert grad.tolist() == [0] * 5
    (grad,) = gp.autograd.grad((0**b).sum(), [b])
    assert grad.tolist() == [0, 0, -inf, 0, 0]
    (grad,) = gp.autograd.grad(((-2) ** b).sum(), [b])
    assert all(math.isnan(g) for g in grad.tolist())


@pytest.mark.parametrize(
    ("a", "b", "wanted", "dtype"),
    [
        ([2, 3], [-1, 2], [0, 9], gp.int64),
        ([1, -1, -1, 0], [-1, -1, -2, -3], [1, -1, 1, 0], gp.int64),
        (2, [-2, 3], [0, 8], gp.int64),
        ([2, -3], 3, [8, -27], gp.int64),
        ([2, 3], 2.0, [4, 9], gp.float32),
        (2.5, [2, 3], [6.25, 15.625], gp.float32),
        ([True, False], 2, [1, 0], gp.int64),
        ([2.0], [True], [2.0], gp.float32),
    ],
)
def test_integers(a, b, wanted, dtype, device):
    a, b = (gp.tensor(x, device=device) if isinstance(x, list) else x for x in (a, b))
    result = gp.pow(a, b)
    assert result.dtype is dtype
    assert result.tolist() == wanted


def test_integers_keep_their_type(device):
    x = gp.tensor([1, -2, 5], dtype=gp.int8, device=device)
    assert (x**3).dtype is (x**x).dtype is gp.square(x).dtype is gp.int8
    assert (x**3).tolist() == [1, -8, 125]
    assert gp.pow(x, gp.tensor([-1, -2, -3], dtype=gp.int8, device=device)).tolist() == [1, 0, 0]
    assert gp.sqrt(x * x).dtype is gp.float32


@pytest.mark.parametrize(("exponent", "message"), [(-1, "negative integer powers"), (300, "without overflow")])
def test_integer_exponents_that_do_not_fit(exponent, message):
    with pytest.raises(ArgumentError, match=message):
        gp.pow(gp.tensor([2], dtype=gp.uint8), exponent)


def test_booleans_have_no_powers():
    for a, b in [(gp.tensor([True]), gp.tensor([True])), (gp.tensor([True]), True), (True, gp.tensor([True]))]:
        with pytest.raises(DtypeError, match="pow: not implemented for bool"):
            gp.pow(a, b)


def test_operands_of_the_wrong_kind():
    with pytest.raises(ArgumentTypeError, match="pow: expected a Tensor or a number, got str"):
        gp.pow(gp.tensor([1.0]), "2")
    with pytest.raises(ArgumentTypeError, match="pow: expected a Tensor among the arguments"):
        gp.pow(2, 3)
    with pytest.raises(ArgumentTypeError, match="sqrt: expected a Tensor, got float"):
        gp.sqrt(2.0)
    with pytest.raises(ArgumentTypeError, match="hypot: expected a Tensor, got int"):
        gp.hypot(gp.tensor([1.0]), 2)
    with pytest.raises(DtypeError, match=r"hypot: not implemented for gpunn\.int64"):
        gp.hypot(gp.tensor([1]), gp.tensor([2]))


def test_float_power_is_computed_in_float64(device):
    x = gp.tensor([2, 3], dtype=gp.int32, device=device)
    for result, wanted in [(gp.float_power(x, 0.5), [2**0.5, 3**0.5]), (gp.float_power(2, x), [4, 8])]:
        assert result.dtype is gp.float64
        np.testing.assert_allclose(result.cpu().numpy(), wanted, rtol=1e-15)


def test_hypot_does_not_overflow(device):
    x = gp.tensor([3e30, 3e-30], device=device)
    np.testing.assert_allclose(gp.hypot(x, x * (4 / 3)).cpu().numpy(), [5e30, 5e-30], rtol=1e-6)

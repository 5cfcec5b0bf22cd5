import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, DtypeError
from tests.harness import check_dtypes, check_op
from tests.ops.arithmetic.test_binary import SHAPES

inf, nan = math.inf, math.nan
ANY = np.linspace(-3.1, 3.1, 12).reshape(3, 4)
POSITIVE = np.linspace(0.2, 3.1, 12).reshape(3, 4)

TABLE = [
    (gp.exp, np.exp, ANY),
    (gp.exp2, np.exp2, ANY),
    (gp.expm1, np.expm1, ANY),
    (gp.log, np.log, POSITIVE),
    (gp.log2, np.log2, POSITIVE),
    (gp.log10, np.log10, POSITIVE),
    (gp.log1p, np.log1p, POSITIVE - 0.9),
    (gp.sigmoid, lambda x: 1 / (1 + np.exp(-x)), ANY),
]


@pytest.mark.parametrize(("op", "reference", "values"), TABLE, ids=lambda v: getattr(v, "__name__", ""))
def test_unary(op, reference, values, device):
    for x in (values, values[0, 0], values[:0]):
        check_op(op, reference, [x], device)
    check_dtypes(op, reference, [values], device)
    integers = gp.tensor([1, 2], device=device)
    assert op(integers).dtype is gp.float32
    np.testing.assert_allclose(op(integers).cpu().numpy(), reference(np.array([1.0, 2.0])), rtol=1e-6)


@pytest.mark.parametrize("op", [row[0] for row in TABLE])
def test_not_of_numbers(op):
    with pytest.raises(ArgumentTypeError, match=f"{op.__name__}: expected a Tensor, got float"):
        op(2.0)


def ulps(found, exact):
    """The largest error of the float32 array `found` in units in the last place of the float64 array `exact`."""
    return float(np.max(np.abs(found.astype(np.float64) - exact) / np.spacing(np.abs(exact).astype(np.float32))))


@pytest.mark.parametrize(
    ("op", "reference", "low", "high"),
    [
        (gp.sigmoid, lambda x: 1 / (1 + np.exp(-x)), -87, 100),
        (gp.tanh, np.tanh, -10, 10),
        (gp.exp, np.exp, -87, 88),
        (gp.expm1, np.expm1, -10, 10),
        (gp.log1p, np.log1p, -0.99, 10),
        (gp.exp2, np.exp2, -100, 100),
    ],
)
def test_float32_is_within_four_units_in_the_last_place(op, reference, low, high):
    x = np.random.default_rng(0).uniform(low, high, 200_000).astype(np.float32)
    small = np.float32(10.0) ** np.linspace(-30, -1, 1000, dtype=np.float32)
    for values in (x, small, -small):
        assert ulps(op(gp.tensor(values)).numpy(), reference(values.astype(np.float64))) <= 4


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_sigmoid_has_no_spurious_values(name, device):
    x = gp.tensor([-inf, -1e4, -200.0, 0.0, 200.0, 1e4, inf, nan], dtype=getattr(gp, name), device=device)
    found = gp.sigmoid(x).to(gp.float64).tolist()
    assert found[:2] == [0.0, 0.0]
    assert found[2] < 1e-80
    assert found[3:7] == [0.5, 1.0, 1.0, 1.0]
    assert math.isnan(found[7])


def test_small_arguments_keep_their_digits(device):
    x = gp.tensor([1e-20, -1e-20], device=device)
    assert gp.expm1(x).tolist() == gp.log1p(x).tolist() == x.tolist()


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize(("op", "reference"), [(gp.logaddexp, np.logaddexp), (gp.logaddexp2, np.logaddexp2)])
def test_logaddexp(op, reference, shapes, device):
    check_op(op, reference, shapes, device)
    check_dtypes(op, reference, shapes, device)


@pytest.mark.parametrize("op", [gp.logaddexp, gp.logaddexp2])
def test_logaddexp_of_large_and_infinite_values(op, device):
    a = gp.tensor([inf, -inf, inf, 1e4, -1e4, nan, -inf], device=device)
    b = gp.tensor([inf, -inf, -inf, -1e4, 1e4, 1.0, 3.0], device=device)
    wanted = [inf, -inf, inf, 1e4, 1e4, nan, 3.0]
    np.testing.assert_array_equal(op(a, b).cpu().numpy(), np.float32(wanted))
    np.testing.assert_array_equal(op(b, a).cpu().numpy(), np.float32(wanted))
    a = gp.tensor([inf, 0.0, 1e4], device=device, requires_grad=True)
    (grad,) = gp.autograd.grad(op(a, gp.tensor([-inf, 0.0, 0.0], device=device)).sum(), [a])
    assert grad.tolist() == [1, 0.5, 1]


def test_logaddexp_keeps_its_digits_near_zero():
    a = np.linspace(-0.8, -0.6, 1000, dtype=np.float32)
    b = np.linspace(-0.6, -0.8, 1000, dtype=np.float32)
    assert ulps(gp.logaddexp(gp.tensor(a), gp.tensor(b)).numpy(), np.logaddexp(a.astype(float), b)) <= 0.51


def test_logaddexp_is_not_for_integers():
    with pytest.raises(DtypeError, match=r"logaddexp: not implemented for gpunn\.int64"):
        gp.logaddexp(gp.tensor([1]), gp.tensor([2]))


@pytest.mark.parametrize("shapes", SHAPES)
def test_xlogy(shapes, device):
    rng = np.random.default_rng(0)
    inputs = [rng.uniform(-2, 2, shapes[0]), rng.uniform(0.2, 2, shapes[1])]
    check_op(gp.xlogy, lambda a, b: a * np.log(b), inputs, device)
    check_dtypes(gp.xlogy, lambda a, b: a * np.log(b), inputs, device)


def test_xlogy_with_numbers(device):
    check_op(lambda x: gp.xlogy(x, 2), lambda x: x * np.log(2), [(2, 3)], device)
    check_op(lambda x: gp.xlogy(2, x), lambda x: 2 * np.log(x), [POSITIVE], device)
    assert gp.xlogy(gp.tensor([0, 2], device=device), 2).dtype is gp.float32
    assert gp.xlogy(gp.tensor([0.0, 1.0], device=device), 0).tolist() == [0, -inf]
    assert gp.xlogy(0, gp.tensor([0.0, inf, 2.0], device=device)).tolist() == [0, 0, 0]


def test_xlogy_at_zero(device):
    """PyTorch 2.13's values and gradients."""
    a = gp.tensor([0.0, 0.0, 1.0, 0.0], device=device, requires_grad=True)
    b = gp.tensor([0.0, -1.0, 1.0, nan], device=device, requires_grad=True)
    y = gp.xlogy(a, b)
    np.testing.assert_array_equal(y.detach().cpu().numpy(), [0, 0, 0, nan])
    first, second = gp.autograd.grad(y.sum(), [a, b])
    np.testing.assert_array_equal(first.cpu().numpy(), [0, 0, 0, nan])
    np.testing.assert_array_equal(second.cpu().numpy(), [nan, 0, 1, nan])


def test_xlogy_without_a_gradient_that_comes_in_has_none(device):
    x = gp.tensor([2.0, 2.0], device=device, requires_grad=True)
    gp.xlogy(x, gp.tensor([0.0, 3.0], device=device)).backward(gp.tensor([0.0, 1.0], device=device))
    assert x.grad.tolist() == pytest.approx([0.0, math.log(3.0)])
    x.grad = None
    gp.xlogy(x, 0.0).backward(gp.tensor([0.0, 1.0], device=device))
    assert x.grad.tolist() == [0.0, -math.inf]

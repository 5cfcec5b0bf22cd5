import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError

inf, nan = math.inf, math.nan
TABLE = [
    (gp.eq, np.equal),
    (gp.ne, np.not_equal),
    (gp.lt, np.less),
    (gp.le, np.less_equal),
    (gp.gt, np.greater),
    (gp.ge, np.greater_equal),
]
NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("op", "reference"), TABLE)
def test_comparison(op, reference, name, device):
    a, b = np.array([[0, 1, 2], [3, 1, 0]]), np.array([1, 1, 2])
    x, y = (gp.tensor(v, device=device).to(getattr(gp, name)) for v in (a, b))
    a, b = (v.cpu().to(gp.float64).numpy() for v in (x, y))
    for found, wanted in [
        (op(x, y), reference(a, b)),
        (op(x, 1), reference(a, 1)),
        (op(x, True), reference(a, 1)),
        (op(x, 1.5), reference(a, 1.5)),
        (op(x[:0], y[:1]), reference(a[:0], b[:1])),
        (op(x[0, 0], y[0]), reference(a[0, 0], b[0])),
        (op(x.t(), x.t()), reference(a.T, a.T)),
    ]:
        assert found.dtype is gp.bool
        np.testing.assert_array_equal(found.cpu().numpy(), wanted)


@pytest.mark.parametrize(("op", "reference"), TABLE)
def test_nan_and_infinity(op, reference, device):
    a, b = np.array([nan, nan, inf, -inf, -0.0]), np.array([nan, 1, inf, inf, 0.0])
    found = op(gp.tensor(a, device=device), gp.tensor(b, device=device))
    np.testing.assert_array_equal(found.cpu().numpy(), reference(a, b))


def test_numbers_are_taken_as_the_tensor_holds_them(device):
    for name in ("float16", "bfloat16", "float32"):
        x = gp.tensor([0.1], dtype=getattr(gp, name), device=device)
        assert gp.eq(x, 0.1).item() is True
        assert gp.lt(x, 0.1).item() is False
    x = gp.tensor([44], dtype=gp.uint8, device=device)
    assert gp.eq(x, 300).item() is True  # 300 - 256, as in PyTorch
    assert gp.gt(x, -1).item() is False
    assert gp.eq(x, 44.5).item() is False
    assert gp.eq(gp.tensor([2**53 + 1], device=device), float(2**53)).item() is True  # compared as float32


def test_results_carry_no_gradient():
    x = gp.tensor([1.0], requires_grad=True)
    assert not (x > 0).requires_grad
    assert not gp.isnan(x).requires_grad


def test_operands_that_are_refused():
    x = gp.tensor([1.0, 2.0])
    for op, _ in TABLE:
        with pytest.raises(ArgumentTypeError, match=f"{op.__name__}: expected a Tensor or a number, got str"):
            op(x, "a")
        with pytest.raises(ArgumentTypeError, match=f"{op.__name__}: expected a Tensor, got int"):
            op(1, x)
    with pytest.raises(ShapeError, match=r"eq: The size of tensor a \(2\)"):
        gp.eq(x, gp.tensor([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_kinds_of_values(name, device):
    x = gp.tensor([nan, inf, -inf, 0.0, 1.5], dtype=getattr(gp, name), device=device)
    assert gp.isnan(x).tolist() == [True, False, False, False, False]
    assert gp.isinf(x).tolist() == [False, True, True, False, False]
    assert gp.isfinite(x).tolist() == [False, False, False, True, True]


@pytest.mark.parametrize("name", ["bool", "uint8", "int16", "int64"])
def test_integers_are_finite(name, device):
    x = gp.tensor([0, 1], device=device).to(getattr(gp, name))
    for op, wanted in [(gp.isnan, False), (gp.isinf, False), (gp.isfinite, True)]:
        assert op(x).dtype is gp.bool
        assert op(x).tolist() == [wanted] * 2
        with pytest.raises(ArgumentTypeError, match=f"{op.__name__}: expected a Tensor"):
            op(1.0)


def test_isclose(device):
    a = np.array([1.0, 1.0, 1.0, nan, inf, inf, 1.0, 0.0])
    b = np.array([1.0, 1.00001, 1.1, nan, inf, -inf, inf, 1e-9])
    x, y = gp.tensor(a, device=device), gp.tensor(b, device=device)
    for kwargs in ({}, {"rtol": 0.2}, {"atol": 0.2}, {"equal_nan": True}, {"rtol": 0, "atol": 0}):
        np.testing.assert_array_equal(gp.isclose(x, y, **kwargs).cpu().numpy(), np.isclose(a, b, **kwargs))
    assert gp.isclose(x[:, None], y).shape == (8, 8)


def test_isclose_of_integers(device):
    a, b = gp.tensor([1, 2, 10], device=device), gp.tensor([1, 3, 10], device=device)
    assert gp.isclose(a, b).tolist() == [True, False, True]
    assert gp.isclose(a, b, rtol=0.5).tolist() == [True, True, True]
    assert gp.isclose(a > 1, b > 1, equal_nan=True).tolist() == [True, True, True]


def test_allclose(device):
    x = gp.tensor([1.0, 2.0], device=device)
    assert gp.allclose(x, x + 1e-7) is True
    assert gp.allclose(x, x + 1e-3) is False
    assert gp.allclose(x, x * nan) is False
    assert gp.allclose(x * nan, x * nan, equal_nan=True) is True
    assert gp.allclose(x[:0], x[:0]) is True


def test_isclose_refuses():
    x = gp.tensor([1.0])
    with pytest.raises(DtypeError, match=r"isclose: gpunn\.float32 did not match gpunn\.int64"):
        gp.isclose(x, gp.tensor([1]))
    with pytest.raises(ArgumentError, match="rtol must be greater than or equal to zero, but got -1"):
        gp.isclose(x, x, rtol=-1)
    with pytest.raises(ArgumentError, match="atol must be greater than or equal to zero, but got nan"):
        gp.allclose(x, x, atol=nan)
    with pytest.raises(ArgumentTypeError, match="isclose: expected a Tensor, got float"):
        gp.isclose(x, 1.0)


def test_equal(device):
    x = gp.tensor([1.0, 2.0], device=device)
    assert gp.equal(x, gp.tensor([1, 2], device=device)) is True
    assert gp.equal(x, x + 1) is False
    assert gp.equal(x, x[:1]) is False
    assert gp.equal(x[:0], x[:0]) is True
    assert gp.equal(x * nan, x * nan) is False
    with pytest.raises(ArgumentTypeError, match="equal: expected a Tensor, got float"):
        gp.equal(x, 1.0)


def test_aliases():
    assert (gp.greater, gp.greater_equal, gp.less) == (gp.gt, gp.ge, gp.lt)
    assert (gp.less_equal, gp.not_equal) == (gp.le, gp.ne)


def test_signed_infinities(device):
    x = gp.tensor([1.0, float("inf"), -float("inf"), float("nan")], device=device)
    assert gp.isposinf(x).tolist() == [False, True, False, False]
    assert x.isneginf().tolist() == [False, False, True, False]
    assert gp.isposinf(gp.tensor([1, 2], device=device)).tolist() == [False, False]

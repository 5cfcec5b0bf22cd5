import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, DtypeError
from tests.harness import check_dtypes, check_op

VALUES = np.array([[-2.5, -1.7, -0.4, 0.3], [0.5, 1.5, 2.2, 7.9]])
TABLE = [(gp.floor, np.floor), (gp.ceil, np.ceil), (gp.trunc, np.trunc), (gp.fix, np.trunc), (gp.round, np.rint)]


@pytest.mark.parametrize(("op", "reference"), [*TABLE, (gp.frac, lambda x: x - np.trunc(x))])
def test_rounding(op, reference, device):
    for x in (VALUES, VALUES[0, 1], VALUES[:0]):
        check_op(op, reference, [x], device, derivatives=0)
    check_dtypes(op, reference, [VALUES], device)
    check_op(op, reference, [VALUES + 0.05], device)


@pytest.mark.parametrize("decimals", [-2, -1, 1, 3])
def test_decimals(decimals, device):
    x = np.array([1234.5678, -0.0555, 49.99, -1.25])
    check_op(lambda v: gp.round(v, decimals=decimals), lambda v: np.round(v, decimals), [x], device, derivatives=0)


def test_halves_go_to_even_and_zeros_keep_their_sign(device):
    x = gp.tensor([0.5, 1.5, 2.5, -0.5, math.inf], device=device)
    assert gp.round(x).tolist() == [0, 2, 2, 0, math.inf]
    assert gp.signbit(gp.round(x)).tolist() == [False, False, False, True, False]
    assert gp.signbit(gp.ceil(gp.tensor([-0.5], device=device))).tolist() == [True]


def test_more_decimals_than_there_are():
    assert math.isnan(gp.round(gp.tensor([2.345]), decimals=400).item())  # inf / inf, as in PyTorch


def test_gradients_are_zero(device):
    x = gp.tensor(VALUES, device=device, requires_grad=True)
    for op in (gp.floor, gp.ceil, gp.trunc, gp.round):
        (grad,) = gp.autograd.grad(op(x), [x], gp.tensor(np.full(VALUES.shape, math.inf), device=device))
        assert grad.tolist() == np.zeros(VALUES.shape).tolist()
    (grad,) = gp.autograd.grad(gp.frac(x).sum(), [x])
    assert grad.tolist() == np.ones(VALUES.shape).tolist()


@pytest.mark.parametrize("op", [gp.floor, gp.ceil, gp.trunc, gp.round])
def test_integers_are_copied(op, device):
    x = gp.tensor([3, -4], dtype=gp.int16, device=device)
    y = op(x)
    assert y.dtype is gp.int16
    y.add_(1)
    assert (x.tolist(), y.tolist()) == ([3, -4], [4, -3])


def test_dtypes_that_are_refused():
    for op in (gp.floor, gp.round):
        with pytest.raises(DtypeError, match=f"{op.__name__}: not implemented for bool"):
            op(gp.tensor([True]))
    with pytest.raises(DtypeError, match=r"frac: not implemented for gpunn\.int64"):
        gp.frac(gp.tensor([3]))
    with pytest.raises(DtypeError, match=r"round with decimals: not implemented for gpunn\.int64"):
        gp.round(gp.tensor([3]), decimals=1)
    with pytest.raises(ArgumentTypeError, match="floor: expected a Tensor, got float"):
        gp.floor(2.5)

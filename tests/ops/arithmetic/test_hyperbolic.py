import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError
from tests.harness import check_dtypes, check_op

ANY = np.linspace(-3.1, 3.1, 12).reshape(3, 4)

TABLE = [
    (gp.sinh, np.sinh, ANY),
    (gp.cosh, np.cosh, ANY),
    (gp.tanh, np.tanh, ANY),
    (gp.asinh, np.arcsinh, ANY),
    (gp.acosh, np.arccosh, np.abs(ANY) + 1.1),
    (gp.atanh, np.arctanh, ANY / 3.3),
]


@pytest.mark.parametrize(("op", "reference", "values"), TABLE, ids=lambda v: getattr(v, "__name__", ""))
def test_unary(op, reference, values, device):
    for x in (values, values[0, 0], values[:0]):
        check_op(op, reference, [x], device, gradient_rtol=1e-5)
    check_dtypes(op, reference, [values], device, factor=2)
    assert op(gp.tensor([1, 2], device=device)).dtype is gp.float32
    with pytest.raises(ArgumentTypeError, match=f"{op.__name__}: expected a Tensor, got int"):
        op(2)


def test_limits(device):
    x = gp.tensor([-math.inf, -100.0, 100.0, math.inf], device=device)
    assert gp.tanh(x).tolist() == [-1, -1, 1, 1]
    assert gp.atanh(gp.tensor([-1.0, 1.0], device=device)).tolist() == [-math.inf, math.inf]
    assert all(math.isnan(v) for v in gp.acosh(gp.tensor([0.5, -2.0], device=device)).tolist())


def test_aliases():
    assert (gp.arcsinh, gp.arccosh, gp.arctanh) == (gp.asinh, gp.acosh, gp.atanh)

"""The kernels of dropout.cu and kernels/random in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from tests.kernels.orders import MANY, check_kernels

F = gp.nn.functional


def dropout(dtypes=(gp.float32, gp.float16, gp.float64)):
    """Elements and channels, aligned and not, in several orders in memory, forward and backward."""
    gp.manual_seed(1)
    results = []
    for op, shape, axes, start in (
        (F.dropout, (33,), (0,), 0),
        (F.dropout, (33,), (0,), 1),
        (F.dropout, (2, 5, 7, 3), (0, 3, 1, 2), 0),
        (F.dropout2d, (2, 3, 5, 7), (0, 1, 2, 3), 0),
        (F.dropout2d, (2, 5, 7, 3), (0, 3, 1, 2), 0),
    ):
        for dtype in dtypes:
            values = np.random.default_rng(0).normal(size=(*shape[:-1], shape[-1] + start))
            x = gp.tensor(values, dtype=dtype, device="cuda")[..., start:].permute(*axes).requires_grad_()
            y = op(x, 0.4)
            y.sum().backward()
            results += [y.detach(), x.grad]
    return results


FLOATS = (gp.float16, gp.bfloat16, gp.float32, gp.float64)


def draws():
    """Every kind of draw."""
    gp.manual_seed(1)
    floats = [f(37, dtype=d, device="cuda") for f in (gp.rand, gp.randn) for d in (gp.float16, gp.float32, gp.float64)]
    whole = [gp.randint(-3, 9, (37,), dtype=d, device="cuda") for d in (gp.int8, gp.int64, gp.bfloat16)]
    return [
        *floats,
        *whole,
        *[gp.bernoulli(gp.linspace(0, 1, n, device="cuda").to(d)) for n in (37, 36) for d in FLOATS],
        gp.randperm(37, device="cuda"),
        gp.randperm(36, device="cuda"),
        gp.empty(37, device="cuda").bernoulli_(0.3),
    ]


@pytest.mark.parametrize("run", [dropout, draws])
def test_check_mode_and_orders(run):
    check_kernels(run)


@pytest.mark.sweep
@pytest.mark.parametrize("run", [dropout, draws])
def test_many_orders(run):
    check_kernels(run, MANY)

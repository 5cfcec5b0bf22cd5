"""The kernels of pooling in check mode, and in any order of threads. Shapes are ragged and tiny."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.harness import distinct
from tests.kernels.orders import MANY, check_kernels


def both(op, shape, channels_last=False, dtype=gp.float32, offset=0):
    """A run that gives the result of `op` and the gradient of its squares, as arrays."""

    def run():
        x = np.abs(distinct((1, int(np.prod(shape)) + offset), np.random.default_rng(0))).astype(dtype.numpy)
        t = gp.tensor(x, device="cuda")[0, offset:]
        n, c, *size = shape
        t = t.reshape(n, *size, c).permute(0, 3, 1, 2) if channels_last else t.reshape(shape)
        t = t.detach().requires_grad_()
        y = op(t)
        y.backward(y.detach())
        return y.array, t.grad.array

    return run


def second(op, shape):
    """A run that gives the gradient of the gradient."""

    def run():
        t = gp.tensor(distinct(shape, np.random.default_rng(0)), device="cuda", requires_grad=True)
        y = op(t)
        weight = gp.ones_like(y).requires_grad_()
        (first,) = gp.autograd.grad([y], [t], [weight], create_graph=True)
        (found,) = gp.autograd.grad([first], [weight], [first.detach()])
        return found.array

    return run


def with_indices():
    t = gp.tensor(distinct((2, 3, 5, 7), np.random.default_rng(0)), device="cuda")
    y, where = F.max_pool2d(t, 3, 2, 1, return_indices=True)
    with gp.no_grad():
        return where.array, F.max_pool2d(t, 3, 2, 1).array, F.max_unpool2d(y, where, 3, 2, 1).array


def overlapping_unpool():
    x = gp.tensor(np.arange(1.0, 13.0, dtype=np.float32).reshape(1, 2, 6), device="cuda")
    where = gp.tensor(np.array([[[3, 3, 0, 3, 1, 0], [5, 4, 4, 5, 5, 11]]]), device="cuda")
    return F.max_unpool1d(x, where, 2).array


def places():
    """Equal elements, windows that see one of them, dilated ones; unpooled, forward and backward."""
    t = gp.tensor((np.arange(1440.0, dtype=np.float32) // 3 % 7).reshape(2, 2, 5, 9, 8), device="cuda")
    y, where = F.max_pool3d(t, 2, 1, 1, return_indices=True)
    y = y.detach().requires_grad_()
    back = F.max_unpool3d(y, where, 2, 1, 1)
    back.backward(back.detach())
    dilated = F.max_pool3d(t, 2, 2, 1, (2, 1, 3), return_indices=True)
    return back.array, y.grad.array, where.array, *[found.array for found in dilated]


def medians_without_number():
    """Windows with one NaN or several, at their begin and later."""
    x = np.arange(24.0, dtype=np.float32).reshape(1, 1, 4, 6)
    x[0, 0, [0, 0, 1, 3, 3], [0, 1, 3, 4, 5]] = np.nan
    t = gp.tensor(x, device="cuda", requires_grad=True)
    y = F.median_pool2d(t, 2)
    y.backward(gp.ones_like(y))
    return y.array, t.grad.array


RUNS = {
    "max": both(lambda x: F.max_pool2d(x, 3, 2, 1), (2, 1, 5, 7)),
    "max, pairs": both(lambda x: F.max_pool2d(x, 2), (2, 1, 5, 12)),
    "max, channels": both(lambda x: F.max_pool2d(x, (2, 3), 1), (1, 4, 3, 5), channels_last=True),
    "max, misaligned": both(lambda x: F.max_pool2d(x, 2), (1, 4, 4, 8), offset=1),
    "max, channels, misaligned": both(lambda x: F.max_pool2d(x, 2), (1, 4, 3, 5), channels_last=True, offset=1),
    "average, channels, misaligned": both(lambda x: F.avg_pool2d(x, 2), (1, 4, 3, 5), channels_last=True, offset=1),
    "max of 300": both(lambda x: F.max_pool2d(x, (20, 15), 2), (1, 1, 22, 17)),
    "max, halves": both(lambda x: F.max_pool2d(x, 2), (1, 8, 4, 5), channels_last=True, dtype=gp.float16),
    "indices": with_indices,
    "gather": second(lambda x: F.max_pool2d(x, 3, 2, 1), (2, 1, 5, 4)),
    "average": both(lambda x: F.avg_pool3d(x, 2, 2, 1, True, False), (1, 2, 3, 5, 4)),
    "average, pairs": both(lambda x: F.avg_pool2d(x, 2), (2, 1, 4, 12)),
    "average, channels": both(lambda x: F.avg_pool2d(x, 3, 2, 1), (1, 4, 5, 4), channels_last=True),
    "average, warps": both(lambda x: F.avg_pool1d(x, 70, 3), (1, 3, 80)),
    "average, warps, volume": both(lambda x: F.avg_pool3d(x, (5, 4, 4), 2), (1, 1, 8, 5, 6)),
    "average, ragged": both(lambda x: F.avg_pool3d(x, 3, 2), (1, 1, 6, 6, 6)),
    "average, many windows": both(lambda x: F.avg_pool2d(x, 9, 1), (1, 1, 18, 18)),
    "adaptive, max": both(lambda x: F.adaptive_max_pool2d(x, (3, 4)), (1, 2, 7, 5)),
    "adaptive": both(lambda x: F.adaptive_avg_pool2d(x, (3, 4)), (1, 2, 7, 3)),
    "power": both(lambda x: F.lp_pool2d(x, 3, 3, 2, True), (1, 2, 6, 5)),
    "median": both(lambda x: F.median_pool2d(x, 3, 2, 1), (1, 2, 5, 4)),
    "median, NaN": medians_without_number,
    "unpool": overlapping_unpool,
    "max, places, unpool": places,
    "gather, many": second(lambda x: F.max_pool2d(x, 3, 1, 1), (2, 3, 13, 11)),
    "average, many": both(lambda x: F.avg_pool2d(x, 3, 1, 1), (2, 3, 13, 11)),
}


@pytest.mark.parametrize("name", RUNS)
def test_no_faults_and_no_order(name):
    check_kernels(RUNS[name])


@pytest.mark.sweep
@pytest.mark.parametrize("name", RUNS)
def test_a_thousand_orders(name):
    check_kernels(RUNS[name], MANY)

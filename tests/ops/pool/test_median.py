import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.harness import check_dtypes, check_op, distinct
from tests.ops.pool.reference import each, median, pooled, windows

ROWS = [
    ((2, 3, 6, 9), {"kernel_size": 3}),
    ((2, 3, 7, 9), {"kernel_size": 2, "ceil_mode": True}),
    ((2, 4, 5, 5), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ((3, 6, 7), {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)}),
    ((1, 1, 18, 17), {"kernel_size": 17, "stride": 1}),
]


def reference(options):
    settings = options | {"kernel_size": each(options["kernel_size"], 2)}
    return lambda x: pooled(x, windows(x.shape, **settings), median)


@pytest.mark.parametrize(("shape", "options"), ROWS, ids=str)
def test_median_pool2d(shape, options, device):
    check_op(lambda x: F.median_pool2d(x, **options), reference(options), [shape], device)


def test_channels_last(device):
    x = gp.tensor(distinct((2, 4, 5, 6), np.random.default_rng(0)), device=device)
    y = F.median_pool2d(x.contiguous(memory_format=gp.channels_last), 3, 1, 1)
    assert y.is_contiguous(memory_format=gp.channels_last)
    assert np.array_equal(y.cpu().numpy(), F.median_pool2d(x, 3, 1, 1).cpu().numpy())


def test_dtypes(device):
    options = {"kernel_size": 3, "stride": 2}
    check_dtypes(lambda x: F.median_pool2d(x, **options), reference(options), [(2, 2, 5, 7)], device)


def test_special_values(device):
    """NaN wins, infinities have their places in the order, and of equals one gets the gradient."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (3, 2, 7, 8)).astype(np.float64)
    x[1][rng.random(x[1].shape) < 0.1] = np.nan
    x[2][rng.random(x[2].shape) < 0.6] = np.inf
    options = {"kernel_size": 3, "stride": 2, "padding": 1}
    t = gp.tensor(x, device=device, requires_grad=True)
    y = F.median_pool2d(t, **options)
    assert np.array_equal(y.detach().cpu().numpy(), reference(options)(x), equal_nan=True)
    y.backward(gp.ones_like(y))
    assert t.grad.sum().item() == y.numel()
    assert np.array_equal(t.grad.cpu().numpy(), cpu_gradient(x, options))


def cpu_gradient(x, options):
    t = gp.tensor(x, requires_grad=True)
    y = F.median_pool2d(t, **options)
    y.backward(gp.ones_like(y))
    return t.grad.numpy()


def test_errors():
    with pytest.raises(RuntimeError, match=r"median_pool2d: not for gpunn\.int64"):
        F.median_pool2d(gp.ones(1, 1, 4, 4, dtype=gp.int64), 2)
    with pytest.raises(RuntimeError, match="at most half of kernel size"):
        F.median_pool2d(gp.ones(1, 1, 4, 4), 2, padding=2)

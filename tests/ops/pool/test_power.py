import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.harness import check_dtypes, check_op
from tests.ops.pool.reference import each, largest, norm, pooled, windows

ROWS = [  # dimensions, shape, arguments
    (1, (2, 3, 11), {"norm_type": 2, "kernel_size": 3}),
    (1, (1, 2, 80), {"norm_type": 1.5, "kernel_size": 70, "stride": 3}),
    (2, (2, 3, 6, 8), {"norm_type": 2, "kernel_size": 2}),
    (2, (2, 3, 8, 9), {"norm_type": 3, "kernel_size": 3, "stride": 2, "ceil_mode": True}),
    (2, (2, 4, 5, 5), {"norm_type": 1, "kernel_size": (2, 3), "stride": 1}),
    (2, (3, 5, 5), {"norm_type": -1, "kernel_size": 2}),
    (3, (1, 2, 4, 5, 4), {"norm_type": 2, "kernel_size": (2, 3, 2)}),
]


def reference(rank, options):
    kernel = each(options["kernel_size"], rank)
    settings = {k: v for k, v in options.items() if k in ("stride", "ceil_mode")}
    f = norm(options["norm_type"], int(np.prod(kernel)))
    return lambda x: pooled(x, windows(x.shape, kernel, **settings), f)


def positive(shape):
    return 0.2 + np.random.default_rng(0).random(shape)


LAYOUTS = [(*row, last) for row in ROWS for last in (False, True) if not last or len(row[1]) == 4]  # images only


@pytest.mark.parametrize(("rank", "shape", "options", "channels_last"), LAYOUTS, ids=str)
def test_lp_pool(rank, shape, options, channels_last, device):
    op = getattr(F, f"lp_pool{rank}d")

    def laid_out(x):
        return op(x.contiguous(memory_format=gp.channels_last) if channels_last else x, **options)

    check_op(laid_out, reference(rank, options), [positive(shape)], device)


def test_dtypes(device):
    options = {"norm_type": 2, "kernel_size": 3, "stride": 2}
    check_dtypes(lambda x: F.lp_pool2d(x, **options), reference(2, options), [positive((2, 8, 7, 7))], device)


@pytest.mark.parametrize(("sign", "p"), [(1, float("inf")), (-1, -float("inf"))])
def test_an_infinite_norm_is_the_largest(sign, p, device):
    x = positive((2, 3, 6, 6)) * np.where(np.random.default_rng(1).random((2, 3, 6, 6)) < 0.5, -1, 1)
    y = F.lp_pool2d(gp.tensor(x, device=device), p, 2)
    wanted = pooled(sign * np.abs(x), windows(x.shape, (2, 2)), largest)
    if p < 0:  # as PyTorch has it: the smallest |x|
        wanted = -pooled(-np.abs(x), windows(x.shape, (2, 2)), largest)
    assert np.array_equal(y.cpu().numpy(), wanted)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_the_gradient_of_zeros_is_zero(p, device):
    x = gp.zeros(1, 1, 4, dtype=gp.float64, device=device, requires_grad=True)
    y = F.lp_pool1d(x, p, 2)
    y.sum().backward()
    assert (y.detach().cpu().numpy() == 0).all()
    assert (x.grad.cpu().numpy() == 0).all()


def test_nan_and_infinity(device):
    x = np.ones((1, 1, 6))
    x[0, 0, 0], x[0, 0, 2] = np.nan, np.inf
    y = F.lp_pool1d(gp.tensor(x, device=device), 2, 2).cpu().numpy()
    assert np.isnan(y[0, 0, 0]) and y[0, 0, 1] == np.inf and y[0, 0, 2] == np.sqrt(2)


def test_integers_are_averaged_as_integers(device):
    y = F.lp_pool1d(gp.tensor(np.array([[[1, 2, 3, 4]]]), device=device), 2, 2)
    assert y.dtype is gp.float32
    np.testing.assert_allclose(y.cpu().numpy(), [[[2.0, np.sqrt(24)]]], rtol=1e-6)  # 5 // 2 · 2 and 25 // 2 · 2


def test_errors():
    x = gp.ones(1, 1, 4, 4)
    with pytest.raises(TypeError, match="lp_pool2d: norm_type must be a number, got str"):
        F.lp_pool2d(x, "2", 2)
    with pytest.raises(ZeroDivisionError):
        F.lp_pool2d(x, 0, 2)
    with pytest.raises(RuntimeError, match="lp_pool2d: not for bool"):
        F.lp_pool2d(x > 0, 2, 2)

import numpy as np
import pytest

import gpunn as gp
from gpunn.kernels import pieces
from tests.harness import check_op

RNG = np.random.default_rng(3)
CASES = [
    ((3, 5), (0,)),
    ((3, 5), (1,)),
    ((2, 3, 4, 5), (0, 2, 3)),
    ((2, 3, 4, 5), (1, 3)),
    ((2, 3, 4, 5), (0, 1, 2, 3)),
    ((1, 7, 1), (0, 2)),
    ((40, 70), (0,)),
    ((2, 1100), (1,)),
    ((), ()),
    ((0, 3), (0,)),
    ((0, 3), (1,)),
]
LIMITS = {gp.float64: 1e-13, gp.float32: 1e-6, gp.float16: 2e-3}


@pytest.fixture(params=[False, True])
def in_pieces(request, monkeypatch):
    """Also where lines are cut after sixteen numbers."""
    if request.param:
        monkeypatch.setattr(pieces, "PIECE", 16)
        monkeypatch.setattr(pieces, "APART", 16)


def laid_out(values, dtype, device):
    """The same numbers C-contiguous, with turned axes, and with gaps."""
    values = np.asarray(values)
    plain = gp.tensor(values, dtype=dtype, device=device)
    turned = gp.tensor(values.T.copy(), dtype=dtype, device=device).permute(tuple(range(values.ndim))[::-1])
    gaps = gp.tensor(np.repeat(values, 2, axis=-1), dtype=dtype, device=device)[..., ::2] if values.ndim else plain
    return plain, turned, gaps


@pytest.mark.parametrize(("shape", "axes"), CASES)
@pytest.mark.parametrize("dtype", LIMITS)
def test_sums_and_means(shape, axes, dtype, in_pieces, device):
    values = np.asarray(RNG.uniform(0.5, 1.5, shape)).astype(dtype.numpy).astype(np.float64)
    count = np.prod([shape[axis] for axis in axes])
    for x in laid_out(values, dtype, device):
        for keepdim in (False, True):
            wanted = values.sum(axis=axes, keepdims=keepdim)
            for found, theirs in ((x.sum(axes, keepdim), wanted), (x.mean(axes, keepdim), wanted / (count or np.nan))):
                assert found.dtype is dtype and found.shape == theirs.shape
                np.testing.assert_allclose(found.cpu().double().numpy(), theirs, rtol=LIMITS[dtype])


@pytest.mark.parametrize(("shape", "axes"), [case for case in CASES[:8] if case[0] != (1, 7, 1)])
@pytest.mark.parametrize("dtype", LIMITS)
def test_variances(shape, axes, dtype, in_pieces, device):
    """Around a mean that is far from 0, with their gradients."""
    values = RNG.uniform(7, 9, shape).astype(dtype.numpy).astype(np.float64)
    n = np.prod([shape[axis] for axis in axes])
    deviation, var = values - values.mean(axes, keepdims=True), values.var(axes, ddof=1, keepdims=True)
    for x in laid_out(values, dtype, device):
        x = x.detach().requires_grad_()
        for op, wanted, slope in (
            (gp.var, var, 2 * deviation / (n - 1)),
            (gp.std, np.sqrt(var), deviation / (n - 1) / np.sqrt(var)),
        ):
            y = op(x, axes, keepdim=True)
            (grad,) = gp.autograd.grad(y.sum(), x)
            limit = LIMITS[dtype] * 8
            np.testing.assert_allclose(y.detach().cpu().double().numpy(), wanted, rtol=limit)
            np.testing.assert_allclose(grad.cpu().double().numpy(), slope, rtol=limit, atol=limit)


def test_a_large_mean_and_large_numbers(device):
    """Σ x² - (Σ x)² / n would leave no digit, and squares of 1e30 are no float32."""
    x = gp.tensor([1e6 + 1, 1e6 + 2, 1e6 + 3], device=device)
    np.testing.assert_allclose([x.var().item(), x.std(correction=0).item()], [1, np.sqrt(2 / 3)], rtol=1e-6)
    y = gp.tensor([1e30, 3e30], device=device)
    np.testing.assert_allclose(y.std().item(), np.sqrt(2) * 1e30, rtol=1e-6)


def test_no_freedom(device):
    """Infinite or NaN, as a division by 0 is; what is not finite stays so."""
    x = gp.tensor([[1.0, 1.0], [1.0, 2.0], [np.inf, 0.0], [np.nan, 0.0]], device=device)
    np.testing.assert_array_equal(x.var(1, correction=2).tolist(), [np.nan, np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(x.sum(1).tolist(), [2, 3, np.inf, np.nan])


def test_no_deviation_no_slope(device):
    x = gp.ones(2, 3, device=device, requires_grad=True)
    for y in (x.std(1), *gp.std_mean(x, 1)[:1]):
        (grad,) = gp.autograd.grad(y.sum(), x)
        assert not grad.any()


def test_both_of_std_mean(device):
    shape = (3, 7)
    check_op(
        lambda x: gp.std_mean(x, 1, correction=0), lambda x: (x.std(1), x.mean(1)), [shape], device, gradient_rtol=1e-5
    )

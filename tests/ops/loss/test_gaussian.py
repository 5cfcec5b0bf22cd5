import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from tests.harness import check_op

F = gp.nn.functional
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(4, 3), (4, 1), (4,), ()])
@pytest.mark.parametrize("full", [False, True])
def test_gaussian_nll_loss(shape, full, device):
    var = RNG.uniform(0.5, 2, shape)

    def reference(x, t, v):
        v = v[..., None] if v.shape == (4,) else v
        return ((np.log(v) + (x - t) ** 2 / v) / 2 + full * np.log(2 * np.pi) / 2).mean()

    def op(x, t, v):
        return F.gaussian_nll_loss(x, t, v, full=full)

    if shape == ():
        x, t = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
        found = F.gaussian_nll_loss(gp.tensor(x, device=device), gp.tensor(t, device=device), float(var), full)
        np.testing.assert_allclose(found.item(), reference(x, t, var), rtol=1e-12)
    else:
        check_op(op, reference, [(4, 3), RNG.normal(size=(4, 3)), var], device)


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 3, 4), (2, 1, 4), (2, 3, 1)])
@pytest.mark.parametrize("dtype", [gp.float32, gp.bfloat16])
def test_gaussian_nll_loss_of_each(shape, dtype, device):
    """Losses and gradients of variances that repeat along any dimension, of arrays that are not contiguous, too."""
    x, t = (gp.tensor(RNG.normal(size=(3, 2, 4)), dtype=dtype, device=device).transpose(0, 1) for _ in range(2))
    var = gp.tensor(RNG.uniform(0.5, 2, shape), dtype=dtype, device=device)
    weight = gp.tensor(RNG.normal(size=(2, 3, 4)), dtype=dtype, device=device)
    inputs = [a.detach().requires_grad_() for a in (x, t, var)]
    y = F.gaussian_nll_loss(*inputs, reduction="none")
    found = [y.detach(), *gp.autograd.grad(y, inputs, weight)]
    a, b, v, w = (tensor.cpu().double().numpy() for tensor in (x, t, var, weight))
    d = a - b
    slope = w * (1 - d * d / v) / (2 * v)
    axes = tuple(axis for axis in range(3) if shape[axis] == 1)
    wanted = [(np.log(v) + d * d / v) / 2, w * d / v, -w * d / v, slope.sum(axes, keepdims=True) if axes else slope]
    limit = 1e-5 if dtype is gp.float32 else 2e-2
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine.dtype is dtype
        np.testing.assert_allclose(mine.cpu().double().numpy(), theirs, rtol=limit, atol=limit)


def test_types_of_gaussian_nll_loss(device):
    """The widest of the three is the result's."""
    x, var = gp.ones(3, dtype=gp.float16, device=device), gp.ones(3, dtype=gp.bfloat16, device=device)
    assert F.gaussian_nll_loss(x, x, var).dtype is gp.float32
    assert F.gaussian_nll_loss(x, x, 1.0).dtype is gp.float16


def test_small_and_infinite_variances(device):
    """Less than eps counts as eps, of which the gradient does not know; NaN and infinity stay."""
    x = gp.tensor([1.0, 2.0, 1.0, 1.0], device=device)
    var = gp.tensor([0.0, 4.0, np.inf, np.nan], device=device, requires_grad=True)
    y = F.gaussian_nll_loss(x, gp.zeros(4, device=device), var, eps=0.5, reduction="none")
    np.testing.assert_allclose(y.tolist(), [(np.log(0.5) + 2) / 2, (np.log(4) + 1) / 2, np.inf, np.nan], rtol=1e-6)
    for create_graph in (False, True):
        (grad,) = gp.autograd.grad(y.sum(), var, create_graph=create_graph, retain_graph=True)
        np.testing.assert_allclose(grad.tolist(), [(2 - 4) / 2, (1 / 4 - 4 / 16) / 2, 0, np.nan], atol=1e-6)


def test_errors():
    x = gp.ones(2, 3)
    with pytest.raises(ShapeError, match=r"gaussian_nll_loss: var is of incorrect size: \(2, 2\)"):
        F.gaussian_nll_loss(x, x, gp.ones(2, 2))
    with pytest.raises(ArgumentError, match="gaussian_nll_loss: var has negative"):
        F.gaussian_nll_loss(x, x, -1.0)
    with pytest.raises(ArgumentTypeError, match="gaussian_nll_loss: var must be a Tensor or a number, got str"):
        F.gaussian_nll_loss(x, x, "1")

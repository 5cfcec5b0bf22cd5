import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import GraphError
from tests.harness import check_dtypes, check_op

F = gp.nn.functional
RNG = np.random.default_rng(0)
REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": np.asarray}


def losses(x, share):
    z = x - x.max(1, keepdims=True)
    return -(share * (z - np.log(np.exp(z).sum(1, keepdims=True)))).sum(1)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(5, 4), (3, 37), (2, 1030), (2, 37, 5)])
@pytest.mark.parametrize("weighted", [False, True])
def test_constant_probabilities(reduction, shape, weighted, device):
    """Those that need no gradient have kernels: for a thread, a warp, a block, and side by side."""
    target = RNG.uniform(0, 1, shape)
    weight = np.linspace(0.5, 2, shape[1]) if weighted else np.ones(shape[1])
    share = weight.reshape(-1, *(1,) * (len(shape) - 2)) * (0.8 * target + 0.2 / shape[1])

    def op(x):
        own = [gp.tensor(a, device=device).to(x.dtype) for a in (target, weight)]
        kind = {"label_smoothing": 0.2, "reduction": reduction}
        return F.cross_entropy(x, own[0], own[1] if weighted else None, **kind)

    x = RNG.normal(0, 3, shape)
    check_op(op, lambda x: REDUCTIONS[reduction](losses(x, share)), [x], device, rtol=1e-11)
    check_dtypes(op, lambda x: REDUCTIONS[reduction](losses(x, share)), [x], device, factor=8)


def test_a_layout_is_kept(device):
    x = gp.tensor(RNG.normal(size=(2, 4, 5, 3)), device=device).permute(0, 3, 1, 2).requires_grad_()
    target = gp.tensor(RNG.uniform(size=(2, 3, 4, 5)), device=device)
    y = F.cross_entropy(x, target, reduction="none")
    np.testing.assert_allclose(y.tolist(), losses(np.array(x.tolist()), np.array(target.tolist())), rtol=1e-12)
    (dx,) = gp.autograd.grad(y.sum(), x)
    (same,) = gp.autograd.grad(F.cross_entropy(x.contiguous(), target, reduction="sum"), x)
    np.testing.assert_allclose(dx.tolist(), same.tolist(), rtol=1e-12, atol=1e-15)


def test_backward_frees_and_can_be_repeated(device):
    x = gp.tensor(RNG.normal(size=(2, 3)), device=device, requires_grad=True)
    y = F.cross_entropy(x, gp.tensor(RNG.uniform(size=(2, 3)), device=device))
    y.backward(retain_graph=True)
    first = x.grad.clone()
    y.backward()
    np.testing.assert_allclose(x.grad.tolist(), (first * 2).tolist())
    with pytest.raises(GraphError, match="second time"):
        y.backward()

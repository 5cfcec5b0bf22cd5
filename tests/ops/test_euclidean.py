import numpy as np
import pytest

import gpunn as gp

RNG = np.random.default_rng(5)
SHAPES = [((30, 70), (27, 70)), ((2, 40, 3), (2, 5, 3)), ((3, 33, 65), (3, 40, 65))]
LIMITS = {gp.float64: 1e-12, gp.float32: 2e-5, gp.bfloat16: 3e-2}


def reference(a, b, w):
    change = a[..., :, None, :] - b[..., None, :, :]
    y = np.sqrt((change * change).sum(-1))
    slope = change * (w / np.where(y == 0, np.inf, y))[..., None]
    return y, slope.sum(-2), -slope.sum(-3)


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("dtype", LIMITS)
def test_distances_and_gradients(shapes, dtype, device):
    """Of narrow and wide rows, and gradients of one of the two, or both."""
    arrays = [RNG.normal(size=shape).astype(dtype.numpy) for shape in shapes]
    a, b = (gp.tensor(x, device=device, requires_grad=True) for x in arrays)
    y = gp.cdist(a, b)
    weight = RNG.normal(size=y.shape).astype(dtype.numpy)
    w = gp.tensor(weight, device=device)
    wanted = reference(*(x.astype(np.float64) for x in (*arrays, weight)))
    both = gp.autograd.grad(y, (a, b), w, retain_graph=True)
    found = [y, *both, *[gp.autograd.grad(y, x, w, retain_graph=True)[0] for x in (a, b)]]
    for mine, theirs in zip(found, [*wanted, *wanted[1:]], strict=True):
        assert mine.dtype is dtype
        limit = LIMITS[dtype] * 5 * np.abs(theirs).max()
        np.testing.assert_allclose(mine.detach().cpu().double().numpy(), theirs, rtol=0, atol=limit)


@pytest.mark.parametrize("width", [3, 70])
def test_no_distance_no_gradient(width, device):
    a, b = (gp.ones(30, width, device=device, requires_grad=True) for _ in range(2))
    y = gp.cdist(a, b)
    y.sum().backward()
    assert not y.any() and not a.grad.any() and not b.grad.any()


def test_an_infinite_row_spoils_no_other(device):
    a, b = RNG.normal(size=(30, 4)), RNG.normal(size=(28, 4))
    a[3, 1], b[5, 2] = np.inf, -np.inf
    found = gp.cdist(gp.tensor(a, device=device), gp.tensor(b, device=device)).cpu().numpy()
    fine = np.ones((30, 28), bool)
    fine[3], fine[:, 5] = False, False
    with np.errstate(invalid="ignore"):
        wanted = reference(a, b, np.ones((30, 28)))[0]
    np.testing.assert_allclose(found[fine], wanted[fine], rtol=1e-9)
    assert np.isfinite(found).sum() == fine.sum()

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.nn.utils import l1_penalty, l2_penalty, max_norm_


def weights(device="cpu"):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in ((4, 3), (4,), (2, 3, 2, 2))]
    return arrays, [gp.tensor(a, device=device, requires_grad=True) for a in arrays]


def test_penalties(device):
    arrays, ws = weights(device)
    for penalty, value, slope in (
        (l1_penalty, sum(np.abs(a).sum() for a in arrays), np.sign),
        (l2_penalty, sum((a * a).sum() for a in arrays), lambda a: 2 * a),
    ):
        for w in ws:
            w.grad = None
        loss = penalty((w for w in ws), 0.3)
        assert loss.shape == () and loss.item() == pytest.approx(0.3 * value, rel=1e-12)
        loss.backward()
        for a, w in zip(arrays, ws, strict=True):
            np.testing.assert_allclose(w.grad.cpu().numpy(), 0.3 * slope(a), rtol=1e-12)
    assert l2_penalty(ws[0]).item() == pytest.approx((arrays[0] ** 2).sum(), rel=1e-12)
    assert l1_penalty([]).item() == 0.0


def test_l2_penalty_is_weight_decay():
    start = [gp.tensor([1.0, -2.0], dtype=gp.float64, requires_grad=True) for _ in range(2)]
    optimizers = [gp.optim.SGD(start[:1], lr=0.1), gp.optim.SGD(start[1:], lr=0.1, weight_decay=0.6)]
    for _ in range(3):
        for w, optimizer, strength in zip(start, optimizers, (0.3, 0.0), strict=True):
            optimizer.zero_grad()
            ((w - 1) ** 2).sum().add(l2_penalty(w, strength)).backward()
            optimizer.step()
    np.testing.assert_allclose(start[0].tolist(), start[1].tolist(), rtol=1e-12)


def limited(a, limit, dim):
    axes = tuple(d for d in range(a.ndim) if d != dim)
    size = np.sqrt((a * a).sum(axes, keepdims=True))
    return a * np.where(size > limit, limit / size, 1.0)


@pytest.mark.parametrize("dim", [0, 1, -1, None])
def test_max_norm(dim, device):
    arrays, ws = weights(device)
    max_norm_(ws, 1.1, dim)
    for a, w in zip(arrays, ws, strict=True):
        d = dim if dim is None else dim % a.ndim
        wanted = a if a.ndim < 2 else limited(a, 1.1, d)
        np.testing.assert_allclose(w.detach().cpu().numpy(), wanted, rtol=1e-12)


def test_max_norm_leaves_what_is_small_as_it_is(device):
    layer = nn.Linear(3, 2).to(device)
    with gp.no_grad():
        layer.weight.copy_(gp.tensor([[3.0, 4.0, 0.0], [0.1, 0.0, 0.0]]))
    max_norm_(layer.parameters(), 2.5)
    np.testing.assert_allclose(layer.weight.tolist(), [[1.5, 2.0, 0.0], [gp.tensor(0.1).item(), 0.0, 0.0]], rtol=1e-6)
    assert layer.weight[1, 0].item() == gp.tensor(0.1).item()
    max_norm_(layer.weight, 0.0)
    assert layer.weight.tolist() == [[0.0] * 3] * 2
    max_norm_(layer.weight, 0.0)
    assert layer.weight.tolist() == [[0.0] * 3] * 2


def test_errors():
    w = gp.ones(2, 2, requires_grad=True)
    with pytest.raises(ValueError, match="max_norm >= 0, got -1"):
        max_norm_(w, -1)
    with pytest.raises(IndexError, match="Dimension out of range"):
        max_norm_([w, gp.ones(2, 2)], 0.1, 2)
    assert w.tolist() == [[1.0, 1.0]] * 2
    with pytest.raises(
        TypeError, match=r"l1_penalty: expected floating-point parameters, got gpunn\.int64 as number 1"
    ):
        l1_penalty([w, gp.arange(3)])

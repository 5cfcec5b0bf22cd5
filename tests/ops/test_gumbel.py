import numpy as np
import pytest

import gpunn as gp
from gpunn import random
from gpunn.ops.gumbel import LargestAsOne

F = gp.nn.functional


def test_gumbel_softmax_draws_from_the_softmax(device):
    gp.manual_seed(0)
    logits = gp.tensor(np.log([[0.2, 0.5, 0.3]]), device=device).expand(20_000, 3)
    hard = F.gumbel_softmax(logits, hard=True)
    assert set(np.unique(np.round(hard.tolist(), 12))) == {0, 1} and bool((hard.sum(1) - 1).abs().max() < 1e-12)
    np.testing.assert_allclose(hard.mean(0).tolist(), [0.2, 0.5, 0.3], atol=0.012)
    soft = F.gumbel_softmax(logits, tau=0.5)
    np.testing.assert_allclose(soft.sum(1)[:9].tolist(), 1)
    assert F.gumbel_softmax(logits.half(), dim=0).dtype is gp.float16


def test_the_noise_of_gumbel_softmax_is_finite(monkeypatch):
    """Also where the largest number is drawn, which half a step more would round to 1."""
    for dtype in (gp.float32, gp.float64):
        largest = np.full((2, 3), 1 - np.finfo(dtype.numpy).eps / 2, dtype.numpy)
        monkeypatch.setattr(random, "uniform", lambda *given, largest=largest: largest.copy())
        assert F.gumbel_softmax(gp.zeros(2, 3, dtype=dtype)).isfinite().all()


def test_gumbel_softmax_has_the_gradient_of_the_soft_one(device):
    x = gp.tensor([[0.3, -1.0, 0.7], [0.0, 0.1, 0.2]], dtype=gp.float64, device=device, requires_grad=True)
    grads = []
    for hard in (False, True):
        gp.manual_seed(3)
        y = F.gumbel_softmax(x, 0.7, hard, dim=0)
        grads.append(gp.autograd.grad((y * gp.tensor([1.0, 2, 3], device=device)).sum(), x)[0].tolist())
    np.testing.assert_allclose(grads[0], grads[1], rtol=1e-14)
    assert F.gumbel_softmax(gp.tensor(3.0, device=device), hard=True, dim=0).item() == 1
    with pytest.warns(UserWarning, match="has no effect"):
        F.gumbel_softmax(x, eps=1e-5)


def test_both_devices_draw_the_same(device):
    """Up to rounding, in every type and where the numbers of a draw are no multiple of a block's."""
    for dtype, tolerance in ((gp.float32, 1e-5), (gp.float64, 1e-12), (gp.bfloat16, 2e-2)):
        found = []
        for where in ("cpu", device):
            gp.manual_seed(5)
            found.append(F.gumbel_softmax(gp.zeros(3, 7, dtype=dtype, device=where), 0.5).cpu().double().numpy())
        np.testing.assert_allclose(*found, rtol=tolerance, atol=tolerance)


def test_the_largest_as_one(device):
    x = gp.tensor([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]], dtype=gp.float64, device=device, requires_grad=True)
    y = LargestAsOne(0)(x)
    assert y.tolist() == [[0, 1, 1], [1, 0, 0]]
    (y * gp.tensor([1.0, 2.0, 3.0], device=device)).sum().backward()
    assert x.grad.tolist() == [[1, 2, 3]] * 2

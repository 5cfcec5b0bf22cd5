import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator
from gpunn.errors import GraphError

F = gp.nn.functional


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_gradient_with_respect_to_the_incoming_gradient(loss, device):
    """Backward is linear in it, so twice as much goes in, twice as much comes out: its derivative is the gradient."""
    x = gp.tensor([[0.3, -1.0, 2.0], [0.0, 1.0, 0.5]], dtype=gp.float64, device=device, requires_grad=True)
    t = gp.tensor([2, 0], device=device)
    for reduction in ("mean", "none"):
        y = loss(x, t, reduction=reduction)
        grad = gp.ones_like(y).requires_grad_()
        (dx,) = gp.autograd.grad(y, x, grad, create_graph=True)
        (back,) = gp.autograd.grad((dx * dx.detach()).sum(), grad)
        np.testing.assert_allclose(back.sum().item(), (dx * dx).sum().item(), rtol=1e-13)


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_labels_and_weights_count_as_they_were_in_forward(loss, device):
    def gradient(change):
        x = gp.tensor([[0.3, -1.0, 2.0], [0.0, 1.0, 0.5]], device=device, requires_grad=True)
        t, w = gp.tensor([2, 0], device=device), gp.tensor([1.0, 2.0, 3.0], device=device)
        y = loss(x, t, w)
        if change:
            t.fill_(1)
            w.fill_(9.0)
        y.backward()
        return x.grad.tolist()

    assert gradient(change=True) == gradient(change=False)


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_labels_are_freed_by_backward(loss):
    x = gp.zeros(2, 3, requires_grad=True)
    y = loss(x, gp.tensor([2, 0]))
    y.backward()
    with pytest.raises(GraphError, match="second time"):
        y.backward()


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_host_does_not_wait(loss, reduction, device):
    if not emulator.enabled():
        pytest.skip("only the emulator counts")
    x = gp.zeros(2, 3, device=device, requires_grad=True)
    t, weight = gp.tensor([2, 0], device=device), gp.ones(3, device=device)
    before = emulator.synchronisations.count
    y = loss(x, t, weight, reduction=reduction)
    y.backward(gp.ones_like(y))
    assert emulator.synchronisations.count == before


def test_the_gradient_of_other_classes_is_zero_without_a_sign(device):
    x = gp.zeros(2, 3, device=device, requires_grad=True)
    F.nll_loss(x, gp.tensor([0, 2], device=device)).backward()
    assert np.signbit(x.grad.numpy(force=True)).tolist() == [[True, False, False], [False, False, True]]

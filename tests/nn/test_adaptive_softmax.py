import numpy as np
import pytest

import gpunn as gp
from gpunn import nn


def layer(device, **options):
    gp.manual_seed(0)
    return nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0, dtype=gp.float64, device=device, **options)


@pytest.mark.parametrize("head_bias", [True, False])
def test_targets_are_picked_out_of_all_probabilities(head_bias, device):
    softmax, x = layer(device, head_bias=head_bias), gp.randn(9, 8, dtype=gp.float64, device=device)
    target = gp.tensor([0, 2, 3, 6, 7, 11, 5, 1, 8], device=device)
    whole = softmax.log_prob(x)
    np.testing.assert_allclose(whole.exp().sum(1).detach().cpu().numpy(), 1, rtol=1e-12)
    found = softmax(x, target)
    wanted = whole.gather(1, target.unsqueeze(1)).squeeze(1)
    np.testing.assert_allclose(found.output.detach().cpu().numpy(), wanted.detach().cpu().numpy(), rtol=1e-12)
    assert found.loss.item() == pytest.approx(-wanted.mean().item())
    parameters = list(softmax.parameters())
    ours, theirs = gp.autograd.grad(found.loss, parameters), gp.autograd.grad(-wanted.mean(), parameters)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.cpu().numpy(), b.cpu().numpy(), rtol=1e-10, atol=1e-14)
    assert softmax.predict(x).tolist() == whole.argmax(1).tolist()
    one = softmax(x[3], target[3])
    assert one.output.shape == () and one.output.item() == pytest.approx(wanted[3].item())


def test_parameters():
    softmax = layer("cpu", head_bias=True)
    shapes = {name: tuple(p.shape) for name, p in softmax.named_parameters()}
    assert shapes == {
        "head.weight": (5, 8),
        "head.bias": (5,),
        "tail.0.0.weight": (4, 8),
        "tail.0.1.weight": (4, 4),
        "tail.1.0.weight": (2, 8),
        "tail.1.1.weight": (5, 2),
    }
    before = [p.tolist() for p in softmax.parameters()]
    softmax.reset_parameters()
    assert all(p.tolist() != old for p, old in zip(softmax.parameters(), before, strict=True))
    nn.init.zeros_(softmax.head.weight)
    nn.init.constant_(softmax.head.bias, 0)
    softmax.head.bias.data[1] = 5
    assert softmax.predict(gp.ones(2, 8, dtype=gp.float64)).tolist() == [1, 1]


def test_errors():
    for cutoffs, text in (
        ([], "larger than 0"),
        ([3, 3], "unique"),
        ([0], "unique"),
        ([12], "n_classes-1"),
        ([2.5], "positive integers"),
    ):
        with pytest.raises(ValueError, match=text):
            nn.AdaptiveLogSoftmaxWithLoss(8, 12, cutoffs)
    softmax, x = layer("cpu"), gp.ones(2, 8, dtype=gp.float64)
    for target, given, text in (
        (gp.tensor([0, 12]), x, r"\[0, 11\], but values in range \[0, 12\]"),
        (gp.tensor([-1, 1]), x, "were found"),
        (gp.tensor([1]), x, "same size in the batch"),
        (gp.tensor(1), x, "0D target tensor expects 1D"),
        (gp.tensor([1] * 8), x[0], "1D target tensor expects 2D"),
        (gp.tensor([[1, 2]]), x, "multi-target"),
    ):
        with pytest.raises(RuntimeError, match=text):
            softmax(given, target)

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import GraphError
from gpunn.ops.loss.rows import label_counts

F = gp.nn.functional


def test_counts_of_labels():
    labels = np.array([[1, 1, 3, -1], [-1, 0, 0, 0], [0, 1, 2, 3]])
    assert label_counts(labels, 4).tolist() == [[0, 2, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]]


@pytest.mark.parametrize("p", [1, 2])
def test_no_gradient_where_the_margin_is_just_kept(p, device):
    """As in PyTorch 2.13, on the first and in the second derivative."""
    x = gp.tensor([[1.0, 0.0, 0.5]], dtype=gp.float64, device=device, requires_grad=True)
    loss = F.multi_margin_loss(x, gp.tensor([0], device=device), p)
    for create_graph in (False, True):
        (slope,) = gp.autograd.grad(loss, x, retain_graph=True, create_graph=create_graph)
        np.testing.assert_allclose(slope.detach().cpu().numpy(), [[-1 / 3, 0, 1 / 3]])
    y = F.multilabel_margin_loss(x, gp.tensor([[0, -1, 0]], device=device))
    (slope,) = gp.autograd.grad(y, x)
    np.testing.assert_allclose(slope.cpu().numpy(), [[-1 / 3, 0, 1 / 3]])


def test_a_gradient_where_a_rank_is_just_kept(device):
    """As in PyTorch 2.13."""
    a, b = gp.zeros(3, device=device, requires_grad=True), gp.zeros(3, device=device)
    F.margin_ranking_loss(a, b, gp.ones(3, device=device), reduction="sum").backward()
    assert a.grad.tolist() == [-1, -1, -1]


def test_labels_twice(device):
    x = gp.tensor([[0.5, 0.25, 0.0]], device=device)
    found = F.multilabel_margin_loss(x, gp.tensor([[0, 0, -1]], device=device))
    np.testing.assert_allclose(found.item(), 2 * (0.75 + 0.5) / 3)


def test_weights_have_no_gradient():
    with pytest.raises(GraphError, match="not differentiable with respect to weight"):
        F.multi_margin_loss(gp.ones(2, 3), gp.tensor([0, 1]), weight=gp.ones(3, requires_grad=True))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_no_rows(reduction, device):
    x = gp.ones(0, 3, device=device, requires_grad=True)
    loss = F.multi_margin_loss(x, gp.zeros(0, dtype=gp.int64, device=device), reduction=reduction)
    assert loss.shape == ((0,) if reduction == "none" else ())
    loss.sum().backward()
    assert x.grad.shape == (0, 3)

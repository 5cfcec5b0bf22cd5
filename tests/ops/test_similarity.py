import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_dtypes, check_op

F = gp.nn.functional


@pytest.mark.parametrize(("shapes", "dim"), [([(3, 4)] * 2, 1), ([(3, 4), (2, 1, 4)], -1), ([(5,), (5,)], 0)])
def test_cosine_similarity(shapes, dim, device):
    def reference(a, b):
        a, b = np.broadcast_arrays(a, b)
        return (a * b).sum(dim) / np.sqrt((a * a).sum(dim) * (b * b).sum(dim))

    check_op(lambda a, b: F.cosine_similarity(a, b, dim), reference, shapes, device)
    check_dtypes(lambda a, b: gp.cosine_similarity(a, b, dim), reference, shapes, device, factor=4)


def test_cosine_similarity_of_extremes(device):
    big, small = gp.full((1, 3), 1e30, device=device), gp.full((1, 3), 1e-30, device=device)
    assert F.cosine_similarity(big, big).item() == pytest.approx(1)
    assert F.cosine_similarity(small, small).item() == pytest.approx(3e-44, abs=1e-44)
    assert F.cosine_similarity(gp.ones(2, device=device), gp.ones(2, device=device), 0, eps=10).item() == pytest.approx(
        0.02
    )
    a = gp.zeros(1, 3, device=device, requires_grad=True)
    F.cosine_similarity(a, gp.ones(1, 3, device=device)).sum().backward()
    assert a.grad.isfinite().all().item()


def test_cosine_similarity_promotes_and_refuses():
    assert F.cosine_similarity(gp.ones(2, 3).half(), gp.ones(2, 3)).dtype is gp.float32
    with pytest.raises(RuntimeError, match="expected common dtype to be floating point"):
        F.cosine_similarity(gp.ones(2, 3).long(), gp.ones(2, 3).long())
    with pytest.raises(RuntimeError, match="must match the size"):
        F.cosine_similarity(gp.ones(2, 3), gp.ones(2, 4))


def test_a_vector_with_itself(device):
    x = gp.tensor([[1.0, 2.0, 3.0]], dtype=gp.float64, device=device, requires_grad=True)
    y = F.cosine_similarity(x, x)
    (slope,) = gp.autograd.grad(y, x, create_graph=True)
    np.testing.assert_allclose(slope.detach().cpu().numpy(), np.zeros((1, 3)), atol=1e-12)
    (again,) = gp.autograd.grad(slope.sum(), x)
    np.testing.assert_allclose(again.cpu().numpy(), np.zeros((1, 3)), atol=1e-12)


def test_no_elements(device):
    x = gp.zeros(0, 3, device=device, requires_grad=True)
    y = F.cosine_similarity(x, x)
    y.sum().backward()
    assert y.shape == (0,) and x.grad.shape == (0, 3)
    assert F.cosine_similarity(gp.zeros(2, 0, device=device), gp.zeros(2, 0, device=device)).tolist() == [0, 0]

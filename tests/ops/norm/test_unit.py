import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.harness import check_dtypes, check_op
from tests.ops.norm.formulas import check_gradients


def reference(dim, p=2, eps=1e-12):
    return lambda x: x / np.maximum((np.abs(x) ** p).sum(dim, keepdims=True) ** (1 / p), eps)


@pytest.mark.parametrize("eps", [1e-12, 0.9])
@pytest.mark.parametrize(
    ("shape", "dim"), [((4, 3), 1), ((4, 3), 0), ((2, 5, 3), 1), ((2, 3, 4, 5), 1), ((7,), -1), ((3, 1100), 1)], ids=str
)
def test_unit_length(shape, dim, eps, device):
    check_op(lambda x: F.normalize(x, dim=dim, eps=eps), reference(dim, eps=eps), [shape], device)


@pytest.mark.parametrize(("p", "dim"), [(1, 1), (3, -1), (2, (1, 2))])
def test_other_norms(p, dim, device):
    check_op(lambda x: F.normalize(x, p, dim), reference(dim, p), [(2, 3, 4)], device)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_channels_last(dim, device):
    def op(x):
        y = F.normalize(x.contiguous(memory_format=gp.channels_last), dim=dim)
        assert y.is_contiguous(memory_format=gp.channels_last)
        return y

    check_op(op, reference(dim), [(2, 3, 4, 5)], device)


@pytest.mark.parametrize("dim", [0, 1])
def test_dtypes(dim, device):
    check_dtypes(lambda x: F.normalize(x, dim=dim), reference(dim), [(9, 16)], device, factor=2)
    check_gradients(lambda x: F.normalize(x, dim=dim), [(9, 16)], device)


def test_vectors_of_length_zero_and_beyond_the_range(device):
    x = np.array([[0, 0], [3e30, 4e30], [np.inf, 1], [np.nan, 1]], np.float32)
    given = gp.tensor(x, device=device, requires_grad=True)
    y = F.normalize(given, eps=0.5)
    np.testing.assert_allclose(y.detach().cpu().numpy()[:2], [[0, 0], [0.6, 0.8]], rtol=1e-6)
    assert np.isnan(y.detach().cpu().numpy()[3]).all()
    (grad,) = gp.autograd.grad([y], [given], [gp.ones_like(y)])
    assert grad[0].tolist() == [2, 2]  # g / eps


def test_a_number(device):
    y = F.normalize(gp.tensor(-3.0, device=device), dim=0)
    assert y.shape == () and y.item() == -1


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_nothing_to_normalise(shape, device):
    x = gp.ones(shape, device=device).requires_grad_()
    F.normalize(x).sum().backward()
    assert x.grad.shape == shape


def test_errors():
    with pytest.raises(IndexError, match=r"normalize: Dimension out of range .*\[-2, 1\], but got 5"):
        F.normalize(gp.ones(2, 3), dim=5)
    with pytest.raises(RuntimeError, match="normalize: not for gpunn"):
        F.normalize(gp.ones(2, 3).long())
    with pytest.raises(TypeError, match="input must be a Tensor"):
        F.normalize([1.0])

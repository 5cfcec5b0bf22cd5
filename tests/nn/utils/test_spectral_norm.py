import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.nn.utils import remove_spectral_norm, spectral_norm

LAYERS = {
    "linear": (lambda: nn.Linear(3, 4), (4, 3), 0),
    "conv": (lambda: nn.Conv2d(3, 4, 2), (4, 12), 0),
    "transposed": (lambda: nn.ConvTranspose2d(3, 4, 2), (4, 12), 1),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_the_largest_singular_value_becomes_one(kind, device):
    gp.manual_seed(3)
    make, (h, w), dim = LAYERS[kind]
    layer = make().to(device)
    before = np.moveaxis(layer.weight.detach().cpu().numpy(), dim, 0).reshape(h, w)
    spectral_norm(layer, n_power_iterations=60)
    assert list(layer.state_dict()) == ["bias", "weight_orig", "weight_u", "weight_v"]
    assert layer.weight_u.shape == (h,) and layer.weight_v.shape == (w,)
    layer(gp.zeros(2, 3, *(() if kind == "linear" else (5, 5)), device=device))
    found = np.moveaxis(layer.weight.detach().cpu().numpy(), dim, 0).reshape(h, w)
    np.testing.assert_allclose(found, before / np.linalg.norm(before, 2), rtol=2e-3, atol=1e-4)
    remove_spectral_norm(layer)
    assert list(layer.state_dict()) == ["bias", "weight"] and layer.weight.is_leaf
    np.testing.assert_allclose(np.moveaxis(layer.weight.detach().cpu().numpy(), dim, 0).reshape(h, w), found, rtol=1e-5)


def test_one_step_of_the_power_method(device):
    layer = spectral_norm(nn.Linear(3, 4, dtype=gp.float64, device=device))
    weight, u = (t.detach().cpu().numpy().copy() for t in (layer.weight_orig, layer.weight_u))
    layer(gp.ones(1, 3, dtype=gp.float64, device=device)).sum().backward()
    v = weight.T @ u
    v /= np.linalg.norm(v)
    u = weight @ v
    u /= np.linalg.norm(u)
    np.testing.assert_allclose(layer.weight_v.tolist(), v, rtol=1e-12)
    np.testing.assert_allclose(layer.weight_u.tolist(), u, rtol=1e-12)
    sigma = u @ weight @ v
    slope = np.ones((4, 3))  # of the loss along the normalised weight
    wanted = slope / sigma - (slope * weight).sum() / sigma**2 * np.outer(u, v)
    np.testing.assert_allclose(layer.weight_orig.grad.cpu().numpy(), wanted, rtol=1e-10)


def test_eval_leaves_the_vectors_alone():
    layer = spectral_norm(nn.Linear(3, 4)).eval()
    before = layer.weight_u.tolist()
    layer(gp.ones(1, 3))
    assert layer.weight_u.tolist() == before


def test_two_forwards_before_backward():
    layer = spectral_norm(nn.Linear(3, 4))
    (layer(gp.ones(1, 3)).sum() - layer(gp.zeros(1, 3)).sum()).backward()
    assert layer.weight_orig.grad is not None


def test_errors():
    layer = spectral_norm(nn.Linear(3, 2))
    with pytest.raises(RuntimeError, match="two spectral_norm hooks"):
        spectral_norm(layer)
    with pytest.raises(ValueError, match="spectral_norm of 'bias' not found in Linear"):
        remove_spectral_norm(layer, "bias")
    plain = nn.Linear(3, 2, bias=False)
    with pytest.raises(ValueError, match="n_power_iterations to be positive"):
        spectral_norm(plain, n_power_iterations=0)
    with pytest.raises(ValueError, match="as parameter `bias` is None"):
        spectral_norm(plain, "bias")
    with pytest.raises(KeyError, match="other"):
        spectral_norm(plain, "other")
    assert list(plain.state_dict()) == ["weight"] and not plain._hooks

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn, optim
from gpunn.nn.utils import parametrizations, parametrize
from gpunn.nn.utils import weight_norm as old_weight_norm


def test_weight_norm(device):
    layer = nn.Linear(3, 2).to(device)
    weight = layer.weight.detach().cpu().numpy().copy()
    parametrizations.weight_norm(layer)
    assert list(layer.state_dict()) == [
        "bias",
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
    ]
    length, direction = layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
    np.testing.assert_allclose(length.tolist(), np.linalg.norm(weight, axis=1, keepdims=True), rtol=1e-6)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    with gp.no_grad():
        direction.mul_(5)
    np.testing.assert_allclose(layer.weight.tolist(), weight, rtol=1e-5)
    layer(gp.ones(4, 3, device=device)).square().sum().backward()
    optimizer.step()
    norms = np.linalg.norm(layer.weight.detach().cpu().numpy(), axis=1, keepdims=True)
    np.testing.assert_allclose(norms, np.abs(length.tolist()), rtol=1e-5)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and set(layer.state_dict()) == {"weight", "bias"}


def test_weight_norm_reads_the_old_names():
    old, new = old_weight_norm(nn.Linear(3, 2)), parametrizations.weight_norm(nn.Linear(3, 2))
    new.load_state_dict(old.state_dict())
    assert new(gp.ones(1, 3)).tolist() == old(gp.ones(1, 3)).tolist()


@pytest.mark.parametrize("dim", [None, 1])
def test_spectral_norm(dim, device):
    gp.manual_seed(0)
    layer = nn.ConvTranspose1d(3, 4, 2).to(device)
    weight = layer.weight.detach().cpu().numpy().copy()
    parametrizations.spectral_norm(layer, n_power_iterations=50, dim=dim)
    first = layer.parametrizations.weight[0]
    assert list(layer.state_dict())[2:] == ["parametrizations.weight.0._u", "parametrizations.weight.0._v"]
    sigma = np.linalg.norm(np.moveaxis(weight, 1, 0).reshape(4, 6), 2)
    np.testing.assert_allclose(layer.weight.detach().cpu().numpy(), weight / sigma, rtol=1e-3, atol=1e-5)
    layer.eval()
    before = first._u.tolist()
    layer(gp.ones(1, 3, 5, device=device)).sum().backward()
    assert first._u.tolist() == before and layer.parametrizations.weight.original.grad is not None


def test_spectral_norm_of_a_vector():
    layer = parametrizations.spectral_norm(nn.Linear(3, 4), "bias")
    np.testing.assert_allclose(np.linalg.norm(layer.bias.tolist()), 1.0, rtol=1e-6)


def test_errors():
    layer = nn.Linear(3, 4)
    with pytest.raises(ValueError, match="has no parameter or buffer with name 'other'"):
        parametrizations.spectral_norm(layer, "other")
    with pytest.raises(ValueError, match="n_power_iterations to be positive"):
        parametrizations.spectral_norm(layer, n_power_iterations=0)
    with pytest.raises(IndexError, match="Dimension out of range"):
        parametrizations.spectral_norm(layer, dim=2)
    with pytest.raises(IndexError, match="Dimension out of range"):
        parametrizations.weight_norm(layer, dim=2)
    assert type(layer) is nn.Linear and list(layer.state_dict()) == ["weight", "bias"]

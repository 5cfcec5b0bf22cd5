"""The convolution with norm and ReLU, and the old way to normalise images."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.nn import functional as F
from gpunn.vision.models.basic_conv import DEVIATION, MEAN, BasicConv2d, as_then, start


def test_basic_conv(device):
    gp.manual_seed(0)
    layer = BasicConv2d(3, 5, kernel_size=3, stride=2, padding=1).to(device)
    assert [name for name, _ in layer.named_parameters()] == ["conv.weight", "bn.weight", "bn.bias"]
    x = gp.randn(2, 3, 8, 8, device=device)
    found = layer(x).detach().cpu().numpy()
    y = F.conv2d(x, layer.conv.weight, stride=2, padding=1).detach().cpu().numpy().astype(np.float64)
    mean, var = y.mean((0, 2, 3), keepdims=True), y.var((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(found, np.maximum((y - mean) / np.sqrt(var + 0.001), 0), rtol=1e-4, atol=1e-5)


def test_images_as_they_were_normalised_then(device):
    image = np.random.default_rng(0).random((2, 3, 4, 4))
    channels = [np.reshape(values, (3, 1, 1)) for values in (MEAN, DEVIATION)]
    given = gp.tensor((image - channels[0]) / channels[1], device=device)
    np.testing.assert_allclose(as_then(given).cpu().numpy(), (image - 0.5) / 0.5, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layer", [nn.Linear(100, 100), nn.Conv2d(10, 100, 3)])
def test_start(layer):
    start(layer, 0.3)
    weight = layer.weight.detach().numpy()
    assert abs(weight.std() / 0.3 - 1) < 0.05 and np.abs(weight).max() < 2
    start(layer, 5.0)
    assert 1.9 < np.abs(layer.weight.detach().numpy()).max() <= 2

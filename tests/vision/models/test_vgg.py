"""VGG: the parameters of all eight, their layers, scores."""

import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.vision import models
from gpunn.vision.models.vgg import VGG, features

COUNTS = {
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "vgg11_bn": 132_868_840,
    "vgg13_bn": 133_053_736,
    "vgg16_bn": 138_365_992,
    "vgg19_bn": 143_678_248,
}


@pytest.mark.usefixtures("not_started")
@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    model = getattr(models, name)()
    assert sum(p.numel() for p in model.parameters()) == COUNTS[name]
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(layers) == int(name[3:5])
    assert any(isinstance(m, nn.BatchNorm2d) for m in model.modules()) == name.endswith("bn")


@pytest.mark.usefixtures("not_started")
def test_names():
    plain = [name for name in models.vgg16().state_dict() if name.endswith("weight")]
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    assert plain == [f"features.{i}.weight" for i in places] + [f"classifier.{i}.weight" for i in (0, 3, 6)]
    normed = list(models.vgg11_bn().state_dict())
    convolutions = [name for name in normed if name.startswith("features") and name.endswith("weight")]
    assert convolutions == [f"features.{i + k}.weight" for i in (0, 4, 8, 11, 15, 18, 22, 25) for k in (0, 1)]
    assert normed[2:7] == [
        f"features.1.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    ]


@pytest.mark.usefixtures("cheaply_started")
def test_scores():
    gp.manual_seed(0)
    model = models.vgg11(num_classes=5).eval()
    for i, (inputs, outputs) in {0: (25088, 16), 3: (16, 16), 6: (16, 5)}.items():
        model.classifier[i] = nn.Linear(inputs, outputs)
    x = gp.randn(2, 3, 32, 32)
    with gp.no_grad():
        assert model.features(x).shape == (2, 512, 1, 1)
        scores = model(x)
        assert scores.shape == (2, 5) and bool(scores.isfinite().all()) and float(scores.std()) > 0
        np.testing.assert_array_equal(model(x).numpy(), scores.numpy())
        model.train()
        assert not np.array_equal(model(x).numpy(), scores.numpy())


def test_start(monkeypatch):
    """Kaiming normal by fan_out for convolutions, 0.01 for linear layers, biases 0; nothing without init_weights."""
    monkeypatch.setattr(nn.Linear, "reset_parameters", lambda self: None)
    drawn, normal_ = [], nn.init.normal_

    def draw(tensor, mean, std, generator=None):
        if tensor.dim() == 4:
            return normal_(tensor, mean, std, generator)
        drawn.append((tuple(tensor.shape), std))
        return tensor

    monkeypatch.setattr(nn.init, "normal_", draw)
    model = VGG(features(11, False))
    assert [shape for shape, _ in drawn] == [(4096, 25088), (4096, 4096), (1000, 4096)]
    assert {std for _, std in drawn} == {0.01}
    for layer in model.features:
        if isinstance(layer, nn.Conv2d):
            wanted = math.sqrt(2 / (layer.out_channels * 9))
            assert abs(float(layer.weight.std()) / wanted - 1) < 0.05
            assert not layer.bias.any()
    drawn.clear()
    VGG(features(11, False), init_weights=False)
    assert drawn == []


@pytest.mark.usefixtures("not_started")
def test_dropout():
    model = VGG(features(11, True), num_classes=3, dropout=0.1)
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.1, 0.1]

"""GoogLeNet: its parameters, the order of branches, both heads."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError
from gpunn.vision.models import GoogLeNet, GoogLeNetOutputs, googlenet
from gpunn.vision.models.basic_conv import BasicConv2d
from gpunn.vision.models.googlenet import Inception, InceptionAux
from tests.vision.models.branches import constants


@pytest.mark.usefixtures("not_started")
def test_parameters():
    model = googlenet()
    assert sum(p.numel() for p in model.parameters()) == 13_004_888
    assert sum(p.numel() for p in googlenet(aux_logits=False).parameters()) == 6_624_904
    shapes = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    assert list(shapes)[:2] == ["conv1.conv.weight", "conv1.bn.weight"]
    assert shapes["conv1.conv.weight"] == (64, 3, 7, 7)
    assert shapes["inception3a.branch1.conv.weight"] == (64, 192, 1, 1)
    assert shapes["inception4e.branch2.1.conv.weight"] == (320, 160, 3, 3)
    assert shapes["inception5b.branch3.1.conv.weight"] == (128, 48, 3, 3)
    assert shapes["inception5b.branch4.1.bn.running_var"] == (128,)
    assert shapes["aux1.conv.conv.weight"] == (128, 512, 1, 1)
    assert shapes["aux2.fc1.weight"] == (1024, 2048) and shapes["aux2.fc2.bias"] == (1000,)
    assert shapes["fc.weight"] == (1000, 1024)
    parts = list(dict.fromkeys(name.split(".")[0] for name in shapes))
    blocks = [f"inception{name}" for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")]
    assert parts == ["conv1", "conv2", "conv3", *blocks, "aux1", "aux2", "fc"]


def test_branches():
    assert constants(Inception(4, 2, 3, 5, 7, 6, 8), (1, 4, 5, 5)) == [(1, 2), (3, 5), (5, 6), (6, 8)]


@pytest.mark.usefixtures("cheaply_started")
def test_scores_and_heads():
    gp.manual_seed(0)
    model = GoogLeNet(num_classes=5)
    x = gp.randn(2, 3, 64, 64)
    outputs = model(x)
    assert isinstance(outputs, GoogLeNetOutputs)
    assert [tuple(scores.shape) for scores in outputs] == [(2, 5)] * 3
    (outputs.logits.sum() + outputs.aux_logits1.square().sum()).backward()
    assert model.aux1.fc2.weight.grad is not None and model.aux2.fc2.weight.grad is None
    model.eval()
    with gp.no_grad():
        scores = model(x)
        assert scores.shape == (2, 5)
        model.transform_input = True
        assert not np.allclose(model(x).numpy(), scores.numpy())
    plain = GoogLeNet(num_classes=5, aux_logits=False)
    assert plain.aux1 is None and plain(x).shape == (2, 5)


def test_start():
    gp.manual_seed(0)
    model = GoogLeNet(num_classes=10, aux_logits=False)
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            assert abs(float(layer.weight.std()) / 0.01 - 1) < 0.1


@pytest.mark.usefixtures("not_started")
def test_options():
    model = GoogLeNet(init_weights=False, blocks=[BasicConv2d, Inception, InceptionAux], dropout=0.3, dropout_aux=0.6)
    assert (model.dropout.p, model.aux1.dropout.p, model.aux2.dropout.p) == (0.3, 0.6, 0.6)
    with pytest.raises(ArgumentError, match="blocks length should be 3 instead of 1"):
        GoogLeNet(blocks=[BasicConv2d])

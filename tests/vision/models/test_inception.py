"""Inception v3: its parameters, first values, scores, the head."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError
from gpunn.vision.models import Inception3, InceptionOutputs, inception_v3


@pytest.mark.usefixtures("not_started")
def test_parameters():
    model = inception_v3()
    assert sum(p.numel() for p in model.parameters()) == 27_161_264
    assert sum(p.numel() for p in inception_v3(aux_logits=False).parameters()) == 23_834_568
    shapes = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    parts = list(dict.fromkeys(name.split(".")[0] for name in shapes))
    assert parts == [
        *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"),
        *[f"Mixed_{name}" for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e")],
        *("AuxLogits", "Mixed_7a", "Mixed_7b", "Mixed_7c", "fc"),
    ]
    assert shapes["Conv2d_4a_3x3.conv.weight"] == (192, 80, 3, 3)
    assert shapes["Mixed_5b.branch_pool.conv.weight"] == (32, 192, 1, 1)
    assert shapes["Mixed_6b.branch7x7dbl_4.conv.weight"] == (128, 128, 7, 1)
    assert shapes["Mixed_7a.branch7x7x3_2.conv.weight"] == (192, 192, 1, 7)
    assert shapes["Mixed_7c.branch3x3dbl_3b.bn.running_mean"] == (384,)
    assert shapes["AuxLogits.fc.weight"] == (1000, 768) and shapes["fc.weight"] == (1000, 2048)


@pytest.mark.usefixtures("cheaply_started")
def test_scores():
    gp.manual_seed(0)
    model = Inception3(num_classes=5).eval()
    x = gp.randn(1, 3, 75, 75)
    with gp.no_grad():
        scores = model(x)
        assert scores.shape == (1, 5) and bool(scores.isfinite().all())
        np.testing.assert_array_equal(model(x).numpy(), scores.numpy())
        model.transform_input = True
        assert not np.allclose(model(x).numpy(), scores.numpy())
    plain = Inception3(num_classes=5, aux_logits=False)
    assert plain.AuxLogits is None
    with pytest.raises(ArgumentError, match="length of inception_blocks should be 7 instead of 0"):
        Inception3(inception_blocks=[])


@pytest.mark.usefixtures("not_started")
def test_start(monkeypatch):
    drawn = []
    monkeypatch.setattr("gpunn.nn.init.trunc_normal_", lambda tensor, *how: drawn.append((tuple(tensor.shape), how)))
    model = Inception3(num_classes=9)
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(drawn) == len(layers)
    assert {how for _, how in drawn} == {(0.0, 0.1, -2.0, 2.0), (0.0, 0.001, -2.0, 2.0)}
    assert [shape for shape, how in drawn if how[1] == 0.001] == [(9, 768)]
    drawn.clear()
    Inception3(init_weights=False)
    assert drawn == []


@pytest.mark.long
@pytest.mark.usefixtures("cheaply_started")
def test_the_head_in_training():
    gp.manual_seed(0)
    model = Inception3(num_classes=5)
    outputs = model(gp.randn(2, 3, 299, 299))
    assert isinstance(outputs, InceptionOutputs)
    assert outputs.logits.shape == outputs.aux_logits.shape == (2, 5)
    (outputs.logits.square().sum() + 0.4 * outputs.aux_logits.square().sum()).backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())

"""AlexNet: its parameters, its scores, dropout in training."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.vision.models import AlexNet, alexnet


@pytest.mark.usefixtures("not_started")
def test_parameters():
    shapes = {name: tuple(t.shape) for name, t in alexnet().state_dict().items()}
    weights = {name: shape for name, shape in shapes.items() if name.endswith("weight")}
    assert weights == {
        "features.0.weight": (64, 3, 11, 11),
        "features.3.weight": (192, 64, 5, 5),
        "features.6.weight": (384, 192, 3, 3),
        "features.8.weight": (256, 384, 3, 3),
        "features.10.weight": (256, 256, 3, 3),
        "classifier.1.weight": (4096, 9216),
        "classifier.4.weight": (4096, 4096),
        "classifier.6.weight": (1000, 4096),
    }
    assert list(shapes) == [name.replace("weight", end) for name in weights for end in ("weight", "bias")]
    assert sum(p.numel() for p in alexnet().parameters()) == 61_100_840


@pytest.mark.usefixtures("cheaply_started")
def test_scores():
    gp.manual_seed(0)
    model = AlexNet(num_classes=7).eval()
    for i, (inputs, outputs) in {1: (9216, 16), 4: (16, 16), 6: (16, 7)}.items():
        model.classifier[i] = nn.Linear(inputs, outputs)
    sizes = [tuple(model.features[:6](gp.randn(1, 3, 224, 224)).shape)]
    x = gp.randn(2, 3, 63, 63)
    sizes.append(tuple(model.features(x).shape))
    assert sizes == [(1, 192, 13, 13), (2, 256, 1, 1)]
    with gp.no_grad():
        scores = model(x)
        assert scores.shape == (2, 7) and bool(scores.isfinite().all()) and float(scores.std()) > 0
        np.testing.assert_array_equal(model(x).numpy(), scores.numpy())
        model.train()
        assert not np.array_equal(model(x).numpy(), scores.numpy())


@pytest.mark.usefixtures("not_started")
def test_dropout():
    assert [m.p for m in AlexNet(dropout=0.2).modules() if isinstance(m, nn.Dropout)] == [0.2, 0.2]

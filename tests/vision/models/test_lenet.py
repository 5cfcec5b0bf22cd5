"""LeNet-5: its shapes, its parameters, both of its forms, and the error that names the layer."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ShapeError
from gpunn.nn import functional as F
from gpunn.vision.models import LeNet5


@pytest.mark.parametrize("classic", [False, True])
def test_scores_of_a_batch(device, classic):
    gp.manual_seed(0)
    model = LeNet5(classic=classic).to(device)
    scores = model(gp.randn(3, 1, 28, 28, device=device))
    assert scores.shape == (3, 10) and scores.device.type == device
    F.cross_entropy(scores, gp.tensor([1, 2, 3], device=device)).backward()
    assert all(p.grad is not None and bool((p.grad != 0).any()) for p in model.parameters())


def test_parameters_as_in_the_paper():
    shapes = {name: tuple(p.shape) for name, p in LeNet5().named_parameters()}
    assert shapes == {
        "features.0.weight": (6, 1, 5, 5),
        "features.0.bias": (6,),
        "features.3.weight": (16, 6, 5, 5),
        "features.3.bias": (16,),
        "classifier.1.weight": (120, 400),
        "classifier.1.bias": (120,),
        "classifier.3.weight": (84, 120),
        "classifier.3.bias": (84,),
        "classifier.5.weight": (10, 84),
        "classifier.5.bias": (10,),
    }
    assert sum(p.numel() for p in LeNet5(classic=True).parameters()) == 61_706


def test_the_classic_form_has_tanh_and_average_pooling():
    kinds = [type(m) for m in LeNet5(classic=True).modules()]
    assert (kinds.count(nn.Tanh), kinds.count(nn.AvgPool2d)) == (4, 2)
    assert nn.ReLU not in kinds and nn.MaxPool2d not in kinds
    kinds = [type(m) for m in LeNet5().modules()]
    assert (kinds.count(nn.ReLU), kinds.count(nn.MaxPool2d)) == (4, 2)


def test_padding_two_is_the_paper_on_padded_images():
    gp.manual_seed(1)
    padded, plain = LeNet5(), LeNet5(padding=0)
    plain.load_state_dict(padded.state_dict())
    image = np.random.default_rng(0).standard_normal((2, 1, 28, 28)).astype(np.float32)
    wide = np.pad(image, ((0, 0), (0, 0), (2, 2), (2, 2)))
    with gp.no_grad():
        found, wanted = padded(gp.tensor(image)), plain(gp.tensor(wide))
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-6)


def test_other_classes_and_channels():
    assert LeNet5(7, in_channels=3)(gp.zeros(2, 3, 28, 28)).shape == (2, 7)


def test_an_image_of_the_wrong_size_names_the_layer():
    with pytest.raises(ShapeError, match=r"^LeNet5\.classifier\.1 \(Linear\): .*576.*400") as caught:
        LeNet5()(gp.zeros(2, 1, 32, 32))
    assert caught.value.layer == "LeNet5.classifier.1 (Linear)"

"""The networks that are timed: parameters, outputs, and their arithmetic counted layer by layer."""

import math

import pytest

import gpunn
from benchmarks.case import Place
from benchmarks.networks import NETWORKS
from gpunn import nn

CPU = Place("cpu", gpunn, "cpu")
PARAMETERS = {
    "lenet5": 61_706,
    "mlp": 535_818,
    "resnet20": 272_474,  # 0.27 million in the paper, which has no convolutions where the shape changes
    "resnet18": 11_173_962,
    "vgg16": 138_357_544,
    "resnet50": 25_557_032,
    "lstm": 19_780_400,
    "gpt": 10_795_841,
}
GFLOPS = {"vgg16": 30.94, "resnet50": 8.18, "resnet18": 1.11, "resnet20": 0.0813}  # twice the published products
HUGE = {"vgg16", "resnet50"}
NAMES = [pytest.param(name, marks=pytest.mark.long) if name in HUGE else name for name in NETWORKS]


def counted(model, x):
    """Multiplications and additions of convolutions and linear layers of a forward pass, and what it gives."""
    total = 0

    def count(layer, inputs, output):
        nonlocal total
        seen = output.numel() if isinstance(layer, nn.Conv2d) else output.numel() // layer.weight.shape[0]
        total += (
            2 * seen * (math.prod(layer.weight.shape[1:]) if isinstance(layer, nn.Conv2d) else layer.weight.numel())
        )

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with gpunn.no_grad():
        return model(x), total


@pytest.mark.parametrize("name", NAMES)
def test_sizes_and_arithmetic(name):
    network = NETWORKS[name]
    model = network.build(CPU)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]
    x, labels = network.data(CPU, 1)
    y, flops = counted(model, x)
    assert y.shape == (len(labels), network.classes)
    assert gpunn.isfinite(y).all().item() and y.std().item() > 1e-4
    if name == "lstm":
        flops += 2 * 35 * 2 * 4 * 650 * (650 + 650)  # two layers of four gates, of the input and of the state
    if name == "gpt":
        flops += 6 * 2 * 2 * 256 * 256 * 384 // 2  # q kᵀ and p v of six layers, half of it masked
    assert network.flops == flops


@pytest.mark.parametrize("name", GFLOPS)
def test_published_counts(name):
    assert NETWORKS[name].flops / 1e9 == pytest.approx(GFLOPS[name], rel=0.01)


def test_data_are_random_and_the_same_each_time():
    for name in ("lenet5", "gpt"):
        network = NETWORKS[name]
        (x, labels), (again, _) = [network.data(Place("cpu", gpunn, "cpu"), 4) for _ in range(2)]
        assert x.shape == (4, *network.shape) and x.equal(again)
        assert len(labels) == (4 * network.shape[0] if network.is_text else 4)
        assert labels.min().item() >= 0 and labels.max().item() < network.classes

"""The networks that are timed: parameters, outputs, and their work counted layer by layer."""

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
BLOCKS = {  # numbers in the outputs of all blocks
    "resnet20": 3 * (16 * 32**2 + 32 * 16**2 + 64 * 8**2),
    "resnet18": 2 * (64 * 32**2 + 128 * 16**2 + 256 * 8**2 + 512 * 4**2),
    "resnet50": 3 * 256 * 56**2 + 4 * 512 * 28**2 + 6 * 1024 * 14**2 + 3 * 2048 * 7**2,
}
HUGE = {"vgg16", "resnet50"}
NAMES = [pytest.param(name, marks=pytest.mark.long) if name in HUGE else name for name in NETWORKS]


def counted(model, x):
    """What a forward pass gives, its multiplications and additions, and what its layers read and write."""
    total = touched = 0

    def count(layer, inputs, output):
        nonlocal total
        seen = output.numel() if isinstance(layer, nn.Conv2d) else output.numel() // layer.weight.shape[0]
        total += (
            2 * seen * (math.prod(layer.weight.shape[1:]) if isinstance(layer, nn.Conv2d) else layer.weight.numel())
        )

    def touch(layer, inputs, output):
        nonlocal touched
        output = output[0] if isinstance(output, tuple) else output
        read = output.numel() if isinstance(layer, nn.Embedding) else inputs[0].numel()
        touched += (read + output.numel()) * (layer.num_layers if isinstance(layer, nn.LSTM) else 1)

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
        if not list(layer.children()) and not isinstance(layer, nn.Flatten | nn.Identity):
            layer.register_forward_hook(touch)
    with gpunn.no_grad():
        return model(x), total, touched


@pytest.mark.parametrize("name", NAMES)
def test_sizes_and_arithmetic(name):
    network = NETWORKS[name]
    model = network.build(CPU)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]
    x, labels = network.data(CPU, 1)
    y, flops, touched = counted(model, x)
    assert y.shape == (len(labels), network.classes)
    assert gpunn.isfinite(y).all().item() and y.std().item() > 1e-4
    if name == "lstm":
        flops += 2 * 35 * 2 * 4 * 650 * (650 + 650)  # two layers of four gates, of the input and of the state
    if name == "gpt":
        flops += 6 * 2 * 2 * 256 * 256 * 384 // 2  # q kᵀ and p v of six layers, half of it masked
    if name == "gpt":
        touched += 6 * (4 + 2 * 3) * 256 * 384 + 3 * 256 * 384  # attention and two sums of each layer; places
    if "resnet" in name:
        touched += BLOCKS[name] * (3 + 2)  # sums, and the ReLU after them
    work = network.work
    assert (work.flops, work.touched, work.parameters + work.tables) == (flops, touched, PARAMETERS[name])


@pytest.mark.parametrize("name", GFLOPS)
def test_published_counts(name):
    assert NETWORKS[name].work.flops / 1e9 == pytest.approx(GFLOPS[name], rel=0.01)


def test_data_are_random_and_the_same_each_time():
    for name in ("lenet5", "gpt"):
        network = NETWORKS[name]
        (x, labels), (again, _) = [network.data(Place("cpu", gpunn, "cpu"), 4) for _ in range(2)]
        assert x.shape == (4, *network.shape) and x.equal(again)
        assert len(labels) == (4 * network.shape[0] if network.is_text else 4)
        assert labels.min().item() >= 0 and labels.max().item() < network.classes

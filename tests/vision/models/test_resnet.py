"""ResNet: the parameters of all ten, the blocks against their formula, dilation, first values, scores."""

import copy
import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError, UnsupportedError
from gpunn.nn import functional as F
from gpunn.vision import models
from gpunn.vision.models.resnet import BasicBlock, Bottleneck, ResNet

COUNTS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50_32x4d": 25_028_904,
    "resnext101_32x8d": 88_791_336,
    "resnext101_64x4d": 83_455_272,
    "wide_resnet50_2": 68_883_240,
    "wide_resnet101_2": 126_886_696,
}
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


@pytest.mark.usefixtures("not_started")
@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    assert sum(p.numel() for p in getattr(models, name)().parameters()) == COUNTS[name]


def names_of(blocks, convolutions, first_downsamples):
    """The names in the state dict of a ResNet with so many blocks."""
    found = ["conv1.weight", *[f"bn1.{name}" for name in NORM]]
    for part, count in enumerate(blocks, 1):
        for block in range(count):
            path = f"layer{part}.{block}"
            for i in range(1, convolutions + 1):
                found += [f"{path}.conv{i}.weight", *[f"{path}.bn{i}.{name}" for name in NORM]]
            if block == 0 and (part > 1 or first_downsamples):
                found += [f"{path}.downsample.0.weight", *[f"{path}.downsample.1.{name}" for name in NORM]]
    return [*found, "fc.weight", "fc.bias"]


@pytest.mark.usefixtures("not_started")
def test_names():
    assert list(models.resnet18().state_dict()) == names_of((2, 2, 2, 2), 2, False)
    assert list(models.resnet50().state_dict()) == names_of((3, 4, 6, 3), 3, True)


@pytest.mark.usefixtures("not_started")
def test_shapes():
    shapes = {name: tuple(t.shape) for name, t in models.resnext50_32x4d().state_dict().items()}
    assert shapes["layer1.0.conv1.weight"] == (128, 64, 1, 1)
    assert shapes["layer1.0.conv2.weight"] == (128, 4, 3, 3)
    assert shapes["layer4.2.conv3.weight"] == (2048, 1024, 1, 1)
    wide = {name: tuple(t.shape) for name, t in models.wide_resnet50_2(num_classes=9).state_dict().items()}
    assert wide["layer1.0.conv2.weight"] == (128, 128, 3, 3)
    assert wide["layer2.0.downsample.0.weight"] == (512, 256, 1, 1)
    assert wide["fc.weight"] == (9, 2048)


def formula(block, x):
    """What a block gives, by functions."""
    last = 2 if isinstance(block, BasicBlock) else 3
    y = x
    for i in range(1, last + 1):
        conv, norm = getattr(block, f"conv{i}"), getattr(block, f"bn{i}")
        y = F.conv2d(y, conv.weight, None, conv.stride, conv.padding, conv.dilation, conv.groups)
        y = F.batch_norm(y, norm.running_mean.clone(), norm.running_var.clone(), norm.weight, norm.bias, training=True)
        y = y.clamp(min=0) if i < last else y
    return (y + (x if block.downsample is None else block.downsample(x))).clamp(min=0)


@pytest.mark.parametrize("kind", [BasicBlock, Bottleneck])
@pytest.mark.parametrize("stride", [1, 2])
def test_blocks(kind, stride, device):
    gp.manual_seed(0)
    planes = 8 // kind.expansion
    down = nn.Sequential(nn.Conv2d(8, 8, 1, stride, bias=False), nn.BatchNorm2d(8)) if stride == 2 else None
    block = kind(8, planes, stride, down).to(device).double()
    x = gp.randn(2, 8, 6, 6, dtype=gp.float64).to(device).requires_grad_()
    y, wanted = block(x), formula(block, x)
    assert y.shape == (2, 8, 6 // stride, 6 // stride)
    np.testing.assert_allclose(y.detach().cpu().numpy(), wanted.detach().cpu().numpy(), rtol=1e-10, atol=1e-12)
    given = gp.randn(*y.shape, dtype=gp.float64).to(device)
    for found, right in zip(
        gp.autograd.grad(y, [x, block.conv1.weight], given),
        gp.autograd.grad(wanted, [x, block.conv1.weight], given),
        strict=True,
    ):
        np.testing.assert_allclose(found.cpu().numpy(), right.cpu().numpy(), rtol=1e-8, atol=1e-10)


def test_start():
    gp.manual_seed(0)
    model = ResNet(Bottleneck, (1, 1, 1, 1), 10, zero_init_residual=True)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            wanted = math.sqrt(2 / (layer.out_channels * layer.kernel_size[0] ** 2))
            assert abs(float(layer.weight.std()) / wanted - 1) < 0.1
    assert not any(bool(block.bn3.weight.any()) for block in (model.layer1[0], model.layer4[0]))
    assert bool((model.layer1[0].bn2.weight == 1).all())
    assert bool((ResNet(BasicBlock, (1, 1, 1, 1), 10).layer1[0].bn2.weight == 1).all())
    assert not ResNet(BasicBlock, (1, 1, 1, 1), 10, True).layer1[0].bn2.weight.any()


def test_scores():
    gp.manual_seed(0)
    model = models.resnet18(num_classes=6)
    x = gp.randn(2, 3, 64, 64)
    before = model.bn1.running_mean.clone()
    trained = model(x)
    assert trained.shape == (2, 6)
    trained.square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
    assert not bool((model.bn1.running_mean == before).all())
    model.eval()
    with gp.no_grad():
        scores = model(x)
        assert not np.allclose(scores.numpy(), trained.detach().numpy())
        np.testing.assert_allclose(model(x[:1]).numpy(), scores[:1].numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("cheaply_started")
def test_dilation_keeps_the_size():
    sizes = []
    for dilates in (None, (False, True, True)):
        model = ResNet(Bottleneck, (1, 1, 2, 2), 4, replace_stride_with_dilation=dilates).eval()
        x = gp.randn(1, 3, 64, 64)
        x = model.layer1(model.maxpool(model.bn1(model.conv1(x))))
        sizes.append(tuple(model.layer4(model.layer3(model.layer2(x))).shape))
    assert sizes == [(1, 2048, 2, 2), (1, 2048, 8, 8)]
    assert [block.conv2.dilation for block in (*model.layer3, *model.layer4)] == [(1, 1), (2, 2), (2, 2), (4, 4)]
    assert [block.conv2.stride for block in (*model.layer3, *model.layer4)] == [(1, 1)] * 4


def test_refused_arguments():
    with pytest.raises(ArgumentError, match="3-element tuple, got"):
        ResNet(Bottleneck, (1, 1, 1, 1), replace_stride_with_dilation=[True])
    with pytest.raises(ValueError, match="only supports groups=1 and base_width=64, got 2 and 64"):
        BasicBlock(8, 8, groups=2)
    with pytest.raises(UnsupportedError, match="Dilation > 1 not supported in BasicBlock, got 2"):
        BasicBlock(8, 8, dilation=2)


def test_other_norms():
    model = ResNet(BasicBlock, (1, 1, 1, 1), 3, norm_layer=lambda planes: nn.GroupNorm(4, planes))
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    assert model(gp.randn(1, 3, 32, 32)).shape == (1, 3)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
@pytest.mark.parametrize("has_downsample", [False, True])
def test_numbers_are_the_same_where_hooks_look_on(block, has_downsample, device):
    """Hooks forbid to compute batch norm, sum and ReLU in one; they are called in PyTorch's order."""
    gp.manual_seed(0)
    planes, expansion = 4, block.expansion
    downsample = nn.Sequential(nn.Conv2d(8, planes * expansion, 1), nn.BatchNorm2d(planes * expansion))
    width = 8 if has_downsample else planes * expansion
    fused = block(width, planes, downsample=downsample if has_downsample else None).to(device)
    apart, called = copy.deepcopy(fused), []
    for name, module in apart.named_children():
        module.register_forward_hook(lambda module, given, result, name=name: called.append(name))
    x, found = gp.randn(3, width, 5, 5, device=device), []
    for net in (fused, apart):
        given = x.clone().requires_grad_()
        y = net(given)
        y.square().sum().backward()
        found.append([t.tolist() for t in (y, given.grad, *[p.grad for p in net.parameters()], *net.buffers())])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)
    steps = [f"{kind}{i}" for i in range(1, 3 if block is BasicBlock else 4) for kind in ("conv", "bn", "relu")][:-1]
    order = [step[:4] if step.startswith("relu") else step for step in steps]
    assert called == [*order, *["downsample"] * has_downsample, "relu"]


@pytest.mark.parametrize("given", [(3, 16, 5, 5), (1, 16, 1, 1)])
def test_what_broadcasts_is_added(given, monkeypatch):
    """A residual of another shape than the result is no part of the fused kernel."""
    block = BasicBlock(16, 16)
    monkeypatch.setattr(block, "downsample", lambda x: gp.ones(given))
    x = gp.randn(3, 16, 5, 5)
    y = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))
    np.testing.assert_allclose(block(x).tolist(), F.relu(y + 1).tolist(), rtol=1e-4, atol=1e-5)

"""The blocks of Inception v3: which branch fills which channels, sizes, and that every convolution counts."""

import pytest

import gpunn as gp
from gpunn.vision.models.inception_blocks import (
    InceptionA,
    InceptionAux,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)
from tests.vision.models.branches import constants


@pytest.mark.usefixtures("not_started")
def test_branches():
    """0 is what a max pooling passes on."""
    assert constants(InceptionA(4, 10), (1, 4, 5, 5)) == [(1, 64), (3, 64), (6, 96), (7, 10)]
    assert constants(InceptionB(4), (1, 4, 7, 7)) == [(1, 384), (4, 96), (0, 4)]
    assert constants(InceptionC(4, 6), (1, 4, 5, 5)) == [(1, 192), (4, 192), (9, 192), (10, 192)]
    assert constants(InceptionD(4), (1, 4, 7, 7)) == [(2, 320), (6, 192), (0, 4)]
    parts = [(1, 320), (3, 384), (4, 384), (7, 384), (8, 384), (9, 192)]
    assert constants(InceptionE(4), (1, 4, 5, 5)) == parts


@pytest.mark.parametrize(
    ("block", "size"),
    [
        (lambda: InceptionA(3, 2), (2, 226, 9, 9)),
        (lambda: InceptionB(3), (2, 483, 4, 4)),
        (lambda: InceptionC(3, 4), (2, 768, 9, 9)),
        (lambda: InceptionD(3), (2, 515, 4, 4)),
        (lambda: InceptionE(3), (2, 2048, 9, 9)),
    ],
)
def test_sizes_and_gradients(block, size):
    gp.manual_seed(0)
    layer = block()
    y = layer(gp.randn(2, 3, 9, 9))
    assert y.shape == size
    (y * gp.randn(size)).sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in layer.parameters())


def test_head():
    gp.manual_seed(0)
    head = InceptionAux(6, 4)
    scores = head(gp.randn(2, 6, 17, 17))
    assert scores.shape == (2, 4)
    assert [name for name in head.state_dict() if "num" not in name and "running" not in name] == [
        *("conv0.conv.weight", "conv0.bn.weight", "conv0.bn.bias"),
        *("conv1.conv.weight", "conv1.bn.weight", "conv1.bn.bias"),
        *("fc.weight", "fc.bias"),
    ]
    assert head.conv1.conv.weight.shape == (768, 128, 5, 5)

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval, fusion

CONVS = [
    (nn.Conv1d(2, 4, 3), nn.BatchNorm1d(4), (5, 2, 7), False),
    (nn.Conv2d(2, 4, 3, bias=False, groups=2), nn.BatchNorm2d(4, affine=False), (5, 2, 7, 7), False),
    (nn.ConvTranspose2d(2, 4, 3), nn.BatchNorm2d(4), (5, 2, 4, 4), True),
]


def trained(layer, norm, shape):
    """Both in evaluation mode, after some training of the averages."""
    gp.manual_seed(0)
    layer, norm = layer.double().train(), norm.double().train()
    for _ in range(3):
        norm(layer(gp.randn(shape, dtype=gp.float64) + 1))
    if norm.affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return layer.eval(), norm.eval()


@pytest.mark.parametrize(("layer", "norm", "shape", "transpose"), CONVS)
def test_convolutions(layer, norm, shape, transpose, device):
    conv, bn = trained(layer, norm, shape)
    conv, bn = conv.to(device), bn.to(device)
    before = conv.weight.tolist()
    fused = fuse_conv_bn_eval(conv, bn, transpose)
    x = gp.randn(shape, dtype=gp.float64, device=device)
    np.testing.assert_allclose(
        fused(x).detach().cpu().numpy(), bn(conv(x)).detach().cpu().numpy(), rtol=1e-11, atol=1e-13
    )
    assert type(fused) is type(conv) and fused.weight.is_leaf and fused.weight.requires_grad
    assert conv.weight.tolist() == before
    layer.cpu()
    norm.cpu()


@pytest.mark.parametrize("features", [4, 1])
def test_linear(features):
    linear, bn = nn.Linear(3, 4).eval().double(), nn.BatchNorm1d(features).eval().double()
    for tensor in (bn.running_mean, bn.weight, bn.bias):
        nn.init.normal_(tensor)
    x = gp.randn(5, 3, dtype=gp.float64)
    y = linear(x)
    wanted = bn(y) if features == 4 else bn(y.unsqueeze(1)).squeeze(1)
    np.testing.assert_allclose(
        fuse_linear_bn_eval(linear, bn)(x).detach().numpy(), wanted.detach().numpy(), rtol=1e-12, atol=1e-13
    )


def test_errors():
    conv, bn = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)
    with pytest.raises(AssertionError, match="only for eval"):
        fuse_conv_bn_eval(conv.eval(), bn)
    with pytest.raises(fusion.FusionError, match="must not be None"):
        fuse_conv_bn_eval(conv, nn.BatchNorm2d(4, track_running_stats=False).eval())
    with pytest.raises(AssertionError, match="num_features"):
        fuse_linear_bn_eval(nn.Linear(3, 4).eval(), nn.BatchNorm1d(3).eval())

import pytest

import gpunn as gp
from gpunn import nn

F = nn.functional


def test_upsample(device):
    x = gp.rand(2, 3, 4, 5, device=device)
    for arguments in (
        {"size": (3, 7)},
        {"scale_factor": 2, "mode": "bilinear"},
        {"scale_factor": (1.7, 2), "mode": "bicubic", "align_corners": True},
        {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True},
    ):
        assert nn.Upsample(**arguments)(x).tolist() == F.interpolate(x, **arguments).tolist()
    assert nn.UpsamplingNearest2d(scale_factor=2)(x).tolist() == F.interpolate(x, scale_factor=2).tolist()
    wanted = F.interpolate(x, 6, mode="bilinear", align_corners=True)
    assert nn.UpsamplingBilinear2d(6)(x).tolist() == wanted.tolist()


def test_shuffles(device):
    x = gp.rand(2, 8, 4, 6, device=device)
    assert nn.PixelShuffle(2)(x).tolist() == F.pixel_shuffle(x, 2).tolist()
    assert nn.PixelUnshuffle(2)(x).tolist() == F.pixel_unshuffle(x, 2).tolist()
    assert nn.ChannelShuffle(4)(x).tolist() == F.channel_shuffle(x, 4).tolist()


def test_repr():
    assert repr(nn.Upsample(scale_factor=2, mode="bilinear")) == "Upsample(scale_factor=2.0, mode='bilinear')"
    assert repr(nn.Upsample(size=(3, 4))) == "Upsample(size=(3, 4), mode='nearest')"
    assert repr(nn.UpsamplingBilinear2d(3)) == "UpsamplingBilinear2d(size=3, mode='bilinear')"
    assert repr(nn.PixelShuffle(2)) == "PixelShuffle(upscale_factor=2)"
    assert repr(nn.PixelUnshuffle(3)) == "PixelUnshuffle(downscale_factor=3)"
    assert repr(nn.ChannelShuffle(2)) == "ChannelShuffle(groups=2)"


def test_upsample_by_its_older_names():
    x = gp.rand(1, 2, 3, 4)
    with pytest.warns(UserWarning, match="deprecated"):
        assert gp.equal(F.upsample(x, scale_factor=2), F.interpolate(x, scale_factor=2))
        assert gp.equal(F.upsample(x, (5, 6), None, "bilinear", False), F.interpolate(x, (5, 6), mode="bilinear"))
        assert gp.equal(F.upsample_nearest(x, 5), F.interpolate(x, 5))
        wide = F.interpolate(x, 5, mode="bilinear", align_corners=True)
        assert gp.equal(F.upsample_bilinear(x, 5), wide)

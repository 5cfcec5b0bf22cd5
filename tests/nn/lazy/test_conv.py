import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ShapeError


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose"])
def test_lazy_convolutions_become_the_usual_ones(kind, rank):
    usual = getattr(nn, f"{kind}{rank}d")(4, 6, 3, stride=2, padding=1, groups=2)
    lazy = getattr(nn, f"Lazy{kind}{rank}d")(6, 3, stride=2, padding=1, groups=2)
    x = gp.rand(2, 4, *[5] * rank)
    lazy(x)
    assert type(lazy) is type(usual) and lazy.in_channels == 4 and repr(lazy) == repr(usual)
    assert {k: v.shape for k, v in lazy.state_dict().items()} == {k: v.shape for k, v in usual.state_dict().items()}
    lazy.load_state_dict(usual.state_dict())
    assert gp.equal(lazy(x), usual(x))


def test_an_image_without_a_batch():
    layer = nn.LazyConv2d(2, 3)
    assert layer(gp.ones(5, 4, 4)).shape == (2, 2, 2) and layer.in_channels == 5


def test_output_size_is_passed_on():
    assert nn.LazyConvTranspose1d(2, 3, stride=2)(gp.ones(1, 3, 4), [10]).shape == (1, 2, 10)
    assert nn.LazyConvTranspose1d(2, 3, stride=2)(gp.ones(1, 3, 4), output_size=[10]).shape == (1, 2, 10)


def test_another_rank_is_refused():
    layer = nn.LazyConv2d(2, 3)
    with pytest.raises(ShapeError, match=r"Expected 3D \(unbatched\) or 4D \(batched\) input to LazyConv2d"):
        layer(gp.ones(3, 4))
    assert layer.has_uninitialized_params()

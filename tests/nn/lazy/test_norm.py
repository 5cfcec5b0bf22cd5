import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ShapeError


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["BatchNorm", "InstanceNorm"])
def test_lazy_norms_become_the_usual_ones(kind, rank):
    lazy = getattr(nn, f"Lazy{kind}{rank}d")(momentum=0.5)
    assert {name for name, _ in lazy._missing()} == {"weight", "bias", "running_mean", "running_var"}
    x = gp.rand(2, 3, *[4] * rank) + 1
    y = lazy(x)
    axes = (0 if kind == "BatchNorm" else (), *range(2, 2 + rank))
    axes = tuple(a for a in axes if a != ())
    v = x.double().numpy()
    expected = (v - v.mean(axes, keepdims=True)) / np.sqrt(v.var(axes, keepdims=True) + 1e-5)
    assert np.allclose(y.detach().numpy(), expected, atol=1e-5)
    assert type(lazy).__name__ == f"{kind}{rank}d" and lazy.num_features == 3
    means = 0.5 * v.mean((0, *range(2, 2 + rank)))
    assert np.allclose(lazy.running_mean.numpy(), means, atol=1e-6)


def test_a_state_dict_gives_the_shapes_of_buffers_too():
    usual, lazy = nn.BatchNorm1d(3), nn.LazyBatchNorm1d()
    usual(gp.rand(4, 3))
    lazy.load_state_dict(usual.state_dict())
    x = gp.rand(2, 3)
    assert gp.equal(lazy.eval()(x), usual.eval()(x)) and lazy.num_features == 3


def test_nothing_to_learn():
    layer = nn.LazyBatchNorm1d(affine=False, track_running_stats=False)
    layer(gp.rand(4, 3))
    assert layer.num_features == 3 and layer.weight is None and layer.running_mean is None


def test_an_image_without_a_batch():
    layer = nn.LazyInstanceNorm1d()
    assert layer(gp.rand(3, 5)).shape == (3, 5) and layer.num_features == 3


def test_another_rank_is_refused():
    with pytest.raises(ShapeError, match="expected 4D input"):
        nn.LazyBatchNorm2d()(gp.ones(2, 3))

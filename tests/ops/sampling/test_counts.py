import numpy as np
import pytest
from scipy import stats

import gpunn as gp
from tests.ops.sampling.test_elements import seeded

MANY = 20_000


@pytest.mark.parametrize("rate", [0.0, 0.3, 4.0, 9.999, 10.0, 35.5, 4000.0])
def test_distribution(rate, device):
    x = gp.poisson(gp.full((MANY,), rate, dtype=gp.float64, device=device), seeded()).cpu().array
    if rate == 0:
        assert not x.any()
        return
    assert (x == np.floor(x)).all() and x.min() >= 0
    values = np.arange(0, int(x.max()) + 2)
    found = np.searchsorted(np.sort(x), values, side="right") / MANY
    assert np.abs(found - stats.poisson.cdf(values, rate)).max() * np.sqrt(MANY) < 1.95


def test_each_element_has_its_rate(device):
    rate = gp.tensor([[0.0, 1e4], [float("inf"), 2.0]], dtype=gp.float32, device=device, requires_grad=True)
    x = gp.poisson(rate, seeded())
    assert x.dtype is gp.float32 and x[0, 0] == 0 and abs(x[0, 1].item() - 1e4) < 600 and x[1, 0] == float("inf")
    x.sum().backward()
    assert rate.grad.tolist() == [[0, 0], [0, 0]]
    assert gp.poisson(gp.ones(0, device=device)).shape == (0,)
    assert gp.poisson(rate, seeded()).tolist() == x.tolist()


def test_devices_draw_the_same(device):
    rate = gp.linspace(0.1, 40, 200)
    assert gp.poisson(rate.to(device), seeded()).tolist() == gp.poisson(rate, seeded()).tolist()


def test_errors():
    for wrong in (-1.0, float("nan")):
        with pytest.raises((ValueError, RuntimeError), match="invalid Poisson rate"):
            gp.poisson(gp.tensor([1.0, wrong]))
    with pytest.raises(NotImplementedError, match="floating point"):
        gp.poisson(gp.ones(2, dtype=gp.int64))
    with pytest.raises(TypeError, match="must be a Tensor"):
        gp.poisson(2.0)

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, random
from gpunn.ops.sampling.draw import bernoulli, check_probability, check_std, draw, source


def test_source():
    mine = gp.Generator()
    assert source("f", mine) is mine
    assert source("f", None) is random.default_generator
    with pytest.raises(TypeError, match="f: expected a Generator, got int"):
        source("f", 3)


def test_draw(device):
    where = backend.device(device)
    array = draw("f", random.uniform, (2, 3), gp.float64, where, gp.Generator().manual_seed(1))
    assert array.shape == (2, 3) and array.dtype == np.float64 and backend.device_of(array).type == device
    with pytest.raises(NotImplementedError, match=r"f: not implemented for int32"):
        draw("f", random.normal, (2,), gp.int32, where, None)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_bernoulli_takes_probabilities_of_any_float(dtype, device):
    p = gp.tensor([0.0, 1.0], dtype=getattr(gp, dtype), device=device).array
    sample = bernoulli(backend.array_module(p), gp.Generator(), (2,), p.dtype, p)
    assert sample.dtype == p.dtype and sample.tolist() == [0, 1]


def test_checks():
    check_std("f", 0)
    check_std("f", gp.zeros(0))
    for wrong in (-1, float("nan"), gp.tensor([1.0, -1.0])):
        with pytest.raises(RuntimeError, match=r"std >= 0\.0"):
            check_std("f", wrong)
    assert check_probability("f", 0.5) == 0.5
    for wrong in (1.5, -0.1, float("nan"), np.array([0.5, np.nan])):
        with pytest.raises(RuntimeError, match=r"f expects p to be in \[0, 1\]"):
            check_probability("f", wrong)

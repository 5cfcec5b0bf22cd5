import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, DtypeError

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16", "int64", "uint8"])
@pytest.mark.parametrize("shapes", [((3, 4), (2, 5)), ((7,), (0,)), ((0, 2), (3,)), ((), (4,))])
def test_isin(shapes, dtype, invert, device):
    x, among = (RNG.integers(0, 6, shape) for shape in shapes)
    own = [gp.tensor(v, device=device).to(getattr(gp, dtype)) for v in (x, among)]
    found = gp.isin(*own, invert=invert)
    assert found.dtype is gp.bool and found.tolist() == np.isin(x, among, invert=invert).tolist()


def test_numbers_and_types(device):
    x = gp.tensor([1, 2, 3], device=device)
    assert gp.isin(x, 2).tolist() == [False, True, False]
    assert gp.isin(x, 1.5).tolist() == [False] * 3
    assert gp.isin(3, x).item() is True
    assert gp.isin(x, gp.tensor([2.0, 2.5], device=device), assume_unique=True).tolist() == [False, True, False]


def test_nan_equals_nothing(device):
    x = gp.tensor([np.nan, 1.0, np.inf], device=device)
    assert gp.isin(x, x).tolist() == [False, True, True]


def test_errors():
    with pytest.raises(ArgumentTypeError, match="got two numbers"):
        gp.isin(1, 2)
    with pytest.raises(ArgumentTypeError, match="expected a Tensor or a number, got list"):
        gp.isin(gp.ones(2), [1])
    with pytest.raises(DtypeError, match=r"isin\(\): Bool"):
        gp.isin(gp.tensor([True]), gp.tensor([1]))

import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator
from gpunn.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from tests.harness import check_op

inf, nan = math.inf, math.nan
Q = np.array([0.0, 0.1, 0.5, 0.5, 0.87, 1.0])
METHODS = {"linear": "linear", "lower": "lower", "higher": "higher", "midpoint": "midpoint", "nearest": "nearest"}


def quantiles(x, q, axis, keepdims, interpolation):
    return np.quantile(x, q, axis=axis, keepdims=keepdims, method=METHODS[interpolation])


@pytest.mark.parametrize("interpolation", METHODS)
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize(("shape", "dim"), [((5,), 0), ((4, 3), 0), ((3, 4), -1), ((2, 4, 3), 1), ((3, 4), None)])
@pytest.mark.parametrize("op", [gp.quantile, gp.nanquantile])
def test_against_numpy(op, shape, dim, keepdim, interpolation, device):
    for q in (0.3, Q):
        given = q if isinstance(q, float) else gp.tensor(q, device=device)
        check_op(
            lambda x, given=given: op(x, given, dim, keepdim, interpolation=interpolation),
            lambda x, q=q: quantiles(x, q, dim, keepdim, interpolation),
            [shape],
            device,
        )


def test_gradient_of_q(device):
    check_op(
        lambda x, q: gp.quantile(x, q, 0), lambda x, q: np.quantile(x, q, 0), [(7, 2), np.array([0.3, 0.7])], device
    )


def test_shapes(device):
    x = gp.zeros(2, 3, device=device)
    q = gp.tensor([0.1, 0.4], device=device)
    assert gp.quantile(x, q, 1).shape == (2, 2)
    assert gp.quantile(x, q, 1, True).shape == (2, 2, 1)
    assert gp.quantile(x, q[0], 1).shape == (2,)
    assert gp.quantile(x, q, keepdim=True).shape == (2, 1, 1)
    assert gp.quantile(x, q[:0]).shape == (0,)
    assert gp.quantile(x, 1).shape == ()
    assert gp.quantile(gp.tensor(3.0, device=device), 0.5, 0).item() == 3


def test_nan_and_inf(device):
    """As PyTorch 2.13 has them: beside an infinity the interpolation is NaN."""
    x = gp.tensor([[1.0, nan, 3.0], [nan, nan, nan], [1.0, 2.0, inf]], device=device)
    np.testing.assert_equal(gp.quantile(x, 0.25, 1).tolist(), [nan, nan, 1.5])
    np.testing.assert_equal(gp.nanquantile(x, 0.25, 1).tolist(), [1.5, nan, 1.5])
    np.testing.assert_equal(gp.quantile(x[2], gp.tensor([0.0, 0.5, 1.0], device=device)).tolist(), [1, 2, nan])


@pytest.mark.parametrize(("n", "value"), [(2, 0), (4, 2), (6, 2)])
def test_nearest_goes_to_the_even_rank(n, value, device):
    x = gp.arange(n, dtype=gp.float32, device=device)
    assert gp.quantile(x, 0.5, interpolation="nearest").item() == value


@pytest.mark.parametrize("op", [gp.quantile, gp.nanquantile])
def test_errors(op, device):
    x, name = gp.zeros(2, 3, device=device), op.__name__
    for q in (-0.1, 1.4, nan):
        with pytest.raises(ArgumentError, match=rf"{name}\(\) q must be in the range \[0, 1\] but got {q}"):
            op(x, q)
        with pytest.raises(ArgumentError, match=rf"{name}\(\) q values must be in the range"):
            op(x, gp.tensor([0.5, q], device=device)).tolist()
    with pytest.raises(ShapeError, match=rf"{name}\(\) q must be a scalar or 1D tensor, got shape \(1, 1\)"):
        op(x, gp.zeros(1, 1, device=device))
    with pytest.raises(DtypeError, match=rf"{name}\(\) q tensor must be same dtype"):
        op(x, gp.tensor([0.5], dtype=gp.float64, device=device))
    for dtype in (gp.int64, gp.float16):
        with pytest.raises(DtypeError, match=rf"{name}\(\) input tensor must be either float or double"):
            op(x.to(dtype), 0.5)
    with pytest.raises(ArgumentError, match=rf"{name}\(\) input tensor must be non-empty, got shape \(0, 2\)"):
        op(gp.zeros(0, 2, device=device), 0.5)
    with pytest.raises(ArgumentError, match=rf"{name}\(\) interpolation must be one of linear, .* got foo"):
        op(x, 0.5, interpolation="foo")
    with pytest.raises(IndexRangeError, match=f"{name}: Dimension out of range"):
        op(x, 0.5, 2)


@pytest.mark.parametrize("q", [1.5, -0.25, nan, inf])
def test_a_wrong_q_on_a_gpu_is_told_when_the_host_waits(q):
    with emulator.enable(check=True):
        x, fractions = gp.arange(5.0, device="cuda"), gp.tensor([0.5, q], device="cuda")
        before = emulator.synchronisations.count
        found = gp.quantile(x, fractions)
        assert emulator.synchronisations.count == before
        with pytest.raises(ArgumentError, match=rf"q values must be in the range \[0, 1\]; got {q} at position 1"):
            found.tolist()

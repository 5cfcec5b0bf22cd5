import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, IndexRangeError, ShapeError, UnsupportedError

inf, nan = math.inf, math.nan
DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
X = np.array([[[0, 1, 2], [0, 0, 0]], [[3, 1, 1], [0, 1, 0]]])
DIMS = [None, 0, 1, -1, (0, 2), (0, 1, 2)]


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("dim", DIMS)
def test_all_any_count(dim, name, device):
    x = gp.tensor(X, dtype=getattr(gp, name), device=device)
    for op, reference in [(gp.all, np.all), (gp.any, np.any)]:
        for keepdim in (False, True):
            found = op(x, dim, keepdim)
            assert found.dtype is (gp.uint8 if name == "uint8" else gp.bool)
            np.testing.assert_array_equal(found.cpu().numpy(), reference(X != 0, axis=dim, keepdims=keepdim))
    found = gp.count_nonzero(x, dim)
    assert found.dtype is gp.int64
    np.testing.assert_array_equal(found.cpu().numpy(), np.count_nonzero(X, axis=dim))


def test_no_dims(device):
    """() means no dimension in all and any, but every one in count_nonzero."""
    x = gp.tensor([[0, 2], [1, 1]], device=device)
    for op in (gp.all, gp.any):
        assert op(x, ()).tolist() == op(x, []).tolist() == [[False, True], [True, True]]
    assert gp.count_nonzero(x, ()).item() == 3


def test_nan_is_true(device):
    x = gp.tensor([nan, 0.0, -0.0], device=device)
    assert gp.any(x).item() is True
    assert gp.all(x[:1]).item() is True
    assert gp.any(x[1:]).item() is False
    assert gp.count_nonzero(x).item() == 1


def test_empty_and_scalar(device):
    x = gp.zeros(0, 2, device=device)
    assert gp.all(x).item() is True
    assert gp.any(x).item() is False
    assert gp.all(x, 0).tolist() == [True, True]
    assert gp.count_nonzero(x, 0).tolist() == [0, 0]
    assert gp.any(gp.tensor(2.0, device=device), 0).item() is True
    with pytest.raises(IndexRangeError, match="any: Dimension out of range"):
        gp.any(x, 2)


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "int32", "int64"])
def test_bincount(name, device):
    x = gp.tensor([1, 4, 1], dtype=getattr(gp, name), device=device)
    assert gp.bincount(x).tolist() == [0, 2, 0, 0, 1]
    assert gp.bincount(x, minlength=7).tolist() == [0, 2, 0, 0, 1, 0, 0]
    assert gp.bincount(x).dtype is gp.int64
    assert gp.bincount(x[:0]).tolist() == []
    assert gp.bincount(x[:0], minlength=2).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("name", "result"), [("float32", "float32"), ("float64", "float64"), ("float16", "float64"), ("int64", "float64")]
)
def test_bincount_with_weights(name, result, device):
    x = gp.tensor([1, 4, 1], device=device)
    found = gp.bincount(x, gp.tensor([2, 1, 3], dtype=getattr(gp, name), device=device))
    assert found.dtype is getattr(gp, result)
    assert found.tolist() == [0, 5, 0, 0, 1]


def test_bincount_has_no_gradient(device):
    weights = gp.ones(2, device=device, requires_grad=True)
    assert not gp.bincount(gp.tensor([0, 1], device=device), weights).requires_grad


def test_bincount_errors(device):
    with pytest.raises(ShapeError, match=r"bincount only supports 1-d non-negative .*\(1,\) with negative"):
        gp.bincount(gp.tensor([-1], device=device))
    with pytest.raises(ShapeError, match=r"bincount only supports 1-d non-negative .*\(1, 1\)"):
        gp.bincount(gp.tensor([[1]], device=device))
    for values in ([1.0], [True]):
        with pytest.raises(UnsupportedError, match="bincount: not implemented for"):
            gp.bincount(gp.tensor(values, device=device))
    with pytest.raises(ArgumentError, match="bincount: minlength should be >= 0, got -1"):
        gp.bincount(gp.tensor([1], device=device), minlength=-1)
    with pytest.raises(ShapeError, match=r"weights should be 1-d .*\(2,\) and \(1,\)"):
        gp.bincount(gp.tensor([1], device=device), gp.zeros(2, device=device))


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(("bins", "low", "high"), [(4, 0, 0), (3, -1, 2), (1, 0.5, 0.5), (5, -10, 10)])
def test_histc(bins, low, high, name, device):
    values = np.array([[-1.5, 0.0, 0.5], [2.0, 1.25, 0.5]])
    found = gp.histc(gp.tensor(values, dtype=getattr(gp, name), device=device), bins, low, high)
    limits = (values.min(), values.max()) if low == high else (low, high)
    assert found.dtype is getattr(gp, name)
    assert found.tolist() == np.histogram(values, bins, limits)[0].tolist()


def test_histc_of_special_values(device):
    """As PyTorch 2.13 has them."""
    assert gp.histc(gp.tensor([1.0, 1.0], device=device), 4).tolist() == [0, 0, 2, 0]
    assert gp.histc(gp.tensor([1.0, nan, 3.0, inf], device=device), 3, 0, 4).tolist() == [1, 0, 1]
    assert gp.histc(gp.zeros(0, device=device), 2).tolist() == [0, 0]
    assert gp.histc(gp.tensor([1.0], device=device, requires_grad=True)).shape == (100,)


def test_histc_errors(device):
    x = gp.tensor([1.0, 2.0], device=device)
    with pytest.raises(ArgumentError, match="histc: bins must be > 0, but got 0"):
        gp.histc(x, 0)
    with pytest.raises(ArgumentError, match=r"histc: max must be larger than min, got min=3.0, max=1.0"):
        gp.histc(x, 2, 3, 1)
    for values in ([1.0, nan], [1.0, inf]):
        with pytest.raises(ArgumentError, match=r"histc: range of .* is not finite"):
            gp.histc(gp.tensor(values, device=device), 2)
    with pytest.raises(UnsupportedError, match=r"histc: not implemented for gpunn.int64"):
        gp.histc(gp.tensor([1, 2], device=device), 2)

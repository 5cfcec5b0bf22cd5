import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gpunn as gp
from gpunn.errors import IndexRangeError, ShapeError

nan = math.nan
DTYPES = ["bool", "uint8", "int64", "float16", "bfloat16", "float32", "float64"]


@given(hnp.arrays(np.int64, hnp.array_shapes(max_dims=3, max_side=5), elements=st.integers(0, 2)), st.data())
@settings(max_examples=80, deadline=None)
def test_unique_as_numpy_has_it(x, data):
    dim = data.draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    values, inverse, counts = gp.unique(gp.tensor(x), True, True, True, dim)
    wanted = np.unique(x, return_inverse=True, return_counts=True, axis=dim)
    np.testing.assert_array_equal(values.numpy(), wanted[0])
    np.testing.assert_array_equal(inverse.numpy(), wanted[1].reshape(x.shape if dim is None else -1))
    np.testing.assert_array_equal(counts.numpy(), wanted[2])


@given(hnp.arrays(np.int64, st.integers(0, 12), elements=st.integers(0, 2)))
@settings(max_examples=60, deadline=None)
def test_runs(x):
    values, inverse, counts = gp.unique_consecutive(gp.tensor(x), True, True)
    np.testing.assert_array_equal(np.repeat(values.numpy(), counts.numpy()), x)
    np.testing.assert_array_equal(values.numpy()[inverse.numpy()], x)
    assert (np.diff(values.numpy()) != 0).all()


@pytest.mark.parametrize("name", DTYPES)
def test_dtypes_and_devices(name, device):
    x = gp.tensor([[1, 0], [0, 0], [1, 0]], dtype=getattr(gp, name), device=device)
    values, inverse, counts = gp.unique(x, return_inverse=True, return_counts=True)
    assert values.dtype is x.dtype
    assert inverse.dtype is counts.dtype is gp.int64
    assert values.tolist() == [0, 1]
    assert inverse.tolist() == [[1, 0], [0, 0], [1, 0]]
    assert counts.tolist() == [4, 2]
    rows, inverse, counts = gp.unique(x, return_inverse=True, return_counts=True, dim=0)
    assert rows.tolist() == [[0, 0], [1, 0]]
    assert inverse.tolist() == [1, 0, 1]
    assert counts.tolist() == [1, 2]
    rows, inverse = gp.unique_consecutive(x, return_inverse=True, dim=0)
    assert rows.tolist() == [[1, 0], [0, 0], [1, 0]]
    assert inverse.tolist() == [0, 1, 2]


def test_what_is_returned(device):
    x = gp.tensor([3, 1, 3], device=device)
    assert gp.unique(x).tolist() == [1, 3]
    assert gp.unique(x, False).tolist() == [1, 3]
    assert [t.tolist() for t in gp.unique(x, return_inverse=True)] == [[1, 3], [1, 0, 1]]
    assert [t.tolist() for t in gp.unique(x, return_counts=True)] == [[1, 3], [1, 2]]
    assert gp.unique_consecutive(x).tolist() == [3, 1, 3]
    assert gp.unique(gp.tensor(5, device=device), return_inverse=True)[1].shape == ()


def test_each_nan_is_distinct(device):
    np.testing.assert_equal(gp.unique(gp.tensor([3.0, nan, 1.0, nan], device=device)).tolist(), [1, 3, nan, nan])
    assert gp.unique(gp.tensor([[1.0, nan], [1.0, nan]], device=device), dim=0).shape == (2, 2)


def test_empty(device):
    for op in (gp.unique, gp.unique_consecutive):
        found = op(gp.zeros(0, device=device), return_inverse=True, return_counts=True)
        assert [t.shape for t in found] == [(0,)] * 3
        assert op(gp.zeros(0, 2, device=device), dim=0).shape == (0, 2)
        with pytest.raises(ShapeError, match=rf"{op.__name__}: There are 0 sized dimensions.*\(2, 0\)"):
            op(gp.zeros(2, 0, device=device), dim=0)


def test_errors():
    with pytest.raises(IndexRangeError, match="unique: Dimension specified as 0 but tensor has no dimensions"):
        gp.unique(gp.tensor(3), dim=0)
    with pytest.raises(IndexRangeError, match="unique: Dimension out of range"):
        gp.unique(gp.zeros(2), dim=1)


def test_not_differentiable(device):
    y = gp.unique(gp.tensor([2.0, 1.0], device=device, requires_grad=True))
    assert y.requires_grad
    with pytest.raises(NotImplementedError, match="Unique is not differentiable"):
        y.sum().backward()

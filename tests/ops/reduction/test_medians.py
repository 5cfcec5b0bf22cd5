import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import IndexRangeError, UnsupportedError
from tests.harness import check_op

inf, nan = math.inf, math.nan
CASES = [((5,), -1), ((3, 4), 0), ((3, 4), 1), ((2, 4, 3), 1)]


def lower_median(x, axis):
    index = np.argsort(x, axis)
    middle = np.take(index, [(x.shape[axis] - 1) // 2], axis)
    return np.take_along_axis(x, middle, axis), middle


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize(("shape", "dim"), CASES)
@pytest.mark.parametrize("op", [gp.median, gp.nanmedian])
def test_along_dim(op, shape, dim, keepdim, device):
    def reference(x):
        return tuple(a if keepdim else a.squeeze(dim) for a in lower_median(x, dim))

    check_op(lambda x: op(x, dim, keepdim), reference, [shape], device)


@pytest.mark.parametrize("shape", [(), (5,), (3, 4)])
@pytest.mark.parametrize("op", [gp.median, gp.nanmedian])
def test_of_all(op, shape, device):
    check_op(op, lambda x: lower_median(x.ravel(), 0)[0].reshape(()), [shape], device)


@pytest.mark.parametrize("name", ["uint8", "int64", "float16", "bfloat16", "float32"])
def test_dtypes(name, device):
    x = gp.tensor([[3, 1, 2, 0], [1, 1, 0, 1]], dtype=getattr(gp, name), device=device)
    for op in (gp.median, gp.nanmedian):
        found = op(x, 1)
        assert found.values.dtype is x.dtype
        assert found.indices.dtype is gp.int64
        assert found.values.tolist() == [1, 1]
        assert gp.take_along_dim(x, found.indices.unsqueeze(1), 1).squeeze(1).tolist() == [1, 1]
        assert op(x).item() == 1
        assert op(x).dtype is x.dtype
    most = gp.mode(x, 1)
    assert most.values.dtype is x.dtype
    assert most.values.tolist() == [0, 1]
    assert most.indices.tolist() == [3, 3]


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32"])
def test_nan(name, device):
    x = gp.tensor([[1.0, nan, 0.0, nan], [nan, nan, nan, nan]], dtype=getattr(gp, name), device=device)
    found = gp.median(x, 1)
    assert np.isnan(found.values.float().cpu().numpy()).all()
    assert found.indices.tolist() == [1, 0]
    assert math.isnan(gp.median(x).item())
    numbers = gp.nanmedian(x, 1)
    np.testing.assert_equal(numbers.values.float().tolist(), [0, nan])
    assert numbers.indices.tolist() == [2, 0]
    assert gp.nanmedian(x).item() == 0
    assert math.isnan(gp.nanmedian(x[1]).item())


def test_gradients_of_ties(device):
    for op, values, slopes in [
        (gp.median, [1.0, 1.0, 2.0], [0.5, 0.5, 0]),
        (gp.median, [1.0, nan, nan], [0, 0.5, 0.5]),
        (gp.nanmedian, [1.0, 1.0, nan], [0.5, 0.5, 0]),
    ]:
        x = gp.tensor(values, device=device, requires_grad=True)
        op(x).backward()
        assert x.grad.tolist() == slopes


def test_empty(device):
    for op in (gp.median, gp.nanmedian):
        assert math.isnan(op(gp.zeros(0, device=device)).item())
        assert op(gp.zeros(0, dtype=gp.int64, device=device)).item() == -(2**63)
        assert op(gp.zeros(0, 3, device=device), 1).values.shape == (0,)
    for op in (gp.median, gp.nanmedian, gp.mode):
        with pytest.raises(IndexRangeError, match=f"{op.__name__}: Expected reduction dim 0 to have non-zero"):
            op(gp.zeros(0, 3, device=device), 0)


def test_booleans(device):
    x = gp.tensor([True, False, True], device=device)
    for op in (gp.median, gp.nanmedian):
        with pytest.raises(UnsupportedError, match=f"{op.__name__}: not implemented for gpunn.bool"):
            op(x)
    assert gp.mode(x).values.item() is True


MODES = [
    ([3, 1, 1, 3, 2], 1, 2),
    ([5], 5, 0),
    ([2, 2, 2], 2, 2),
    ([0.5, nan, nan, 0.5], 0.5, 3),
    ([nan, 1.0, nan], nan, 0),
    ([4, 3, 2, 1], 1, 3),
    ([7, 8, 8, 7, 8, 7, 7, 0], 7, 6),
]


@pytest.mark.parametrize(("values", "value", "index"), MODES)
def test_mode(values, value, index, device):
    found = gp.mode(gp.tensor(values, device=device))
    np.testing.assert_equal(found.values.item(), value)
    assert found.indices.item() == index


@pytest.mark.parametrize(("shape", "dim"), CASES)
def test_mode_along_dims(shape, dim, device):
    x = np.random.default_rng(3).integers(0, 3, shape)

    def reference(row):
        values, counts = np.unique(row, return_counts=True)
        best = values[counts.argmax()]
        return best, np.flatnonzero(row == best)[-1]

    for keepdim in (False, True):
        found = gp.mode(gp.tensor(x, device=device), dim, keepdim)
        for part, array in enumerate(found):
            wanted = np.apply_along_axis(lambda row, part=part: reference(row)[part], dim, x)
            np.testing.assert_array_equal(array.cpu().numpy(), np.expand_dims(wanted, dim) if keepdim else wanted)


def test_gradient_of_mode(device):
    x = gp.tensor([[1.0, 1.0, 2.0]], device=device, requires_grad=True)
    gp.mode(x, 1).values.sum().backward()
    assert x.grad.tolist() == [[0, 1, 0]]

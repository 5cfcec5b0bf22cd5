import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpunn as gp
from gpunn.errors import (
    ArgumentError,
    ArgumentTypeError,
    DtypeError,
    IndexRangeError,
    ShapeError,
    UnsupportedError,
)

inf, nan = math.inf, math.nan
ROWS = np.array([[1, 3, 3, 5], [0, 0, 2, 9]])
VALUES = np.array([[3, 0, 6, 5, 4], [0, 1, 9, -1, 10]])
DTYPES = ["uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


def row_by_row(rows, values, side):
    return np.stack([np.searchsorted(r, v, side) for r, v in zip(rows, values, strict=True)])


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("name", DTYPES)
def test_searchsorted(name, right, device):
    rows = gp.tensor(ROWS, dtype=getattr(gp, name), device=device)
    kept = np.abs(VALUES)
    values = gp.tensor(kept, dtype=getattr(gp, name), device=device)
    side = "right" if right else "left"
    for options in ({"right": right}, {"side": side}):
        found = gp.searchsorted(rows, values, **options)
        assert found.dtype is gp.int64
        np.testing.assert_array_equal(found.cpu().numpy(), row_by_row(ROWS, kept, side))
        found = gp.searchsorted(rows[0], values, out_int32=True, **options)
        assert found.dtype is gp.int32
        np.testing.assert_array_equal(found.cpu().numpy(), np.searchsorted(ROWS[0], kept, side))


@given(st.integers(0, 9), st.integers(0, 5), st.booleans(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_rows_of_any_length(n, m, right, seed):
    rng = np.random.default_rng(seed)
    rows, values = np.sort(rng.integers(0, 6, (3, n)), 1), rng.integers(-1, 7, (3, m))
    found = gp.searchsorted(gp.tensor(rows), gp.tensor(values), right=right)
    np.testing.assert_array_equal(found.numpy(), row_by_row(rows, values, "right" if right else "left"))


def test_numbers_and_mixed_dtypes(device):
    rows = gp.tensor([1, 3, 5], device=device)
    assert gp.searchsorted(rows, 3).item() == 1
    assert gp.searchsorted(rows, 3.5).item() == 2
    assert gp.searchsorted(rows, gp.tensor([3.5], device=device)).tolist() == [2]
    assert gp.searchsorted(rows, gp.tensor(3, device=device), right=True).shape == ()


def test_nan_belongs_to_the_end(device):
    values = gp.tensor([[nan, inf, -inf]], device=device)
    for right in (False, True):
        assert gp.searchsorted(gp.tensor([1.0, 2.0], device=device), values, right=right).tolist() == [[2, 2, 0]]
        assert gp.searchsorted(gp.tensor([[1.0, 2.0]], device=device), values, right=right).tolist() == [[2, 2, 0]]


def test_empty(device):
    assert gp.searchsorted(gp.zeros(0, device=device), gp.tensor([1.0], device=device)).tolist() == [0]
    assert gp.searchsorted(gp.zeros(2, 0, device=device), gp.zeros(2, 3, device=device)).tolist() == [[0] * 3] * 2
    assert gp.searchsorted(gp.zeros(3, device=device), gp.zeros(2, 0, device=device)).shape == (2, 0)


def test_sorter(device):
    rows = gp.tensor([[5, 1, 3], [2, 4, 0]], device=device)
    values = gp.tensor([[3, 6], [0, 1]], device=device)
    found = gp.searchsorted(rows, values, sorter=gp.argsort(rows))
    assert found.tolist() == [[1, 3], [0, 1]]
    assert gp.searchsorted(rows[0], values, sorter=gp.argsort(rows[0])).tolist() == [[1, 3], [0, 0]]


def test_bucketize(device):
    edges = gp.tensor([1.0, 2.0], device=device)
    values = gp.tensor([[0.5, 1.0, 1.5, 2.0, 3.0]], device=device)
    assert gp.bucketize(values, edges).tolist() == [[0, 0, 1, 1, 2]]
    assert gp.bucketize(values, edges, right=True).tolist() == [[0, 1, 1, 2, 2]]
    assert gp.bucketize(values, edges, out_int32=True).dtype is gp.int32
    assert gp.bucketize(1.5, edges).item() == 1
    with pytest.raises(ShapeError, match=r"bucketize: boundaries tensor must be 1 dimension, but got dim\(2\)"):
        gp.bucketize(values, values)
    with pytest.raises(ArgumentTypeError, match="bucketize: argument 'boundaries' must be a Tensor, not int"):
        gp.bucketize(1, 2)


def test_errors(device):
    rows, value = gp.tensor([1, 3, 5], device=device), gp.tensor([3], device=device)
    with pytest.raises(ArgumentError, match="side can only be 'left' or 'right' but got x"):
        gp.searchsorted(rows, value, side="x")
    with pytest.raises(ArgumentError, match="side and right can't be set to opposites"):
        gp.searchsorted(rows, value, side="left", right=True)
    with pytest.raises(ShapeError, match="should have positive dimension"):
        gp.searchsorted(gp.tensor(5, device=device), value)
    for wrong in (value, 3):
        with pytest.raises(ShapeError, match=r"first N-1 dimensions .* got shapes \(1, 3\)"):
            gp.searchsorted(rows.unsqueeze(0), wrong)
    with pytest.raises(ArgumentTypeError, match="'sorted_sequence' must be a Tensor, not list"):
        gp.searchsorted([1, 2], value)
    with pytest.raises(UnsupportedError, match="searchsorted: not implemented for bool"):
        gp.searchsorted(rows.bool(), value)
    with pytest.raises(ShapeError, match=r"must have the same size, .*\(3,\) and got sorter tensor \(2,\)"):
        gp.searchsorted(rows, value, sorter=gp.tensor([1, 2], device=device))
    with pytest.raises(DtypeError, match=r"sorter must be a tensor of long dtype but got dtype gpunn.float32"):
        gp.searchsorted(rows, value, sorter=gp.tensor([1.0, 2.0, 0.0], device=device))
    for wrong in (3, -1):
        with pytest.raises(IndexRangeError, match="sorter index out of range"):
            gp.searchsorted(rows, value, sorter=gp.tensor([1, 2, wrong], device=device))

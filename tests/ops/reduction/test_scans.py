import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gpunn as gp
from gpunn.errors import IndexRangeError, UnsupportedError
from gpunn.ops.reduction.scans import Scan
from tests.harness import check_dtypes, check_op

inf, nan = math.inf, math.nan
CASES = [((), 0), ((5,), -1), ((9, 2), 0), ((3, 4), 1), ((2, 3, 4), 1), ((1, 3), 0), ((0, 2), 0)]


def log_cum_sum_exp(x, axis):
    return np.log(np.exp(x).cumsum(axis))


def cumulative(accumulate):
    """Values and places of the running extreme; without ties the places are those of the values."""

    def reference(x, axis):
        values = accumulate(x, axis)
        moved, tops = np.moveaxis(x, axis, 0), np.moveaxis(values, axis, 0)
        places = np.array([(moved == top).argmax(0) for top in tops], np.int64).reshape(tops.shape)
        return values, np.moveaxis(places, 0, axis)

    return reference


TABLE = [
    (gp.cumsum, np.cumsum),
    (gp.logcumsumexp, log_cum_sum_exp),
    (gp.cummax, cumulative(np.maximum.accumulate)),
    (gp.cummin, cumulative(np.minimum.accumulate)),
]


@pytest.mark.parametrize(("shape", "dim"), CASES)
@pytest.mark.parametrize(("op", "reference"), TABLE)
def test_along_dim(op, reference, shape, dim, device):
    if shape:
        check_op(lambda x: op(x, dim), lambda x: reference(x, dim), [shape], device)
    else:
        identity = (lambda x: (x, np.array(0))) if op in (gp.cummax, gp.cummin) else (lambda x: x)
        check_op(lambda x: op(x, dim), identity, [shape], device)


@pytest.mark.parametrize(("op", "reference"), TABLE[:2])
def test_half_types(op, reference, device):
    values = np.linspace(-1, 1.4, 60).reshape(30, 2)
    check_dtypes(lambda x: op(x, 0), lambda x: reference(x, 0), [values], device)


@pytest.mark.parametrize("name", ["bool", "uint8", "int64", "float16", "bfloat16", "float32"])
def test_dtypes_of_the_extremes(name, device):
    x = gp.tensor([0, 1, 0, 1], dtype=getattr(gp, name), device=device)
    for op, values, places in [(gp.cummax, [0, 1, 1, 1], [0, 1, 1, 3]), (gp.cummin, [0] * 4, [0, 0, 2, 2])]:
        found = op(x, 0)
        assert found.values.dtype is x.dtype
        assert found.indices.dtype is gp.int64
        assert found.values.tolist() == values
        assert found.indices.tolist() == places


@pytest.mark.parametrize("name", ["bool", "uint8", "int8", "int32", "int64"])
def test_integers(name, device):
    x = gp.tensor([1, 1, 0], dtype=getattr(gp, name), device=device)
    assert gp.cumsum(x, 0).dtype is gp.int64
    assert gp.cumsum(x, 0).tolist() == [1, 2, 2]
    with pytest.raises(UnsupportedError, match=f"logcumsumexp: not implemented for gpunn.{name}"):
        gp.logcumsumexp(x, 0)


def test_dtype_converts_first(device):
    assert gp.cumsum(gp.tensor([200, 100], device=device), 0, dtype=gp.uint8).tolist() == [200, 44]
    assert gp.cumsum(gp.tensor([1.5, 1.5], device=device), 0, dtype=gp.int32).tolist() == [1, 2]
    x = gp.tensor([1.0, 2.0], device=device, requires_grad=True)
    gp.cumsum(x, 0, dtype=gp.float64).sum().backward()
    assert x.grad.dtype is gp.float32
    assert x.grad.tolist() == [2, 1]


def test_long_sums_keep_their_digits():
    x = np.full(10**6, 0.1, np.float32)
    found = gp.cumsum(gp.tensor(x), 0).numpy()
    np.testing.assert_allclose(found[-1], np.float64(np.float32(0.1)) * 10**6, rtol=1e-7)


@given(
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=9), elements=st.sampled_from([0, 1, 2, nan])),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_extremes_element_by_element(x, largest):
    """Of equal ones the last counts; once there is a NaN, it stays."""
    rows = x.reshape(-1, x.shape[-1])
    best, places = np.zeros(rows.shape, np.float32), np.zeros(rows.shape, np.int64)
    for r, row in enumerate(rows):
        at = 0
        for i, v in enumerate(row):
            beats = v >= row[at] if largest else v <= row[at]
            if math.isnan(v) or (not math.isnan(row[at]) and beats):
                at = i
            best[r, i], places[r, i] = row[at], at
    found = (gp.cummax if largest else gp.cummin)(gp.tensor(x), -1)
    np.testing.assert_array_equal(found.values.numpy(), best.reshape(x.shape))
    np.testing.assert_array_equal(found.indices.numpy(), places.reshape(x.shape))


def test_gradient_goes_to_the_chosen(device):
    x = gp.tensor([1.0, nan, 2.0, nan, 3.0], device=device, requires_grad=True)
    gp.cummax(x, 0).values.sum().backward()
    assert x.grad.tolist() == [1, 2, 0, 2, 0]
    y = gp.tensor([2.0, 2.0, 3.0, 1.0], device=device, requires_grad=True)
    gp.cummin(y, 0).values.sum().backward()
    assert y.grad.tolist() == [1, 2, 0, 1]


@pytest.mark.parametrize(
    ("values", "result"),
    [
        ([-inf, -inf, 0.0, inf], [-inf, -inf, 0.0, inf]),
        ([nan, 1.0], [nan, nan]),
        ([1000.0, 1000.0], [1000.0, 1000 + math.log(2)]),
        ([-1000.0, 1000.0], [-1000.0, 1000.0]),
    ],
)
def test_logcumsumexp_of_special_values(values, result, device):
    x = gp.tensor(values, dtype=gp.float64, device=device)
    np.testing.assert_allclose(gp.logcumsumexp(x, 0).cpu().numpy(), result, rtol=1e-12)


def test_gradient_of_logcumsumexp_does_not_overflow(device):
    x = gp.tensor([-800.0, 900.0, 0.0], dtype=gp.float64, device=device, requires_grad=True)
    gp.logcumsumexp(x, 0).sum().backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), [1, 2, 0])


def test_second_derivative_of_logcumsumexp_does_not_overflow(device):
    x = gp.tensor([-800.0, 0.0], dtype=gp.float64, device=device, requires_grad=True)
    (slope,) = gp.autograd.grad(gp.logcumsumexp(x, 0)[0], x, create_graph=True)
    slope.sum().backward()
    assert x.grad.tolist() == [0, 0]


@pytest.mark.parametrize("op", [gp.cumsum, gp.cummax, gp.cummin, gp.logcumsumexp])
def test_errors(op):
    with pytest.raises(IndexRangeError, match=rf"{op.__name__}: Dimension out of range"):
        op(gp.zeros(2), 1)
    with pytest.raises(TypeError, match=op.__name__):
        op(gp.zeros(2), None)


def test_a_scan_without_values_says_so():
    with pytest.raises(NotImplementedError, match="Scan has no forward"):
        Scan(0)(gp.zeros(2))


def test_in_place(device):
    x = gp.tensor([[1.0, 2.0], [3.0, 4.0]], device=device)
    version = x._version[0]
    assert x.cumsum_(1) is x
    assert x.tolist() == [[1, 3], [3, 7]]
    assert x._version[0] == version + 1
    y = gp.tensor([100, 100], dtype=gp.int8, device=device)
    assert y.cumsum_(0).tolist() == [100, -56]

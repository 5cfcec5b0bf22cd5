import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gpunn as gp
from gpunn.errors import DtypeError, IndexRangeError, UnsupportedError
from tests.harness import check_op

inf, nan = math.inf, math.nan
CASES = [((5,), -1), ((3, 4), 0), ((3, 4), 1), ((2, 3, 4), 1), ((0, 2), 0), ((2, 0), 0)]


def ordered(x, axis, descending):
    index = np.argsort(-x if descending else x, axis, kind="stable")
    return np.take_along_axis(x, index, axis), index


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("shape", "dim"), CASES)
def test_sort(shape, dim, descending, device):
    check_op(lambda x: gp.sort(x, dim, descending), lambda x: ordered(x, dim, descending), [shape], device)
    check_op(lambda x: gp.argsort(x, dim, descending), lambda x: ordered(x, dim, descending)[1], [shape], device)


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("k", [0, 1, 2, 5])
def test_topk(k, largest, device):
    def reference(x):
        values, index = ordered(x, 1, largest)
        return values[:, :k], index[:, :k]

    check_op(lambda x: gp.topk(x, k, 1, largest), reference, [(3, 5)], device)
    check_op(lambda x: gp.topk(x.T, k, 0, largest), lambda x: tuple(a.T for a in reference(x)), [(3, 5)], device)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_kthvalue(k, keepdim, device):
    def reference(x):
        values, index = (a[:, k - 1 : k] for a in ordered(x, 1, False))
        return (values, index) if keepdim else (values[:, 0], index[:, 0])

    check_op(lambda x: gp.kthvalue(x, k, 1, keepdim), reference, [(3, 5)], device)


def test_scalars(device):
    x = gp.tensor(3.0, device=device, requires_grad=True)
    for found in (gp.sort(x), gp.sort(x, descending=True), gp.topk(x, 1), gp.kthvalue(x, 1)):
        assert found.values.item() == 3
        assert found.indices.item() == 0
        assert found.values.shape == found.indices.shape == ()
    assert gp.argsort(x).item() == 0
    gp.sort(x).values.backward()
    assert x.grad.item() == 1


DTYPES = ["bool", "uint8", "int8", "int64", "float16", "bfloat16", "float32", "float64"]


@pytest.mark.parametrize("name", DTYPES)
def test_dtypes_and_equal_elements(name, device):
    x = gp.tensor([1, 0, 1, 0, 1], dtype=getattr(gp, name), device=device)
    up, down = gp.sort(x), gp.sort(x, descending=True)
    assert up.values.dtype is down.values.dtype is x.dtype
    assert up.indices.dtype is down.indices.dtype is gp.argsort(x).dtype is gp.int64
    assert up.indices.tolist() == [1, 3, 0, 2, 4]
    assert down.indices.tolist() == [0, 2, 4, 1, 3]
    if name == "bool":
        with pytest.raises(DtypeError, match="topk: does not support bool"):
            gp.topk(x, 1)
        with pytest.raises(UnsupportedError, match=r"kthvalue: not implemented for gpunn.bool"):
            gp.kthvalue(x, 1)
    else:
        assert gp.topk(x, 2).values.tolist() == [1, 1]
        assert gp.kthvalue(x, 2).values.item() == 0
        assert gp.kthvalue(x, 3).values.item() == 1


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32"])
def test_nan_is_the_largest(name, device):
    x = gp.tensor([nan, 1.0, -inf, inf, nan], dtype=getattr(gp, name), device=device)
    assert gp.sort(x).indices.tolist() == [2, 1, 3, 0, 4]
    assert gp.sort(x, descending=True).indices.tolist() == [0, 4, 3, 1, 2]
    assert sorted(gp.topk(x, 2).indices.tolist()) == [0, 4]
    assert gp.topk(x, 3, largest=False).indices.tolist() == [2, 1, 3]
    assert gp.kthvalue(x, 3).values.item() == inf


@given(hnp.arrays(np.int8, hnp.array_shapes(max_dims=3, max_side=6), elements=st.integers(-3, 3)), st.data())
@settings(max_examples=60, deadline=None)
def test_any_shape(x, data):
    dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
    descending = data.draw(st.booleans())
    t = gp.tensor(x.transpose(data.draw(st.permutations(range(x.ndim)))))
    found, wide = gp.sort(t, dim, descending), t.numpy().astype(np.int64)
    values, index = ordered(wide, dim, descending)
    np.testing.assert_array_equal(found.values.numpy(), values)
    np.testing.assert_array_equal(found.indices.numpy(), index)
    k = data.draw(st.integers(0, t.shape[dim]))
    best = gp.topk(t, k, dim, descending)
    part = np.take(values, range(k), axis=dim)
    np.testing.assert_array_equal(best.values.numpy(), part)
    np.testing.assert_array_equal(np.take_along_axis(wide, best.indices.numpy(), dim), part)


def test_equal_elements_keep_their_order_in_long_rows(device):
    x = np.random.default_rng(0).integers(0, 5, 1000)
    for name in ("uint8", "int64", "bfloat16", "float32", "float64"):
        t = gp.tensor(x, dtype=getattr(gp, name), device=device)
        for descending in (False, True):
            np.testing.assert_array_equal(
                gp.argsort(t, descending=descending).cpu().numpy(), ordered(x, 0, descending)[1]
            )


def test_stable_is_accepted(device):
    x = gp.tensor([2, 1], device=device)
    assert gp.sort(x, stable=True).values.tolist() == [1, 2]
    assert gp.sort(x, stable=True, dim=0, descending=True).values.tolist() == [2, 1]
    assert gp.argsort(x, -1, True, stable=True).tolist() == [0, 1]


def test_msort(device):
    check_op(gp.msort, lambda x: np.sort(x, 0), [(4, 3)], device)


def test_errors(device):
    x = gp.zeros(2, 3, device=device)
    for k in (-1, 4):
        with pytest.raises(IndexRangeError, match=rf"topk: selected index k out of range: k is {k}.*\(2, 3\)"):
            gp.topk(x, k)
    for k in (0, 4):
        with pytest.raises(IndexRangeError, match=rf"selected number k out of range for dimension 1: k is {k}"):
            gp.kthvalue(x, k)
    with pytest.raises(IndexRangeError, match="kthvalue: Expected reduction dim 0 to have non-zero size"):
        gp.kthvalue(gp.zeros(0, 2, device=device), 1, 0)
    for op in (gp.sort, gp.argsort):
        with pytest.raises(IndexRangeError, match=f"{op.__name__}: Dimension out of range"):
            op(x, 2)

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gpunn as gp
from gpunn.errors import DtypeError, IndexRangeError
from gpunn.ops.reduction.extrema import ties
from tests.harness import check_op

inf, nan = math.inf, math.nan
CASES = [((), 0), ((5,), -1), ((3, 4), 0), ((3, 4), 1), ((2, 3, 4), 1)]
ONE = [(gp.max, np.max, np.argmax), (gp.min, np.min, np.argmin)]
SEVERAL = [(gp.amax, np.max), (gp.amin, np.min)]


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize(("shape", "dim"), CASES)
@pytest.mark.parametrize(("op", "reference", "place"), ONE)
def test_along_one_dim(op, reference, place, shape, dim, keepdim, device):
    axis = dim if shape else None
    check_op(
        lambda x: op(x, dim, keepdim),
        lambda x: (reference(x, axis=axis, keepdims=keepdim), place(x, axis=axis, keepdims=keepdim)),
        [shape],
        device,
    )
    check_op(
        lambda x: (gp.argmax if op is gp.max else gp.argmin)(x, dim, keepdim),
        lambda x: place(x, axis=axis, keepdims=keepdim),
        [shape],
        device,
    )


@pytest.mark.parametrize("shape", [(), (5,), (3, 4)])
@pytest.mark.parametrize(("op", "reference", "place"), ONE)
def test_of_all(op, reference, place, shape, device):
    check_op(op, reference, [shape], device)
    at = gp.argmax if op is gp.max else gp.argmin
    check_op(at, place, [shape], device)
    check_op(lambda x: at(x, keepdim=True), lambda x: place(x, keepdims=True), [shape], device)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize(("shape", "dim"), [*CASES, ((2, 3, 4), (0, -1)), ((3, 4), [0, 1])])
@pytest.mark.parametrize(("op", "reference"), SEVERAL)
def test_over_several_dims(op, reference, shape, dim, keepdim, device):
    axis = (tuple(dim) if isinstance(dim, list) else dim) if shape else None
    check_op(lambda x: op(x, dim, keepdim), lambda x: reference(x, axis=axis, keepdims=keepdim), [shape], device)


@pytest.mark.parametrize(("op", "reference"), SEVERAL)
def test_over_all_dims(op, reference, device):
    check_op(op, reference, [(3, 4)], device)
    check_op(lambda x: op(x, keepdim=True), lambda x: reference(x, keepdims=True), [(3, 4)], device)


def test_aminmax(device):
    check_op(gp.aminmax, lambda x: (x.min(), x.max()), [(3, 4)], device)
    check_op(lambda x: gp.aminmax(x, dim=1), lambda x: (x.min(1), x.max(1)), [(3, 4)], device)
    found = gp.aminmax(gp.tensor([[3, 1], [2, 5]], device=device), dim=0, keepdim=True)
    assert found.min.tolist() == [[2, 1]]
    assert found.max.tolist() == [[3, 5]]


def test_with_another_tensor(device):
    check_op(lambda a, b: gp.max(a, b), np.maximum, [(3, 4), (4,)], device)
    check_op(lambda a, b: gp.min(a, other=b), np.minimum, [(3, 4), (3, 1)], device)


@given(
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=5), elements=st.sampled_from([-1, 0, 1, 2, nan])),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_ties_and_nan_as_numpy_has_them(x, data):
    dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
    t = gp.tensor(x)
    for op, reference, place in ONE:
        found = op(t, dim)
        np.testing.assert_array_equal(found.values.numpy(), reference(x, axis=dim))
        np.testing.assert_array_equal(found.indices.numpy(), place(x, axis=dim))


@pytest.mark.parametrize("name", ["bool", "uint8", "int64", "float16", "bfloat16", "float32", "float64"])
def test_dtypes(name, device):
    x = gp.tensor([[0, 1, 1], [1, 0, 1]], dtype=getattr(gp, name), device=device)
    found = gp.max(x, 1)
    assert found.values.dtype is x.dtype
    assert found.indices.dtype is gp.int64
    assert found.indices.tolist() == [1, 0]
    assert gp.min(x, 1).indices.tolist() == [0, 1]
    for op in (gp.max, gp.amax):
        assert op(x).dtype is x.dtype
        assert op(x).item() == 1
    assert gp.amin(x, 0).tolist() == [0, 0, 1]
    if name != "bool":
        assert gp.argmax(x).item() == 1
        assert gp.argmin(x, 0).tolist() == [0, 1, 0]


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32"])
def test_nan_wins(name, device):
    x = gp.tensor([1.0, nan, 3.0, nan], dtype=getattr(gp, name), device=device)
    for op in (gp.max, gp.min):
        found = op(x, 0)
        assert math.isnan(found.values.item())
        assert found.indices.item() == 1
        assert math.isnan(op(x).item())
    for op in (gp.amax, gp.amin):
        assert math.isnan(op(x).item())
    assert gp.argmax(x).item() == gp.argmin(x).item() == 1


TIES = [
    (lambda x: gp.max(x), [1.0, 3.0, 3.0], [0, 0.5, 0.5]),
    (lambda x: gp.min(x), [1.0, 3.0, 1.0], [0.5, 0, 0.5]),
    (lambda x: gp.amax(x, 0), [3.0, 3.0, 3.0], [1 / 3] * 3),
    (lambda x: gp.amin(x, 0), [1.0, 3.0, 3.0], [1, 0, 0]),
    (lambda x: gp.aminmax(x)[0], [1.0, 3.0, 1.0], [0.5, 0, 0.5]),
    (lambda x: gp.max(x, 0)[0], [1.0, 3.0, 3.0], [0, 1, 0]),
    (lambda x: gp.min(x, 0)[0], [1.0, 3.0, 1.0], [1, 0, 0]),
    (lambda x: gp.max(x), [1.0, nan, nan], [0, 0.5, 0.5]),
    (lambda x: gp.max(x, 0)[0], [1.0, nan, nan], [0, 1, 0]),
]


@pytest.mark.parametrize(("op", "values", "slopes"), TIES)
def test_gradients_of_ties(op, values, slopes, device):
    x = gp.tensor(values, device=device, requires_grad=True)
    op(x).backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), slopes, rtol=1e-6)


def test_indices_changed_in_place_do_no_harm(device):
    x = gp.tensor([[1.0, 3.0], [4.0, 2.0]], device=device, requires_grad=True)
    values, indices = gp.max(x, 1)
    indices.add_(1)
    values.sum().backward()
    assert x.grad.tolist() == [[0, 1], [1, 0]]


def test_only_the_values_carry_gradients(device):
    x = gp.ones(2, 2, device=device, requires_grad=True)
    values, indices = gp.max(x, 1)
    assert values.requires_grad
    assert not indices.requires_grad


def test_empty(device):
    x = gp.zeros(0, 3, device=device)
    assert gp.max(x, 1).values.shape == (0,)
    assert gp.amax(x, 1).shape == gp.argmax(x, 1).shape == (0,)
    for op in (gp.max, gp.min, gp.amax, gp.amin, gp.argmax, gp.argmin):
        with pytest.raises(IndexRangeError, match=rf"{op.__name__}.*non-zero size.*\(0, 3\)"):
            op(x, 0)
        with pytest.raises(IndexRangeError, match=rf"{op.__name__}.*numel\(\) == 0.*\(0, 3\)"):
            op(x)
    with pytest.raises(IndexRangeError, match="aminmax"):
        gp.aminmax(x)


def test_booleans_have_no_argmax(device):
    for op in (gp.argmax, gp.argmin):
        with pytest.raises(DtypeError, match=rf"{op.__name__}\(\): does not support bool input"):
            op(gp.tensor([True], device=device))


@pytest.mark.parametrize("wrong", [1.5, "a", True])
def test_wrong_dims(wrong):
    for op in (gp.max, gp.amin, gp.argmax):
        with pytest.raises(TypeError, match=op.__name__):
            op(gp.zeros(2, 2), wrong)


def test_ties_shares():
    x = np.array([[1.0, 1.0], [nan, 2.0]])
    found = ties(x, np.array([[1.0], [nan]]), (1,))
    np.testing.assert_array_equal(found, [[0.5, 0.5], [1, 0]])


def test_versions_are_checked(device):
    x = gp.ones(3, device=device, requires_grad=True)
    y = x * 2
    z = gp.amax(y, 0)
    y.add_(1)
    with pytest.raises(RuntimeError, match="Amax"):
        z.backward()

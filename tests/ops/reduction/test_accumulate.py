"""The sums of arrays: every layout and every set of axes, and the digits that a plain float32 sum would lose."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpunn as gp
from gpunn import backend
from gpunn.ops.reduction.accumulate import BLOCK, accumulated, is_half, line_dots, moments, reduced_size, total, widened

LAYOUTS = {
    "contiguous": lambda x: x,
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "swapped": lambda x: np.ascontiguousarray(x.swapaxes(0, -1)).swapaxes(0, -1),
    "stepped": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "reversed": lambda x: x[::-1].copy()[::-1],
    "expanded": lambda x: np.broadcast_to(x[:1], x.shape),
}


@st.composite
def arrays_and_axes(draw):
    shape = draw(st.lists(st.sampled_from([1, 2, 3, 31, 33, 70]), min_size=1, max_size=3).map(tuple))
    axes = draw(st.sets(st.integers(0, len(shape) - 1)).map(sorted).map(tuple))
    x = np.random.default_rng(math.prod(shape)).standard_normal(shape).astype(np.float32)
    return LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](x), axes


@given(arrays_and_axes(), st.booleans())
@settings(max_examples=120, deadline=None)
def test_sum_of_any_layout_over_any_axes(given, keepdims):
    x, axes = given
    found = accumulated(x, axes, keepdims)
    wide = x.astype(np.float64)
    np.testing.assert_array_equal(found.shape, wide.sum(axis=axes, keepdims=keepdims).shape)
    error = np.abs(found - wide.sum(axis=axes, keepdims=keepdims))
    assert np.all(error <= 2e-6 * np.abs(wide).sum(axis=axes, keepdims=keepdims))


TALL = [((300_000, 3), (0,)), ((30_000, 3, 5), (0, 2)), ((100, 3000, 2), (0, 1)), ((BLOCK * 5000 + 7, 1, 2), (0,))]


@pytest.mark.parametrize(("shape", "axes"), TALL)
@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_long_sums_keep_their_digits(shape, axes, name, device):
    """One by one, 300000 times 0.1 is wrong in the fourth digit."""
    x = gp.tensor(np.full(shape, 0.1, getattr(gp, name).numpy), device=device).array
    found = backend.asnumpy(accumulated(x, axes))
    exact = float(np.float64(x.dtype.type(0.1))) * reduced_size(shape, axes)
    np.testing.assert_allclose(found, np.full(found.shape, exact), rtol=1e-6)


def test_the_order_of_memory_changes_no_more_than_the_last_digit(device):
    x = np.random.default_rng(0).standard_normal((8, 16, 12, 12)).astype(np.float32) + 1
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    sums = [accumulated(gp.tensor(0.0, device=device).array + move(a, device), (0, 2, 3)) for a in (x, last)]
    first, second = (backend.asnumpy(s) for s in sums)
    np.testing.assert_allclose(first, second, rtol=1e-6)


def move(a, device):
    """`a` on `device`, in its layout."""
    return backend.to_device(a, backend.device(device))


@pytest.mark.parametrize(("given", "wanted"), [("bool", "int64"), ("int8", "int64"), ("float16", "float16")])
def test_total_has_the_type_of_pytorch_sums(given, wanted, device):
    x = gp.tensor([[1, 0], [1, 1]], dtype=getattr(gp, given), device=device).array
    found = total(x, (0,))
    assert gp.Tensor(found).dtype is getattr(gp, wanted)
    assert backend.asnumpy(found).tolist() == [2, 1]


def test_total_of_integers_in_a_given_type(device):
    x = gp.tensor([200, 100], dtype=gp.uint8, device=device).array
    assert int(total(x, (0,), dtype=np.uint8)) == 44


def test_widened(device):
    for name, wide in [("float16", "float32"), ("bfloat16", "float32"), ("float32", "float32"), ("int8", "int8")]:
        assert widened(gp.tensor([1], dtype=getattr(gp, name), device=device).array).dtype == wide


@pytest.mark.parametrize(("center", "limit"), [(0, 1e-6), (1000, 5e-5), (1e6, 5e-5)])
def test_moments_of_a_million_rows(center, limit):
    x = (np.random.default_rng(1).standard_normal((10**6, 2)) + center).astype(np.float32)
    mean, squares, n = moments(x, (0,))
    exact = x.astype(np.float64)
    assert n == 10**6
    np.testing.assert_allclose(mean[0], exact.mean(0), rtol=0, atol=limit)
    np.testing.assert_allclose(squares[0] / n, exact.var(0), rtol=limit)


def test_moments_of_equal_elements_are_not_negative(device):
    for value in (0.1, 1e-20, 12345.678):
        mean, squares, _ = moments(gp.full((77, 3), value, device=device).array, (0,))
        squares = backend.asnumpy(squares)
        assert np.all(squares >= 0)
        assert np.all(squares <= (1e-6 * value) ** 2)
        np.testing.assert_allclose(backend.asnumpy(mean), value, rtol=1e-6)


def test_moments_of_nothing_are_nan(device):
    with np.errstate(all="ignore"):
        mean, squares, n = moments(gp.zeros(0, 3, device=device).array, (0,))
    assert n == 0
    assert np.isnan(backend.asnumpy(mean)).all()
    assert backend.asnumpy(squares).shape == (1, 3)


@pytest.mark.parametrize("length", [0, 1, 1023, 1024, 2500, 1_000_000])
def test_line_dots(length):
    a, b = np.random.default_rng(length).standard_normal((2, 2, length)).astype(np.float32)
    wide = a.astype(np.float64), b.astype(np.float64)
    found = line_dots(a, b)
    assert found.dtype == np.float64 and found.shape == (2,)
    assert (np.abs(found - (wide[0] * wide[1]).sum(-1)) <= 1e-6 * np.abs(wide[0] * wide[1]).sum(-1)).all()


def test_line_dots_of_equal_numbers_lose_no_digits():
    x = np.full(10**6, 0.1, np.float32)
    np.testing.assert_allclose(line_dots(x, x), 10**6 * np.float64(np.float32(0.1)) ** 2, rtol=2e-6)


def test_is_half():
    assert [is_half(gp.tensor([1]).to(d).array) for d in gp.dtypes.ALL] == [
        d in (gp.float16, gp.bfloat16) for d in gp.dtypes.ALL
    ]

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpunn as gp
from gpunn.errors import ArgumentTypeError, DtypeError, IndexRangeError
from tests.harness import check_dtypes, check_op

F = gp.nn.functional
INF, NAN = np.inf, np.nan


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True)) if x.size else x
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x, axis):
    return np.log(softmax(x, axis))


def softmin(x, axis):
    return softmax(-x, axis)


TABLE = [(F.softmax, softmax), (F.log_softmax, log_softmax), (F.softmin, softmin)]
METHODS = [(gp.Tensor.softmax, softmax), (gp.Tensor.log_softmax, log_softmax)]


@pytest.mark.parametrize(
    ("shape", "dim"), [((3, 4), 1), ((3, 4), 0), ((3, 4), -2), ((2, 3, 4), 1), ((5,), 0), ((2, 1), 1), ((0, 3), 1)]
)
@pytest.mark.parametrize(("op", "reference"), TABLE + METHODS)
def test_values_and_derivatives(op, reference, shape, dim, device):
    check_op(lambda x: op(x, dim), lambda x: reference(x, dim), [shape], device, rtol=1e-11)
    check_dtypes(lambda x: op(x, dim), lambda x: reference(x, dim), [shape], device)


# Shared by a thread, a warp, a block of 256 and of 512; side by side by 8 and by 16 threads.
LENGTHS = [((3, 32), 1), ((2, 37), 1), ((2, 1031), 1), ((1, 16_391), 1), ((2, 37, 35), 1), ((1027, 3), 0)]


@pytest.mark.parametrize(("shape", "dim"), LENGTHS)
@pytest.mark.parametrize(("op", "reference"), TABLE[:2])
def test_lines_of_any_length(op, reference, shape, dim, device):
    x = np.random.default_rng(0).normal(0, 5, shape)
    check_op(lambda x: op(x, dim), lambda x: reference(x, dim), [x], device, derivatives=1, rtol=1e-10)
    check_dtypes(lambda x: op(x, dim), lambda x: reference(x, dim), [x], device, factor=2)


@pytest.mark.parametrize(("op", "reference"), TABLE[:2])
def test_a_layout_is_kept(op, reference, device):
    x = gp.tensor(np.random.default_rng(0).normal(size=(2, 5, 6, 37)), device=device).permute(0, 3, 1, 2)
    x.requires_grad_()
    for dim in range(4):
        y = op(x, dim)
        assert y.stride() == x.stride()
        np.testing.assert_allclose(y.tolist(), reference(np.array(x.tolist()), dim), rtol=1e-12, atol=1e-14)
        (grad,) = gp.autograd.grad(y[:, ::2].sum(), x)
        (same,) = gp.autograd.grad(op(x.contiguous(), dim)[:, ::2].sum(), x)
        np.testing.assert_allclose(grad.tolist(), same.tolist(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("start", [0, 1, 3])
def test_any_alignment_gives_the_same_bits(start, device):
    x = gp.tensor(np.random.default_rng(0).normal(size=2100), dtype=gp.float16, device=device)
    row = x[start : start + 2000].clone()
    assert F.softmax(x[start : start + 2000], 0).tolist() == F.softmax(row, 0).tolist()


def test_infinities_far_from_each_other(device):
    """NaN and infinities reach the threads that do not meet them."""
    x = np.zeros((5, 300))
    x[0, 250], x[1, 7], x[2, :], x[3, ::2] = NAN, INF, -INF, -INF
    found = np.array(F.softmax(gp.tensor(x, device=device), 1).tolist())
    assert np.isnan(found[:3]).all() and not found[3, ::2].any()
    np.testing.assert_allclose([found[3, 1], found[4, 0]], [1 / 150, 1 / 300])


@pytest.mark.parametrize(("op", "reference"), TABLE)
def test_strided_input(op, reference, device):
    check_op(lambda x: op(x.T[::2], 0), lambda x: reference(x.T[::2], 0), [(3, 5)], device, rtol=1e-11)


@pytest.mark.parametrize(("op", "value"), [(F.softmax, 1.0), (F.log_softmax, 0.0), (F.softmin, 1.0)])
def test_no_dimensions(op, value, device):
    x = gp.tensor(3.0, device=device, requires_grad=True)
    y = op(x, 0)
    assert y.shape == () and y.item() == value
    y.backward()
    assert x.grad.item() == 0
    assert np.isnan(op(gp.tensor(INF, device=device), -1).item())


def test_third_derivative(device):
    x = gp.tensor([[0.3, -1.0, 0.7]], dtype=gp.float64, device=device, requires_grad=True)
    weights = gp.tensor([[0.2, 0.5, -0.4]], dtype=gp.float64, device=device)

    def second(z):
        (g,) = gp.autograd.grad((F.softmax(z, 1) * weights).sum(), z, create_graph=True)
        (h,) = gp.autograd.grad((g * weights).sum(), z, create_graph=True)
        return (h * weights).sum()

    second(x).backward()
    step = gp.tensor([[1e-5, -1e-5, 2e-5]], dtype=gp.float64, device=device)
    up, down = (second((x.detach() + s * step).requires_grad_()).item() for s in (1, -1))
    np.testing.assert_allclose((x.grad * step * 2).sum().item(), up - down, rtol=1e-6)


@pytest.mark.parametrize(
    ("row", "probabilities"),
    [
        ([1e4, -1e4, 1e4], [0.5, 0, 0.5]),
        ([3e38, -3e38, 0.0], [1, 0, 0]),
        ([-INF, 0.0, 0.0], [0, 0.5, 0.5]),
        ([-INF, -INF, -INF], [NAN, NAN, NAN]),
        ([INF, 0.0, 0.0], [NAN, NAN, NAN]),
        ([NAN, 0.0, 0.0], [NAN, NAN, NAN]),
    ],
)
def test_extreme_rows(row, probabilities, device):
    x = gp.tensor([row], device=device)
    np.testing.assert_array_equal(F.softmax(x, 1).tolist(), [probabilities])
    with np.errstate(divide="ignore"):
        logs = np.log(np.float64(probabilities))
    found = np.float64(F.log_softmax(x, 1).tolist()[0])
    finite = np.isfinite(logs)
    np.testing.assert_allclose(found[finite], logs[finite], rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(logs))


def test_log_softmax_keeps_the_digits_that_a_logarithm_would_lose(device):
    y = F.log_softmax(gp.tensor([[200.0, 0.0]], device=device), 1)
    assert y.tolist() == [[0.0, -200.0]]


def test_slow_axis_loses_no_digits(device):
    x = gp.zeros(100_003, 2, device=device)
    np.testing.assert_allclose(F.log_softmax(x, 0).tolist()[5], -np.log(100_003), rtol=3e-7)


@given(st.lists(st.lists(st.floats(-60, 60), min_size=4, max_size=4), min_size=1, max_size=5))
def test_rows_are_distributions_and_shifts_do_not_matter(rows):
    x = gp.tensor(rows, dtype=gp.float64)
    y = F.softmax(x, 1)
    assert bool((y >= 0).all())
    np.testing.assert_allclose(y.sum(1).tolist(), 1, rtol=1e-14)
    np.testing.assert_allclose(F.softmax(x + 3, 1).tolist(), y.tolist(), rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize(("rank", "dim"), [(1, 0), (2, 1), (3, 0), (4, 1)])
def test_dim_left_out(rank, dim):
    x = gp.tensor(np.arange(2.0**rank).reshape((2,) * rank))
    assert F.softmax(x).tolist() == F.softmax(x, dim).tolist()


def test_dtype_casts_first(device):
    x = gp.tensor([[1, 2]], device=device)
    y = F.softmax(x, 1, dtype=gp.float64)
    assert y.dtype is gp.float64
    np.testing.assert_allclose(y.tolist(), softmax(np.array([[1.0, 2.0]]), 1), rtol=1e-15)
    half = gp.tensor([[3.0, 3.0]], dtype=gp.float16, device=device, requires_grad=True)
    F.log_softmax(half, 1, dtype=gp.float32).sum().backward()
    assert half.grad.dtype is gp.float16


@pytest.mark.parametrize("op", [F.softmax, F.log_softmax, F.softmin])
def test_errors(op):
    name = op.__name__
    with pytest.raises(IndexRangeError, match=f"{name}: Dimension out of range"):
        op(gp.tensor([[1.0]]), 2)
    with pytest.raises(DtypeError, match=f"{name}: not implemented for gpunn.int64; pass dtype="):
        op(gp.tensor([[1]]), 1)
    with pytest.raises(ArgumentTypeError, match=f"{name}: expected a Tensor, got list"):
        op([1.0], 0)


def test_the_third_argument_may_be_a_dtype():
    x = gp.tensor([[1, 2, 3]], dtype=gp.int64)
    for op, reference in ((gp.softmax, softmax), (gp.log_softmax, log_softmax)):
        found = op(x, 1, gp.float64)
        assert found.dtype is gp.float64
        np.testing.assert_allclose(found.numpy(), reference(x.numpy().astype(np.float64), 1), rtol=1e-14)
    assert gp.nn.functional.softmax(x, 1, 3, gp.float64).dtype is gp.float64

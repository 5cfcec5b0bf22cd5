import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gpunn as gp
from gpunn import backend
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError
from gpunn.ops.reduction.sums import Mean, Reduction, Spread
from tests.harness import check_dtypes, check_op

inf, nan = math.inf, math.nan


def log_sum_exp(x, axis=None, keepdims=False):
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


TABLE = [
    (gp.sum, np.sum),
    (gp.mean, np.mean),
    (gp.nansum, np.nansum),
    (gp.nanmean, np.nanmean),
    (gp.logsumexp, log_sum_exp),
]
CASES = [((), 0), ((5,), -1), ((3, 4), 0), ((3, 4), 1), ((3, 4), (0, 1)), ((2, 3, 4), (0, -1)), ((2, 3, 4), [1])]


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize(("shape", "dim"), CASES)
@pytest.mark.parametrize(("op", "reference"), TABLE)
def test_along_dims(op, reference, shape, dim, keepdim, device):
    axis = (tuple(dim) if isinstance(dim, list) else dim) if shape else None
    check_op(
        lambda x: op(x, dim, keepdim),
        lambda x: reference(x, axis=axis, keepdims=keepdim),
        [shape],
        device,
    )


@pytest.mark.parametrize(("op", "reference"), TABLE[:4])
@pytest.mark.parametrize("dim", [None, ()])
def test_of_all(op, reference, dim, device):
    check_op(lambda x: op(x, dim), reference, [(3, 4)], device)
    check_op(lambda x: op(x, dim, keepdim=True), lambda x: reference(x, keepdims=True), [(3, 4)], device)


@pytest.mark.parametrize(("op", "reference"), TABLE)
def test_half_types(op, reference, device):
    check_dtypes(lambda x: op(x, 0), lambda x: reference(x, axis=0), [np.linspace(0, 3, 60).reshape(20, 3)], device)


@given(
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=4, max_side=6), elements=st.floats(-8, 8, width=32)),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_any_shape(x, data):
    dim = tuple(data.draw(st.sets(st.integers(-x.ndim, -1), min_size=1)))
    x = x.transpose(data.draw(st.permutations(range(x.ndim))))
    for op, reference in TABLE:
        found = op(gp.tensor(x), dim).numpy()
        np.testing.assert_allclose(found, reference(x.astype(np.float64), axis=dim), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["bool", "uint8", "int8", "int16", "int32", "int64"])
def test_integers(name, device):
    x = gp.tensor([[1, 1, 0], [1, 0, 0]], dtype=getattr(gp, name), device=device)
    for op in (gp.sum, gp.nansum):
        assert op(x).dtype is gp.int64
        assert op(x, 0).tolist() == [2, 1, 0]
    assert gp.logsumexp(x, 1).dtype is gp.float32
    for op in (gp.mean, gp.nanmean):
        with pytest.raises(DtypeError, match=rf"{op.__name__}\(\): could not infer output dtype. Input dtype"):
            op(x)


def test_large_integers_are_exact(device):
    x = gp.tensor([2**53, 1, 1], device=device)
    assert x.sum().item() == 2**53 + 2


def test_dtype_converts_first(device):
    x = gp.tensor([0.75, 1.75, 300.0], device=device)
    assert gp.sum(x, dtype=gp.int64).item() == 301
    assert gp.sum(x, dtype=gp.float64).dtype is gp.float64
    assert gp.sum(x, dtype=gp.bool).item() is True
    assert gp.sum(gp.tensor([200, 100], device=device), dtype=gp.uint8).item() == 44
    assert gp.nansum(x, 0, dtype=gp.int32).item() == 301
    assert gp.mean(gp.tensor([1, 2], device=device), dtype=gp.float32).item() == 1.5
    assert gp.nanmean(gp.tensor([1, 2], device=device), dtype=gp.float64).item() == 1.5
    with pytest.raises(DtypeError, match="Optional dtype"):
        gp.mean(x, dtype=gp.int64)


def test_dtype_carries_gradients(device):
    x = gp.tensor([1.0, 2.0], device=device, requires_grad=True)
    gp.sum(x, dtype=gp.float64).backward()
    assert x.grad.dtype is gp.float32
    assert x.grad.tolist() == [1, 1]


def test_bfloat16_sums_are_rounded_once(device):
    x = gp.tensor([256.0, 1.0, 1.0, 1.0, 1.0], dtype=gp.bfloat16, device=device)
    assert x.sum().item() == 260
    assert gp.nansum(x).item() == 260
    assert gp.nansum(x).dtype is gp.bfloat16


def test_empty(device):
    x = gp.zeros(0, 3, device=device, requires_grad=True)
    for op, of_all, along in [(gp.sum, 0.0, [0.0] * 3), (gp.nansum, 0.0, [0.0] * 3), (gp.mean, nan, [nan] * 3)]:
        np.testing.assert_equal(op(x).item(), of_all)
        np.testing.assert_equal(op(x, 0).tolist(), along)
        assert op(x, 1).shape == (0,)
        op(x).backward()
        assert x.grad.shape == (0, 3)
    assert gp.logsumexp(x, 0).tolist() == [-inf] * 3
    assert gp.logsumexp(x, (0, 1)).item() == -inf
    assert gp.logsumexp(x, 1).shape == (0,)
    assert np.isnan(gp.nanmean(x).item())


THIRD = 1 / 3
SPECIAL = {
    gp.sum: [(nan, [1, 1, 1]), (nan, [1, 1]), (inf, [1, 1]), (-inf, [1, 1])],
    gp.mean: [(nan, [THIRD] * 3), (nan, [0.5, 0.5]), (inf, [0.5, 0.5]), (-inf, [0.5, 0.5])],
    gp.nansum: [(3, [1, 0, 1]), (0, [0, 0]), (inf, [1, 1]), (-inf, [1, 1])],
    gp.nanmean: [(1.5, [0.5, 0, 0.5]), (nan, None), (inf, [0.5, 0.5]), (-inf, [0.5, 0.5])],
    gp.logsumexp: [(nan, [nan] * 3), (nan, [nan] * 2), (inf, [nan, 0]), (0, [0, 1])],
}


@pytest.mark.parametrize("op", SPECIAL)
def test_special_values(op, device):
    """As PyTorch 2.13 has them; only the gradient of the mean of no numbers is not compared."""
    given = [[1.0, nan, 2.0], [nan, nan], [inf, 1.0], [-inf, 0.0]]
    for values, (result, slopes) in zip(given, SPECIAL[op], strict=True):
        x = gp.tensor(values, device=device, requires_grad=True)
        y = op(x, 0)
        np.testing.assert_equal(y.item(), result)
        if slopes is not None:
            y.backward()
            np.testing.assert_allclose(x.grad.cpu().numpy(), slopes, rtol=1e-6)


def test_gradient_of_a_sum_is_a_view_that_leaves_own():
    x = gp.ones(3, 4, requires_grad=True)
    x.sum().backward()
    x.grad[0, 0] = 5
    assert x.grad.sum().item() == 16


def test_second_call_adds_to_the_gradient(device):
    x = gp.ones(2, 3, device=device, requires_grad=True)
    for _ in range(2):
        x.mean().backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), np.full((2, 3), 1 / 3), rtol=1e-6)


@pytest.mark.parametrize("op", [op for op, _ in TABLE])
def test_errors(op, device):
    x = gp.zeros(2, 3, device=device)
    with pytest.raises(IndexRangeError, match=rf"{op.__name__}: Dimension out of range.*\[-2, 1\], but got 2"):
        op(x, 2)
    with pytest.raises(ArgumentError, match=f"{op.__name__}: dim .* appears multiple times"):
        op(x, (0, -2))
    with pytest.raises(ArgumentTypeError, match=op.__name__):
        op(x, 1.5)


def test_logsumexp_needs_a_dim():
    with pytest.raises(ArgumentTypeError, match="logsumexp: argument 'dim' must be a tuple of ints, not None"):
        gp.logsumexp(gp.zeros(2), None)


def test_spread_is_a_view_and_its_gradient_the_sum(device):
    check_op(Spread((0, 2), (2, 3, 4)), lambda x: np.broadcast_to(x[None, :, None], (2, 3, 4)), [(3,)], device)
    x = gp.zeros(3, device=device)
    assert backend.is_view(Spread((1,), (3, 4))(x).array, x.array)


def test_a_reduction_without_values_says_so():
    with pytest.raises(NotImplementedError, match="Reduction has no forward"):
        Reduction((0,), False)(gp.zeros(2))


def test_the_name_of_the_node():
    x = gp.ones(2, requires_grad=True)
    assert x.mean().grad_fn.name() == "MeanBackward0"
    assert isinstance(x.mean().grad_fn, Mean)


def test_the_dim_of_a_scalar_is_checked(device):
    x = gp.tensor(2.0, device=device)
    assert gp.sum(x, 0).item() == gp.sum(x, -1).item() == gp.sum(x, (0,)).item() == 2
    with pytest.raises(IndexRangeError, match=r"sum: Dimension out of range .*\[-1, 0\], but got 1"):
        gp.sum(x, 1)

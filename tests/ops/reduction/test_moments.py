import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, DtypeError, IndexRangeError
from tests.harness import check_dtypes, check_op

inf, nan = math.inf, math.nan
CASES = [((5,), 0), ((3, 4), 0), ((3, 4), -1), ((3, 4), (0, 1)), ((2, 3, 4), (0, -1)), ((3, 4), None), ((3, 4), ())]


def axis_of(dim):
    return dim or None if isinstance(dim, tuple) else dim


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize(("shape", "dim"), CASES)
@pytest.mark.parametrize(("op", "pair", "reference"), [(gp.var, gp.var_mean, np.var), (gp.std, gp.std_mean, np.std)])
def test_against_numpy(op, pair, reference, shape, dim, keepdim, device):
    axis = axis_of(dim)
    check_op(
        lambda x: op(x, dim, keepdim=keepdim),
        lambda x: reference(x, axis=axis, ddof=1, keepdims=keepdim),
        [shape],
        device,
    )
    check_op(
        lambda x: pair(x, dim, keepdim=keepdim),
        lambda x: (reference(x, axis=axis, ddof=1, keepdims=keepdim), x.mean(axis=axis, keepdims=keepdim)),
        [shape],
        device,
    )


FORMS = [
    (lambda x: gp.var(x), 1),
    (lambda x: gp.var(x, False), 0),
    (lambda x: gp.var(x, unbiased=False), 0),
    (lambda x: gp.var(x, None, True), 1),
    (lambda x: gp.var(x, correction=0), 0),
    (lambda x: gp.var(x, correction=None), 1),
    (lambda x: gp.var(x, (0, 1), correction=2.5), 2.5),
]


@pytest.mark.parametrize(("op", "ddof"), FORMS)
def test_corrections(op, ddof, device):
    check_op(op, lambda x: x.var(ddof=ddof), [(3, 4)], device)


def test_positional_arguments():
    x = gp.tensor([[1.0, 2.0], [3.0, 6.0]])
    assert gp.var(x, 0, False, True).tolist() == [[1.0, 4.0]]
    assert gp.std(x, 1, True).numpy() == pytest.approx([0.5**0.5, 4.5**0.5])


@pytest.mark.parametrize("op", [gp.var, gp.std])
def test_half_types(op, device):
    reference = {gp.var: np.var, gp.std: np.std}[op]
    check_dtypes(
        lambda x: op(x, 0), lambda x: reference(x, axis=0, ddof=1), [np.linspace(0, 1, 60).reshape(20, 3)], device
    )


@pytest.mark.parametrize(("center", "limit"), [(0, 1e-6), (1000, 5e-5)])
def test_accuracy_of_a_million_rows(center, limit):
    x = (np.random.default_rng(0).standard_normal((10**6, 1)) + center).astype(np.float32)
    var, mean = gp.var_mean(gp.tensor(x), 0, correction=0)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(var.numpy(), exact.var(0), rtol=limit)
    np.testing.assert_allclose(mean.numpy(), exact.mean(0), rtol=1e-7, atol=limit)


@pytest.mark.parametrize(
    ("values", "correction", "var"),
    [
        ([1.0], 1, nan),
        ([1.0, 2.0], 2, inf),
        ([1.0, 2.0], 3, inf),
        ([], 1, nan),
        ([], 0, nan),
        ([nan, 1.0], 1, nan),
        ([inf, 1.0], 1, nan),
    ],
)
def test_no_freedom_and_special_values(values, correction, var, device):
    """As PyTorch 2.13 has them, but without its warning."""
    x = gp.tensor(values, device=device)
    for op in (gp.var, gp.std):
        np.testing.assert_equal(op(x, correction=correction).item(), var)
        np.testing.assert_equal(op(x, 0, correction=correction).item(), var)


def test_of_a_scalar(device):
    x = gp.tensor(1.0, device=device)
    assert math.isnan(gp.var(x).item())
    assert gp.std(x, 0, correction=0).item() == 0


@pytest.mark.parametrize(
    ("op", "values", "slopes"),
    [
        (lambda x: gp.std(x), [1.0, 1.0, 1.0], [0, 0, 0]),
        (lambda x: gp.std_mean(x)[0], [1.0, 1.0, 1.0], [0, 0, 0]),
        (lambda x: gp.std(x), [1.0], [nan]),
        (lambda x: gp.var(x, 0), [1.0], [nan]),
        (lambda x: gp.var(x, 0, correction=3), [1.0, 2.0], [1, -1]),
    ],
)
def test_gradients_at_the_edge(op, values, slopes, device):
    """As PyTorch 2.13 has them."""
    x = gp.tensor(values, device=device, requires_grad=True)
    op(x).backward()
    np.testing.assert_equal(x.grad.tolist(), slopes)


def test_second_derivative_of_std_at_zero_is_finite(device):
    x = gp.ones(3, device=device, requires_grad=True)
    (slope,) = gp.autograd.grad(gp.std(x), x, create_graph=True)
    slope.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_the_mean_alone_carries_gradients(device):
    x = gp.tensor([1.0, 3.0], device=device, requires_grad=True)
    gp.var_mean(x)[1].backward()
    assert x.grad.tolist() == [0.5, 0.5]
    gp.var_mean(x)[0].backward()
    assert x.grad.tolist() == [-1.5, 2.5]


@pytest.mark.parametrize("op", [gp.var, gp.std, gp.var_mean, gp.std_mean])
def test_errors(op):
    with pytest.raises(DtypeError, match=f"{op.__name__}: std and var only support floating point"):
        op(gp.tensor([1, 2]))
    with pytest.raises(ArgumentTypeError, match=f"{op.__name__}: expected unbiased=True"):
        op(gp.zeros(2), 0, True, correction=1)
    with pytest.raises(ArgumentTypeError, match="unbiased=1"):
        op(gp.zeros(2), 0, 1)
    with pytest.raises(IndexRangeError, match=op.__name__):
        op(gp.zeros(2), 1)


@pytest.mark.parametrize("scale", [1e25, 1e-25, 1e-36])
@pytest.mark.parametrize("dtype", [gp.float32, gp.bfloat16])
def test_squares_beyond_the_range_of_float32(scale, dtype):
    """On the CPU, as in PyTorch; on a GPU PyTorch too adds the squares up in float32."""
    x = (gp.arange(12.0).reshape(3, 4) ** 2 * scale).to(dtype).requires_grad_()
    wide = x.detach().double().numpy()
    for found in (gp.std(x, 1), gp.std_mean(x, 1)[0]):
        assert found.dtype is dtype
        assert found.float().tolist() == pytest.approx(wide.std(1, ddof=1), rel=1e-2 if dtype is gp.bfloat16 else 1e-6)
    gp.std(x, 1).sum().backward()
    assert x.grad.float().isfinite().all()


@pytest.mark.parametrize("op", [gp.var, gp.std])
def test_squares_beyond_the_range_of_float64_are_infinite(op, device):
    x = gp.tensor([1e200, -3e200, 2e200, 4e200], dtype=gp.float64, device=device)
    assert op(x).item() == inf

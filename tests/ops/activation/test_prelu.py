import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, DtypeError, ShapeError
from tests.harness import check_dtypes, check_op

F = gp.nn.functional


def prelu(x, weight):
    if weight.size > 1:
        weight = weight.reshape(-1, *[1] * (x.ndim - 2))
    return np.where(x > 0, x, x * weight)


ROWS = [((3, 4), (4,)), ((2, 3, 5), (3,)), ((2, 33, 3, 2), (33,)), ((3, 2), (1,)), ((2, 3), ()), ((5,), (1,)), ((), ())]


@pytest.mark.parametrize("op", [F.prelu, gp.prelu, gp.Tensor.prelu])
@pytest.mark.parametrize(("shape", "weights"), ROWS)
def test_prelu(op, shape, weights, device):
    check_op(op, prelu, [shape, weights], device)


def test_lower_precision(device):
    check_dtypes(F.prelu, prelu, [(2, 3, 7), (3,)], device)


@pytest.mark.parametrize("shape", [(9000, 3), (2, 3, 5000), (4, 1, 3, 3), (5, 3, 2)])
@pytest.mark.parametrize("dtype", [gp.float32, gp.bfloat16])
def test_the_gradient_of_the_weight_is_summed_exactly(shape, dtype, device):
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal(shape).astype(dtype.numpy) for _ in range(2))
    weight = gp.full((shape[1],), 0.25, dtype=dtype, device=device, requires_grad=True)
    F.prelu(gp.tensor(x, device=device), weight).backward(gp.tensor(g, device=device))
    terms = np.where(x > 0, 0, g.astype(np.float64) * x.astype(np.float64))
    wanted = terms.sum(tuple(i for i in range(len(shape)) if i != 1))
    limit = 1e-6 if dtype is gp.float32 else 4e-3
    np.testing.assert_allclose(
        weight.grad.tolist(), wanted, rtol=limit, atol=limit * np.abs(terms).sum() ** 0.5, err_msg=str(shape)
    )


@pytest.mark.parametrize("axes", [(0, 3, 1, 2), (3, 1, 0, 2), (1, 0, 3, 2)])
def test_orders_in_memory(axes, device):
    x = np.linspace(-3, 3, 3 * 5 * 4 * 2).reshape(3, 5, 4, 2)
    slopes = np.linspace(0.1, 0.9, x.transpose(axes).shape[1])
    results = []
    for make in (lambda t: t.permute(*axes), lambda t: t.permute(*axes).contiguous()):
        t = gp.tensor(x, device=device, requires_grad=True)
        weight = gp.tensor(slopes, device=device, requires_grad=True)
        view = make(t)
        y = F.prelu(view, weight)
        assert y.stride() == view.stride()
        y.backward(gp.tensor(np.linspace(1, 2, x.size).reshape(y.shape), device=device))
        results.append([v.tolist() for v in (y, t.grad, weight.grad)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_nan_and_infinity(device):
    x = gp.tensor([np.nan, np.inf, -np.inf, 0.0], device=device, requires_grad=True)
    y = F.prelu(x, gp.tensor([0.5], device=device))
    np.testing.assert_array_equal(y.tolist(), [np.nan, np.inf, -np.inf, 0])
    y.backward(gp.ones(4, device=device))
    assert x.grad.tolist() == [0.5, 1.0, 0.5, 0.5]


def test_empty(device):
    weight = gp.ones(3, device=device, requires_grad=True)
    y = F.prelu(gp.ones(0, 3, 2, device=device, requires_grad=True), weight)
    y.sum().backward()
    assert y.shape == (0, 3, 2) and weight.grad.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.prelu(gp.ones(2, 3), gp.ones(2)), ShapeError, "parameter numbers = 2 and channel size = 3"),
        (lambda: F.prelu(gp.ones(3), gp.ones(3)), ShapeError, "parameter numbers = 3 and channel size = 1"),
        (lambda: F.prelu(gp.tensor(1.0), gp.ones(3)), ShapeError, "Not allow zero-dim input tensor"),
        (lambda: F.prelu(gp.ones(2), gp.ones(1, 1)), ShapeError, "scalar or 1D tensor, but got: ndim = 2"),
        (lambda: F.prelu(gp.ones(2), gp.ones(1).half()), DtypeError, "Got gpunn.float32 and gpunn.float16"),
        (lambda: F.prelu(gp.ones(2), 0.25), ArgumentTypeError, "prelu: expected a Tensor, got float"),
    ],
)
def test_wrong_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()

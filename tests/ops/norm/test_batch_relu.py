import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from gpunn.ops.norm.batch_relu import batch_norm_relu
from tests.harness import check_op, distinct
from tests.ops.norm.formulas import affine, check_gradients, standardised

EPS = 1e-2
SHAPES = [(4, 3), (3, 2, 5), (2, 3, 4, 3), (9, 4, 2, 2)]


def reference(x, w, b, z=0.0):
    return np.maximum(affine(standardised(x, (0, *range(2, x.ndim)), EPS), w, b) + z, 0)


def fused(x, w, b, z=None):
    return batch_norm_relu(x, None, None, w, b, True, eps=EPS, residual=z)


@pytest.mark.parametrize("has_residual", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_training(shape, has_residual, device):
    check_op(fused, reference, [shape, shape[1:2], shape[1:2], *[shape] * has_residual], device)


@pytest.mark.parametrize("shape", [(2, 3, 4, 3), (3, 4, 2, 5), (40, 8, 2, 2)], ids=str)
def test_channels_last(shape, device):
    def op(x, w, b, z):
        y = fused(*[t.contiguous(memory_format=gp.channels_last) if t.ndim == 4 else t for t in (x, w, b, z)])
        assert y.is_contiguous(memory_format=gp.channels_last)
        return y

    check_op(op, reference, [shape, shape[1:2], shape[1:2], shape], device)


def test_eval(device):
    mean, var = np.array([0.5, -0.3]), np.array([1.0, 0.5])

    def op(x, w, b, z):
        return batch_norm_relu(x, *[gp.tensor(m, device=device) for m in (mean, var)], w, b, eps=EPS, residual=z)

    def by_moments(x, w, b, z):
        return np.maximum(affine((x - mean[:, None]) / np.sqrt(var[:, None] + EPS), w, b) + z, 0)

    check_op(op, by_moments, [(3, 2, 5), (2,), (2,), (3, 2, 5)], device)


@pytest.mark.parametrize("shape", [(5, 3), (2, 8, 3, 3)], ids=str)
def test_dtypes(shape, device):
    """As the three operations one after the other, where they are exact."""
    rng = np.random.default_rng(0)
    x, z = rng.standard_normal((2, *shape))
    for name in ("float32", "float16", "bfloat16"):
        tensors = [gp.tensor(v, dtype=getattr(gp, name), device=device) for v in (x, z)]
        y = batch_norm_relu(tensors[0], None, None, training=True, eps=EPS, residual=tensors[1])
        wide = [t.cpu().double() for t in tensors]
        wanted = F.relu(F.batch_norm(wide[0], None, None, training=True, eps=EPS) + wide[1]).numpy()
        limit = {"float32": 2e-6, "float16": 1e-3, "bfloat16": 8e-3}[name]
        np.testing.assert_allclose(y.cpu().double().numpy(), wanted, rtol=limit, atol=limit)


def test_gradients_in_lower_precision(device):
    """Far from the edge, as else rounding decides what passes."""

    def op(x, w, b):
        return batch_norm_relu(x, None, None, w, b, True, eps=EPS, residual=steps.to(x.device).to(x.dtype))

    steps = gp.tensor(np.where(distinct((4, 8, 3, 2), np.random.default_rng(1)) > 0, 16.0, -16.0))
    check_gradients(op, [(4, 8, 3, 2), (8,), (8,)], device)
    check_gradients(op, [(4, 8, 3, 2), (8,), (8,)], device, channels_last=True)


def test_nan_passes(device):
    x = np.array([[1.0, 2], [np.nan, 3], [2, 5]], np.float32)
    given = gp.tensor(x, device=device, requires_grad=True)
    y = batch_norm_relu(given, None, None, training=True)
    assert np.array_equal(np.isnan(y.detach().cpu().numpy()), np.repeat([[True, False]], 3, 0))
    y.sum().backward()
    assert np.isnan(given.grad.cpu().numpy()[:, 0]).all()


def test_running_averages_follow(device):
    x = gp.tensor(distinct((4, 2, 3), np.random.default_rng(0)), device=device)
    pairs = [[gp.zeros(2, dtype=gp.float64, device=device), gp.ones(2, dtype=gp.float64, device=device)] for _ in "ab"]
    batch_norm_relu(x, *pairs[0], training=True)
    F.batch_norm(x, *pairs[1], training=True)
    for mine, theirs in zip(*pairs, strict=True):
        assert mine.tolist() == theirs.tolist() and mine._version[0] == 1


def test_only_the_residual_wants_a_gradient(device):
    x, z = [gp.tensor(distinct((3, 2, 4), np.random.default_rng(i)), device=device) for i in range(2)]
    z.requires_grad_()
    y = batch_norm_relu(x, None, None, training=True, residual=z)
    y.sum().backward()
    assert np.array_equal(z.grad.cpu().numpy(), y.detach().cpu().numpy() > 0)


def test_errors():
    x = gp.ones(3, 2)
    with pytest.raises(
        RuntimeError, match=r"batch_norm_relu: residual must have the shape of input \(3, 2\), got \(3,\)"
    ):
        batch_norm_relu(x, None, None, training=True, residual=gp.ones(3))
    with pytest.raises(RuntimeError, match="batch_norm_relu: residual must have the dtype"):
        batch_norm_relu(x, None, None, training=True, residual=x.double())
    with pytest.raises(RuntimeError, match="batch_norm_relu: running_mean must be defined"):
        batch_norm_relu(x, None, None)


def test_a_result_that_was_changed_is_noticed():
    """On the CPU backward reads the result, as that of ReLU does."""
    y = batch_norm_relu(gp.ones(3, 2, requires_grad=True), None, None, training=True)
    with gp.no_grad():
        y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation: output 0 of BatchNormReLU"):
        y.sum().backward()


def test_a_gradient_that_is_infinite_does_not_pass_where_the_result_is_0(device):
    x = gp.tensor([[1.0], [2.0], [6.0]], device=device, requires_grad=True)
    z = gp.zeros(3, 1, device=device, requires_grad=True)
    y = batch_norm_relu(x, None, None, training=True, residual=z)
    y.backward(gp.tensor([[np.inf], [1.0], [1.0]], device=device))
    assert z.grad.tolist() == [[0], [0], [1]] and x.grad.isfinite().all().item()

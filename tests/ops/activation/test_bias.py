import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from gpunn.ops.activation.bias import ACTIVATIONS, bias_activation
from tests.harness import check_op
from tests.ops.test_activation import ROWS

REFERENCES = {name: ROWS[name.replace("_", " ")][1] for name in ACTIVATIONS}


def plus(x, bias, dim):
    return x + bias.reshape([-1 if axis == dim else 1 for axis in range(x.ndim)])


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize(("shape", "dim"), [((5, 3), 1), ((2, 3, 4, 5), 1), ((2, 5, 33), -1), ((3, 2), 0), ((0, 2), 1)])
def test_value_and_derivatives(name, shape, dim, device):
    axis = dim % len(shape)
    check_op(
        lambda x, b: bias_activation(x, b, name, dim),
        lambda x, b: REFERENCES[name](plus(x, b, axis)),
        [shape, (shape[dim],)],
        device,
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16, gp.float32])
def test_rounded_once(name, dtype, device):
    x = np.linspace(-6, 6.1, 7 * 11).reshape(7, 11).astype(dtype.numpy)
    b = np.linspace(-1, 1, 11).astype(dtype.numpy)
    y = bias_activation(gp.tensor(x, device=device), gp.tensor(b, device=device), name)
    assert y.dtype is dtype
    wanted = REFERENCES[name](plus(x.astype(np.float64), b.astype(np.float64), 1))
    limit = {gp.float16: 1e-3, gp.bfloat16: 8e-3, gp.float32: 1e-6}[dtype]
    np.testing.assert_allclose(np.asarray(y.tolist(), np.float64), wanted, rtol=limit, atol=limit / 10)


def test_channels_last(device):
    x = np.linspace(-3, 3, 2 * 4 * 5 * 3).reshape(2, 4, 5, 3)
    bias = gp.tensor(np.linspace(-1, 1, 3), device=device, requires_grad=True)
    t = gp.tensor(x, device=device, requires_grad=True)
    view = t.permute(0, 3, 1, 2)
    y = bias_activation(view, bias, "silu")
    assert y.stride() == view.stride()
    y.backward(gp.ones(*y.shape, dtype=gp.float64, device=device))  # in another order
    other = gp.tensor(np.linspace(-1, 1, 3), device=device, requires_grad=True)
    same = gp.tensor(x.transpose(0, 3, 1, 2).copy(), device=device, requires_grad=True)
    bias_activation(same, other, "silu").sum().backward()
    np.testing.assert_allclose(t.grad.permute(0, 3, 1, 2).tolist(), same.grad.tolist(), rtol=1e-13)
    np.testing.assert_allclose(bias.grad.tolist(), other.grad.tolist(), rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: bias_activation(gp.ones(2, 3), gp.ones(3), "elu"), ArgumentError, "an activation among relu, gelu,"),
        (
            lambda: bias_activation(gp.ones(2, 3), gp.ones(2)),
            ShapeError,
            r"place of dimension 1 of \(2, 3\), got .*\(2,\)",
        ),
        (lambda: bias_activation(gp.ones(2, 3), gp.ones(3).half()), DtypeError, "tensors of one floating dtype"),
    ],
)
def test_wrong_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()

import math

import ml_dtypes
import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, GraphError
from tests.harness import check_dtypes, check_op

F = gp.nn.functional


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def softplus(x, beta=1.0, threshold=20.0):
    return np.where(beta * x > threshold, x, np.log1p(np.exp(np.minimum(beta * x, 30))) / beta)


def normal(x):
    """Φ, the distribution function of the normal distribution."""
    return np.vectorize(math.erfc, otypes=[float])(-x * math.sqrt(0.5)) / 2


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


ROWS = {  # an activation on tensors, on arrays
    "relu": (gp.relu, relu),
    "relu method": (gp.Tensor.relu, relu),
    "relu6": (F.relu6, lambda x: np.clip(x, 0, 6)),
    "leaky_relu": (F.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x)),
    "leaky_relu -0.5": (lambda x: F.leaky_relu(x, -0.5), lambda x: np.where(x > 0, x, -0.5 * x)),
    "hardtanh": (F.hardtanh, lambda x: np.clip(x, -1, 1)),
    "hardtanh -0.3 2": (lambda x: F.hardtanh(x, -0.3, 2), lambda x: np.clip(x, -0.3, 2)),
    "threshold": (lambda x: F.threshold(x, 0.2, -7.0), lambda x: np.where(x > 0.2, x, -7.0)),
    "hardsigmoid": (F.hardsigmoid, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    "hardswish": (F.hardswish, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "hardshrink": (F.hardshrink, lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    "hardshrink method": (lambda x: x.hardshrink(1.25), lambda x: np.where(np.abs(x) > 1.25, x, 0)),
    "softshrink": (F.softshrink, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    "elu": (F.elu, elu),
    "elu 0.7": (lambda x: F.elu(x, 0.7), lambda x: elu(x, 0.7)),
    "selu": (F.selu, lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772)),
    "celu 0.7": (lambda x: F.celu(x, 0.7), lambda x: np.where(x > 0, x, 0.7 * np.expm1(x / 0.7))),
    "softplus": (F.softplus, softplus),
    "softplus 3 1.5": (lambda x: F.softplus(x, 3, 1.5), lambda x: softplus(x, 3, 1.5)),
    "logsigmoid": (F.logsigmoid, lambda x: -softplus(-x)),
    "softsign": (F.softsign, lambda x: x / (1 + np.abs(x))),
    "tanhshrink": (F.tanhshrink, lambda x: x - np.tanh(x)),
    "silu": (F.silu, lambda x: x * sigmoid(x)),
    "mish": (F.mish, lambda x: x * np.tanh(softplus(x))),
    "gelu": (F.gelu, lambda x: x * normal(x)),
    "gelu tanh": (lambda x: F.gelu(x, "tanh"), lambda x: x * sigmoid(1.5957691216057308 * (x + 0.044715 * x**3))),
    "sigmoid": (F.sigmoid, sigmoid),
    "tanh": (F.tanh, np.tanh),
}
# Away from the corners at 0, ±0.2, ±0.3, ±0.5, ±1, ±1.25, ±3, 6; near 0, where things cancel; far off.
POINTS = np.array([
    [-9.7, -4.1, -2.9, -1.4, -1.1, -0.7, -0.4, -0.25, -0.1, -1e-3, 1e-3],
    [0.1, 0.25, 0.4, 0.6, 0.7, 1.1, 1.4, 2.9, 4.1, 7.3, 9.7],
])  # fmt: skip


@pytest.fixture(params=ROWS)
def row(request):
    return ROWS[request.param]


def test_value_and_derivatives(row, device):
    op, reference = row
    check_op(op, reference, [POINTS], device, rtol=1e-13)


def test_half_types_are_rounded_once(row, device):
    op, reference = row
    check_dtypes(op, reference, [POINTS], device, ("float32",))
    for dtype in (gp.float16, gp.bfloat16):
        x = POINTS.astype(dtype.numpy)
        found = backend.asnumpy(op(gp.tensor(x, device=device)).array)
        wanted = reference(x.astype(np.float64)).astype(dtype.numpy).astype(np.float64)
        unit = float(ml_dtypes.finfo(dtype.numpy).eps)
        np.testing.assert_allclose(found.astype(np.float64), wanted, rtol=unit, atol=1e-6)
        assert np.mean(found.astype(np.float64) == wanted) > 0.85  # ties are decided by float32's last digit


@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (5, 3, 7)])
def test_gradient_of_every_size(row, shape, device):
    op, _ = row
    x = np.linspace(-2.13, 2.37, math.prod(shape)).reshape(shape)
    a, b = (gp.tensor(x, device=where, requires_grad=True) for where in ("cpu", device))
    for t in (a, b):
        op(t).sum().backward()
    assert b.grad.shape == shape
    np.testing.assert_allclose(backend.asnumpy(b.grad.array), a.grad.array, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("order", ["slice", "gaps", "transposed", "channels_last"])
def test_any_order_in_memory(row, order, device):
    op, reference = row
    x = np.linspace(-3.3, 3.7, 2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    views = {
        "slice": lambda t: t.reshape(-1)[1:],
        "gaps": lambda t: t[:, ::2, 1:, ::3],
        "transposed": lambda t: t.permute(3, 1, 0, 2),
        "channels_last": lambda t: t.permute(0, 3, 1, 2),
    }
    t = gp.tensor(x, device=device, requires_grad=True)
    view = views[order](t)
    y = op(view)
    np.testing.assert_allclose(backend.asnumpy(y.array), reference(backend.asnumpy(view.detach().array)), 1e-12, 1e-15)
    if order in ("transposed", "channels_last"):
        assert y.stride() == view.stride()
    y.backward(gp.ones(*y.shape, dtype=gp.float64, device=device))
    wanted = gp.tensor(x, device=device, requires_grad=True)
    op(wanted).sum().backward()
    seen = gp.zeros(2, 3, 4, 5, dtype=gp.float64, device=device)
    views[order](seen).fill_(1)
    np.testing.assert_allclose(t.grad.tolist(), (wanted.grad * seen).tolist(), rtol=1e-12)


LIMITS = {  # at -∞ and at ∞
    "relu": (0, np.inf),
    "relu6": (0, 6),
    "leaky_relu": (-np.inf, np.inf),
    "hardtanh": (-1, 1),
    "hardsigmoid": (0, 1),
    "hardswish": (0, np.inf),
    "hardshrink": (-np.inf, np.inf),
    "softshrink": (-np.inf, np.inf),
    "elu": (-1, np.inf),
    "selu": (-1.7580993408473766, np.inf),
    "celu 0.7": (-0.7, np.inf),
    "softplus": (0, np.inf),
    "logsigmoid": (-np.inf, 0),
    "softsign": (-1, 1),
    "tanhshrink": (-np.inf, np.inf),
    "silu": (0, np.inf),
    "mish": (0, np.inf),
    "gelu": (0, np.inf),
    "gelu tanh": (0, np.inf),
    "sigmoid": (0, 1),
    "tanh": (-1, 1),
}


@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16, gp.float32, gp.float64])
@pytest.mark.parametrize("name", LIMITS)
def test_limits(name, dtype, device):
    op, _ = ROWS[name]
    y = op(gp.tensor([-np.inf, np.inf, np.nan], dtype=dtype, device=device)).tolist()
    np.testing.assert_allclose(y, [*LIMITS[name], np.nan], rtol=1e-2 if dtype.itemsize == 2 else 1e-6)


@pytest.mark.parametrize("name", LIMITS)
def test_slopes_at_infinity_are_no_nan(name, device):
    op, _ = ROWS[name]
    x = gp.tensor([-np.inf, np.inf], device=device, requires_grad=True)
    op(x).backward(gp.ones(2, device=device))
    low, high = (b - a for a, b in (op(gp.tensor([-1e4, -1e4 + 16, 1e4, 1e4 + 16])).reshape(2, 2) / 16).tolist())
    np.testing.assert_allclose(x.grad.tolist(), [low, high], atol=1e-4)


def test_units_in_the_last_place(row, device):
    """At most 4 in float32 wherever the result is a normal number, and no infinity or NaN that is not its due."""
    op, reference = row
    bits = np.arange(0, 1 << 32, (1 << 32) // 20011, dtype=np.uint64).astype(np.uint32)
    x = np.concatenate([bits.view(np.float32), np.linspace(-110, 20, 4001, dtype=np.float32)])
    x = x[np.isfinite(x) & (np.abs(x) >= 1.2e-38)]
    found = backend.asnumpy(op(gp.tensor(x, device=device)).array).astype(np.float64)
    with np.errstate(all="ignore"):
        wanted = exact(reference)(x.astype(np.float64))
    normal = (np.abs(wanted) >= 1.2e-38) & (np.abs(wanted) <= 3.4e38)
    unit = 2.0 ** (np.floor(np.log2(np.abs(wanted[normal]))) - 23)
    errors = np.abs(found[normal] - wanted[normal]) / unit
    assert errors.max() <= 4, f"{errors.max()} units at {x[normal][errors.argmax()]}"
    assert np.isfinite(found[np.abs(wanted) <= 3.4e38]).all()


def exact(reference):
    """The reference, or for tanhshrink, which cancels in float64 too, the terms of its series beside 0."""
    if reference is not ROWS["tanhshrink"][1]:
        return reference
    return lambda x: np.where(np.abs(x) < 1e-2, x**3 * (1 / 3 - x**2 * (2 / 15 - x**2 * 17 / 315)), reference(x))


def test_relu_stops_infinite_gradients(device):
    x = gp.tensor([-1.0, 1.0], device=device, requires_grad=True)
    gp.relu(x).backward(gp.tensor([np.inf, np.inf], device=device))
    assert x.grad.tolist() == [0.0, np.inf]


def test_relu_passes_the_gradient_of_nan(device):
    x = gp.tensor([np.nan, np.inf, -np.inf, 0.0, -0.0], device=device, requires_grad=True)
    gp.relu(x).backward(gp.tensor([1.0, 2.0, 3.0, 4.0, 5.0], device=device))
    assert x.grad.tolist() == [1.0, 2.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("op", "corners", "slopes"),
    [
        (F.relu6, [0, 6], [0, 0]),
        (F.leaky_relu, [0], [0.01]),
        (F.hardtanh, [-1, 1], [0, 0]),
        (lambda x: F.threshold(x, 2, 5), [2], [0]),
        (F.hardsigmoid, [-3, 3], [0, 0]),
        (F.hardswish, [-3, 3], [0, 1]),
        (F.hardshrink, [-0.5, 0.5], [0, 0]),
        (F.softshrink, [-0.5, 0.5], [0, 0]),
        (F.elu, [0], [1]),
    ],
)
def test_slopes_at_corners(op, corners, slopes, device):
    """PyTorch's choices."""
    x = gp.tensor(corners, dtype=gp.float32, device=device, requires_grad=True)
    op(x).sum().backward()
    np.testing.assert_allclose(x.grad.tolist(), slopes, rtol=1e-6)


def test_integers(device):
    x = gp.tensor([-2, 0, 3, 9], dtype=gp.int16, device=device)
    for op, wanted in ((gp.relu, [0, 0, 3, 9]), (F.relu6, [0, 0, 3, 6]), (F.hardtanh, [-1, 0, 1, 1])):
        assert op(x).dtype is gp.int16 and op(x).tolist() == wanted
    assert F.threshold(x, 0.9, -5).tolist() == [-5, -5, 3, 9]
    assert F.threshold(x.to(gp.uint8), 3, -9).tolist() == [254, 247, 247, 9]
    assert F.softsign(x).dtype is gp.float32 and F.tanhshrink(x).dtype is gp.float32


@pytest.mark.parametrize(
    ("op", "out_of_place"),
    [
        (lambda x: F.relu(x, inplace=True), F.relu),
        (F.relu_, F.relu),
        (gp.relu_, F.relu),
        (gp.Tensor.relu_, F.relu),
        (lambda x: F.relu6(x, inplace=True), F.relu6),
        (lambda x: F.leaky_relu_(x, 0.3), lambda x: F.leaky_relu(x, 0.3)),
        (lambda x: F.leaky_relu(x, -0.3, inplace=True), lambda x: F.leaky_relu(x, -0.3)),
        (lambda x: F.hardtanh_(x, -2, 2), lambda x: F.hardtanh(x, -2, 2)),
        (lambda x: F.hardtanh(x, -2, 2, inplace=True), lambda x: F.hardtanh(x, -2, 2)),
        (lambda x: F.threshold_(x, 1, 2), lambda x: F.threshold(x, 1, 2)),
        (lambda x: F.threshold(x, 1, 2, inplace=True), lambda x: F.threshold(x, 1, 2)),
        (lambda x: F.hardsigmoid(x, inplace=True), F.hardsigmoid),
        (lambda x: F.hardswish(x, inplace=True), F.hardswish),
        (lambda x: F.elu_(x, 0.3), lambda x: F.elu(x, 0.3)),
        (lambda x: F.elu(x, 0.3, inplace=True), lambda x: F.elu(x, 0.3)),
        (F.selu_, F.selu),
        (lambda x: F.selu(x, inplace=True), F.selu),
        (lambda x: F.celu_(x, 0.3), lambda x: F.celu(x, 0.3)),
        (lambda x: F.celu(x, 0.3, inplace=True), lambda x: F.celu(x, 0.3)),
        (lambda x: F.silu(x, inplace=True), F.silu),
        (lambda x: F.mish(x, inplace=True), F.mish),
    ],
)
def test_in_place(op, out_of_place, device):
    leaf = gp.tensor([-1.1, 0.3, 2.3], device=device, requires_grad=True)
    x = leaf * 2
    version, array = x._version[0], x.array
    wanted = out_of_place(x)
    (slope,) = gp.autograd.grad(wanted.sum(), leaf, retain_graph=True)
    assert op(x) is x
    assert x.array is array and x.tolist() == wanted.tolist()
    assert x._version[0] == version + 1
    x.sum().backward()
    assert leaf.grad.tolist() == slope.tolist()


def test_relu_keeps_its_output_which_must_not_change():
    x = gp.tensor([1.0, -1.0], requires_grad=True)
    y = gp.relu(x)
    y.mul_(2)
    with pytest.raises(GraphError, match="modified by an inplace operation: output 0 of ReLU"):
        y.sum().backward()


def test_in_place_on_a_leaf_is_refused():
    x = gp.tensor([-1.0], requires_grad=True)
    with pytest.raises(GraphError, match="leaf Variable that requires grad"):
        F.relu(x, inplace=True)
    assert x.tolist() == [-1.0]


def test_swish_is_silu():
    assert F.swish is F.silu


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: gp.relu(gp.tensor([True])), DtypeError, "relu: Boolean inputs"),
        (lambda: gp.relu(np.zeros(3)), ArgumentTypeError, "relu: expected a Tensor, got ndarray"),
        (lambda: F.gelu(gp.ones(2), "erf"), ArgumentError, "gelu: approximate argument must be either none or tanh"),
        (lambda: F.silu(gp.ones(2).int()), DtypeError, r"silu: expected a floating dtype, got gpunn.int32; use x.to"),
        (lambda: F.elu([1.0]), ArgumentTypeError, "elu: expected a Tensor, got list"),
        (lambda: F.elu(gp.ones(2), "1"), ArgumentTypeError, "elu: argument 'alpha' must be a number, got str"),
        (lambda: F.celu(gp.ones(2), 0), ArgumentError, "celu: ZeroDivisionError: alpha cannot be 0"),
        (
            lambda: F.softshrink(gp.ones(2), -1),
            ArgumentError,
            "lambda must be greater or equal to 0, but found to be -1",
        ),
        (lambda: F.hardtanh(gp.ones(2), 2, 1), ArgumentError, "min_val cannot be greater than max_val, got 2 and 1"),
        (lambda: F.relu6(gp.tensor([True])), DtypeError, "relu6: Bool inputs not supported"),
        (lambda: F.hardtanh(gp.ones(2).to(gp.uint8)), DtypeError, "hardtanh on an unsigned type with negative limits"),
        (lambda: F.threshold(gp.tensor([True]), 0, 1), DtypeError, "threshold: not implemented for gpunn.bool"),
    ],
)
def test_wrong_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()

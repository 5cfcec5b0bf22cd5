import numpy as np
import pytest

import gpunn as gp
from gpunn import random
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError
from tests.harness import check_op

F = gp.nn.functional
POINTS = np.array([[-3.1, -0.7, -1e-3, 0.3, 2.9], [-8.1, 0.01, 1.2, -0.2, 5.5]])


def seeded(op):
    def call(x):
        gp.manual_seed(3)
        return op(x)

    return call


def draw(kind, shape, dtype=np.float64):
    """The first numbers after `manual_seed(3)`."""
    return kind(np, random.Generator().manual_seed(3), shape, dtype)


def rrelu(x):
    return np.where(x > 0, x, x * (1 / 8 + draw(random.uniform, x.shape) * (1 / 3 - 1 / 8)))


def noisy_relu(x):
    return np.maximum(x + draw(random.normal, x.shape) / np.sqrt(1 + np.exp(-x)), 0)


ROWS = [(seeded(lambda x: F.rrelu(x, training=True)), rrelu), (seeded(F.noisy_relu), noisy_relu)]


@pytest.mark.parametrize(("op", "reference"), ROWS)
@pytest.mark.parametrize("x", [POINTS, (), (0, 3), (1,), (7, 3)], ids=str)
def test_value_and_derivatives(op, reference, x, device):
    check_op(op, reference, [x], device, rtol=1e-13)


@pytest.mark.parametrize("op", [op for op, _ in ROWS])
@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16, gp.float32])
def test_devices_draw_the_same(op, dtype, device):
    found = []
    for where in ("cpu", device):
        x = gp.tensor(np.linspace(-4, 4, 103), dtype=dtype, device=where, requires_grad=True)
        y = op(x)
        y.sum().backward()
        assert y.dtype is dtype
        found.append(np.array([y.tolist(), x.grad.tolist()]))
    limit = {gp.float16: 2e-3, gp.bfloat16: 1.6e-2, gp.float32: 2e-6}[dtype]
    np.testing.assert_allclose(*found, rtol=limit, atol=limit)


@pytest.mark.parametrize("op", [op for op, _ in ROWS])
def test_the_numbers_do_not_depend_on_the_order_in_memory(op, device):
    x = np.linspace(-3, 3, 40).reshape(5, 8)
    t = gp.tensor(x, device=device, requires_grad=True)
    y, wanted = op(t.T), op(gp.tensor(x.T.copy(), device=device))
    assert y.stride() == t.T.stride() and y.tolist() == wanted.tolist()
    y.backward(gp.ones(8, 5, device=device, dtype=gp.float64))
    (y > 0).sum().item()
    assert t.grad.shape == (5, 8)
    assert op(t.detach().flatten()[1:]).tolist() == op(gp.tensor(x.flatten()[1:], device=device)).tolist()


def test_evaluation(device):
    x = gp.tensor(POINTS, device=device)
    assert F.rrelu(x).tolist() == F.leaky_relu(x, (1 / 8 + 1 / 3) / 2).tolist()
    assert F.noisy_relu(x, training=False).tolist() == F.relu(x).tolist()


def test_the_noise_has_the_variance_of_the_paper(device):
    x = gp.full((20000,), 3.0, device=device)
    gp.manual_seed(0)
    noise = F.noisy_relu(x).to(gp.float64) - 3
    s = 1 / (1 + np.exp(-3.0))
    assert abs(noise.mean().item()) < 4 * (s / 20000) ** 0.5
    assert abs(noise.var().item() / s - 1) < 4 * (2 / 20000) ** 0.5


def test_slopes_lie_between_the_bounds(device):
    gp.manual_seed(1)
    y = -F.rrelu(gp.full((2000,), -1.0, device=device), 0.2, 0.7, training=True)
    assert 0.2 <= y.min().item() < 0.21 and 0.69 < y.max().item() < 0.7 and abs(y.mean().item() - 0.45) < 0.02


def test_nan_and_infinity(device):
    gp.manual_seed(3)
    x = gp.tensor([np.nan, np.inf, -np.inf], device=device)
    np.testing.assert_array_equal(F.rrelu(x, training=True).tolist(), [np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(F.noisy_relu(x).tolist(), [np.nan, np.inf, 0.0])


@pytest.mark.parametrize(
    "op",
    [
        lambda x: F.rrelu_(x, training=True),
        lambda x: F.rrelu(x, training=True, inplace=True),
        gp.rrelu_,
        lambda x: F.noisy_relu(x, inplace=True),
    ],
)
def test_in_place(op, device):
    leaf = gp.tensor(POINTS, device=device, requires_grad=True)
    gp.manual_seed(3)
    x = leaf * 1
    assert op(x) is x
    x.sum().backward()
    assert leaf.grad.shape == x.shape


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.rrelu(gp.ones(2), 0.5, 0.1), ArgumentError, "Lower bound should be less than or equal to the upper"),
        (lambda: F.rrelu(gp.ones(2).int()), DtypeError, "rrelu: expected a floating dtype"),
        (lambda: F.noisy_relu(gp.ones(2).int()), DtypeError, "noisy_relu: expected a floating dtype"),
        (lambda: F.noisy_relu(1.0), ArgumentTypeError, "noisy_relu: expected a Tensor, got float"),
    ],
)
def test_wrong_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_rrelu_draws_from_the_generator_it_is_given(device):
    x = gp.full((5,), -1.0, device=device)
    first, second = (gp.rrelu(x, 0.1, 0.9, True, generator=gp.Generator().manual_seed(3)) for _ in range(2))
    assert first.tolist() == second.tolist()
    assert first.tolist() != gp.rrelu(x, 0.1, 0.9, True).tolist()
    assert gp.rrelu_(x, 0.1, 0.9, True, generator=gp.Generator().manual_seed(3)).tolist() == first.tolist()

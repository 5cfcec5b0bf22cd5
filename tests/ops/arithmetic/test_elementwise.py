import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpunn as gp
from gpunn.errors import UnsupportedError
from gpunn.ops.arithmetic.elementwise import MANY, Elementwise, Unary, at_least, at_most, masked, zeros_like
from tests.harness import check_op

UNARY = [gp.neg, gp.abs, gp.exp, gp.tanh, gp.sigmoid, gp.sign, gp.floor, gp.square, gp.isnan, gp.logical_not]
BINARY = [gp.add, gp.sub, gp.mul, gp.div, gp.remainder, gp.maximum, gp.atan2, gp.lt, gp.logaddexp, gp.copysign]


@st.composite
def strided(draw, shape):
    """An array of this shape that is a transposed, stepped, reversed or stretched view of a larger one."""
    steps = [draw(st.sampled_from([1, 1, 2, -1])) for _ in shape]
    stretch = [draw(st.integers(0, 5)) == 0 for _ in shape]
    sizes = [1 if flat else n * abs(step) for n, step, flat in zip(shape, steps, stretch, strict=True)]
    order = draw(st.permutations(range(len(shape))))
    values = np.random.default_rng(draw(st.integers(0, 99))).uniform(-2, 2, [sizes[d] for d in order])
    back = np.argsort(order) if order else ()
    view = values.transpose(back)[tuple(slice(None, None, step) for step in steps)]
    return np.broadcast_to(view, shape)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_layout_does_not_matter(data):
    """The same values in any strides give the same result, and nothing is written to them."""
    shape = tuple(data.draw(st.lists(st.integers(0, 4), max_size=3)))
    smaller = tuple(1 if data.draw(st.booleans()) else n for n in shape)
    a, b = data.draw(strided(shape)), data.draw(strided(smaller))
    x, y = gp.Tensor(a.copy()), gp.Tensor(b.copy())
    before = a.copy()
    for op in UNARY:
        np.testing.assert_allclose(op(gp.Tensor(a)).numpy(), op(x).numpy(), rtol=1e-14)
    for op in BINARY:
        np.testing.assert_allclose(op(gp.Tensor(a), gp.Tensor(b)).numpy(), op(x, y).numpy(), rtol=1e-14)
        np.testing.assert_allclose(op(gp.Tensor(b), gp.Tensor(a)).numpy(), op(y, x).numpy(), rtol=1e-14)
    np.testing.assert_array_equal(a, before)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["float16", "bfloat16", "float32"]), st.integers(0, 9999), st.sampled_from(BINARY[:4]))
def test_low_precision_is_rounded_once(name, seed, op):
    """+, -, * and / in a type of few digits are those in float64, rounded, whether with tensors or numbers."""
    dtype = getattr(gp, name)
    a, b = (gp.tensor(v).to(dtype) for v in np.random.default_rng(seed).uniform(-4, 4, (2, 7)))
    assert op(a, b).tolist() == op(a.double(), b.double()).to(dtype).tolist()
    number = b[0].item()
    assert op(a, number).tolist() == op(a.double(), number).to(dtype).tolist()


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_masked(name, device):
    x = gp.tensor([1.5, math.nan, math.inf, -2.0], dtype=getattr(gp, name), device=device)
    mask = gp.tensor([True, False, False, True], device=device)
    assert masked(x, mask).dtype is x.dtype
    assert masked(x, mask).tolist() == [1.5, 0, 0, -2]
    assert masked(x[0], mask[0]).tolist() == 1.5
    assert masked(x[1], mask[1]).tolist() == 0
    assert masked(x[:0], mask[:0]).shape == (0,)
    assert masked(x[::3], mask[0]).tolist() == [1.5, -2]


def test_masked_is_differentiable(device):
    mask = np.array([[True, False], [False, True], [True, True]])
    check_op(lambda x: masked(x * x, gp.tensor(mask, device=device)), lambda x: x * x * mask, [(3, 2)], device)


def test_zeros_like(device):
    x = gp.tensor([[1.0, 2.0]], dtype=gp.bfloat16, device=device, requires_grad=True)
    y = zeros_like(x)
    assert (y.dtype, y.tolist(), y.requires_grad, y.device) == (x.dtype, [[0, 0]], False, x.device)


class Difference(Elementwise):
    """a - b with a gradient for b only."""

    def compute(self, xp, a, b):
        return a - b

    def grad_b(self, grad):
        return -grad


def test_operands_without_a_derivative():
    x, y = gp.tensor([1.0], requires_grad=True), gp.tensor([[2.0], [3.0]], requires_grad=True)
    (grad,) = gp.autograd.grad(Difference()(x.detach(), y).sum(), [y])
    assert grad.tolist() == [[-1], [-1]]
    with pytest.raises(UnsupportedError, match=r"derivative for Difference is not implemented \(first operand\)"):
        Difference()(x, y).sum().backward()


def test_frames_compute_nothing_themselves():
    for frame in (Unary, Elementwise):
        with pytest.raises(UnsupportedError, match="has no forward"):
            frame()(gp.tensor([1.0]))


def test_gradients_are_summed_to_the_shapes_of_the_operands(device):
    a = gp.tensor(np.ones((2, 1, 3)), device=device, requires_grad=True)
    b = gp.tensor(2.0, dtype=gp.float64, device=device, requires_grad=True)
    c = gp.tensor(np.ones((4, 1)), device=device, requires_grad=True)
    ((a * b) + c).sum().backward()
    assert (a.grad.shape, b.grad.shape, c.grad.shape) == ((2, 1, 3), (), (4, 1))
    assert (a.grad.tolist()[0][0], b.grad.item(), c.grad.tolist()) == ([8] * 3, 24, [[6]] * 4)


def test_what_is_saved():
    """No more than PyTorch saves: nothing for a sum, one factor where the other needs a gradient."""
    x, y = gp.tensor([2.0], requires_grad=True), gp.tensor([3.0])
    for node, wanted in [((x + y).grad_fn, set()), ((x * y).grad_fn, {1}), ((x / y).grad_fn, {1})]:
        assert set(node._saved) == wanted


@pytest.mark.parametrize("n", [8, MANY])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", gp.bfloat16.numpy, "int32"])
def test_limits_by_a_number(dtype, n):
    if dtype == "int32":
        x = np.resize(np.array([-7, 0, 2, 3, 4, 2**31 - 1, -(2**31)], dtype), n)
    else:
        x = np.resize(np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 2.5, 3, 4], np.float32), n).astype(dtype)
    wide = x.astype(np.float64)
    for found, expected in ((at_least(x, 3), np.maximum(wide, 3)), (at_most(x, 3), np.minimum(wide, 3))):
        assert found.dtype == x.dtype
        np.testing.assert_array_equal(found.astype(np.float64), expected)


@pytest.mark.parametrize("n", [8, MANY])
def test_a_limit_that_is_nan_leaves_nan(n):
    x = gp.ones(n)
    for y in (x.clamp(min=math.nan), x.clamp(max=math.nan), x.clamp(math.nan, 2.0), x.clamp(0.0, math.nan)):
        assert y.isnan().all()

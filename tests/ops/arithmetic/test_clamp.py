import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from tests.harness import check_dtypes, check_op
from tests.ops.arithmetic.test_binary import SHAPES

inf, nan = math.inf, math.nan
NUMBERS = [
    (lambda x: gp.clamp(x, -0.5, 0.4), lambda x: np.clip(x, -0.5, 0.4)),
    (lambda x: gp.clamp(x, min=0.1), lambda x: np.maximum(x, 0.1)),
    (lambda x: gp.clamp(x, max=0.1), lambda x: np.minimum(x, 0.1)),
    (lambda x: gp.clamp_min(x, -0.1), lambda x: np.maximum(x, -0.1)),
    (lambda x: gp.clamp_max(x, -0.1), lambda x: np.minimum(x, -0.1)),
    (lambda x: gp.clamp(x, 0.5, -0.5), lambda x: np.full_like(x, -0.5)),
]


@pytest.mark.parametrize(("op", "reference"), NUMBERS)
def test_limits_that_are_numbers(op, reference, device):
    for shape in ((3, 4), (), (0, 2)):
        check_op(op, reference, [shape], device)
        check_dtypes(op, reference, [shape], device)


@pytest.mark.parametrize("shapes", SHAPES)
def test_limits_that_are_tensors(shapes, device):
    a, b = (np.random.default_rng(i).uniform(-1, 1, shape) for i, shape in enumerate(shapes))
    check_op(gp.clamp, np.clip, [a, b - 0.5, b + 0.5], device)
    check_op(lambda x, y: gp.clamp(x, min=y), np.maximum, [a, b], device)
    check_op(lambda x, y: gp.clamp(x, max=y), np.minimum, [a, b], device)
    check_op(lambda x, y: gp.clamp(x, y, 0.3), lambda x, y: np.clip(x, y, 0.3), [a, b - 1], device)
    check_dtypes(gp.clamp, np.clip, [a, b - 0.5, b + 0.5], device)


def gradients(op, device, *values):
    leaves = [gp.tensor(v, device=device, requires_grad=True) for v in values]
    return [g.tolist() for g in gp.autograd.grad(op(*leaves).sum(), leaves)]


def test_gradients_at_the_limits(device):
    """PyTorch 2.13's: a value on its limit takes the gradient, a NaN takes none."""
    x = [-1.0, 0.0, 0.5, 1.0, 2.0, nan]
    assert gradients(lambda x: gp.clamp(x, 0, 1), device, x) == [[0, 1, 1, 1, 0, 0]]
    assert gradients(lambda x: gp.clamp(x, min=0), device, x) == [[0, 1, 1, 1, 1, 0]]
    assert gradients(lambda x: gp.clamp(x, max=1), device, x) == [[1, 1, 1, 1, 0, 0]]
    assert gradients(lambda x: gp.clamp(x, 1, 0), device, x) == [[0] * 6]
    low, high = [0.0, 0.0, 0.5, 0.0, 3.0, 0.0], [1.0, 0.0, 0.5, 1.0, 0.0, 1.0]
    wanted = [[0, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]]
    assert gradients(gp.clamp, device, x, low, high) == wanted
    assert gradients(lambda x, y: gp.clamp(x, min=y), device, x, low)[1] == [1, 0, 0, 0, 1, 0]
    assert gradients(lambda x, y: gp.clamp(x, max=y), device, x, high)[1] == [0, 0, 0, 0, 1, 0]


def test_nan(device):
    x = gp.tensor([1.0, nan, 3.0], device=device)
    np.testing.assert_array_equal(gp.clamp(x, 0, 2).cpu().numpy(), [1, nan, 2])
    for limits in ((nan, 2), (0, nan), (nan, None), (None, nan)):
        assert all(math.isnan(v) for v in gp.clamp(x, *limits).tolist())


def test_dtypes(device):
    x = gp.tensor([1, 2, 3], device=device)
    assert gp.clamp(x, 0.5, 2.5).tolist() == [1, 2, 2.5]
    assert gp.clamp(x, 0.5, 2.5).dtype is gp.float32
    assert gp.clamp(x, 2, 2).dtype is gp.int64
    assert gp.clamp_min(x.to(gp.uint8), gp.tensor([2.5], dtype=gp.float16, device=device)).dtype is gp.float16
    a, b = gp.tensor([True, False], device=device), gp.tensor([False, False], device=device)
    assert gp.maximum(a, b).tolist() == gp.clamp_min(a, b).tolist() == [True, False]
    assert gp.maximum(x, gp.tensor([2.5], device=device)).dtype is gp.float32


def test_arguments_that_are_refused():
    x = gp.tensor([1.0, 2.0])
    with pytest.raises(ArgumentError, match="At least one of 'min' or 'max' must not be None"):
        gp.clamp(x)
    with pytest.raises(ArgumentError, match=r"clamp: -5 cannot be converted to gpunn\.uint8 without overflow"):
        gp.clamp(gp.tensor([1], dtype=gp.uint8), -5, 300)
    with pytest.raises(ShapeError, match="clamp_min: The size of tensor a"):
        gp.clamp(x, gp.tensor([1.0, 2.0, 3.0]))
    for op in (gp.maximum, gp.minimum, gp.fmax, gp.fmin):
        with pytest.raises(ArgumentTypeError, match=f"{op.__name__}: expected a Tensor, got int"):
            op(x, 2)


EXTREMA = [(gp.maximum, np.maximum), (gp.minimum, np.minimum), (gp.fmax, np.fmax), (gp.fmin, np.fmin)]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize(("op", "reference"), EXTREMA)
def test_extrema(op, reference, shapes, device):
    a, b = (np.random.default_rng(i).uniform(-1, 1, shape) for i, shape in enumerate(shapes))
    check_op(op, reference, [a, b], device)
    check_dtypes(op, reference, [a, b], device)


@pytest.mark.parametrize(
    ("op", "values", "first", "second"),
    [
        (gp.maximum, [2, 2, 3, nan, nan, nan], [0, 0.5, 1, 1, 1, 1], [1, 0.5, 0, 1, 1, 1]),
        (gp.minimum, [1, 2, 1, nan, nan, nan], [1, 0.5, 0, 1, 1, 1], [0, 0.5, 1, 1, 1, 1]),
        (gp.fmax, [2, 2, 3, 1, 1, nan], [0, 1, 1, 0, 1, 1], [1, 0, 0, 1, 0, 0]),
        (gp.fmin, [1, 2, 1, 1, 1, nan], [1, 1, 0, 0, 1, 1], [0, 0, 1, 1, 0, 0]),
    ],
)
def test_ties_and_nans(op, values, first, second, device):
    """PyTorch 2.13's values and gradients."""
    a, b = [1.0, 2.0, 3.0, nan, 1.0, nan], [2.0, 2.0, 1.0, 1.0, nan, nan]
    found = op(gp.tensor(a, device=device), gp.tensor(b, device=device))
    np.testing.assert_array_equal(found.cpu().numpy(), values)
    assert gradients(op, device, a, b) == [first, second]

import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, DtypeError, ShapeError
from tests.harness import check_dtypes, check_op
from tests.ops.arithmetic.test_binary import SHAPES

inf, nan = math.inf, math.nan
NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
MASK = np.array([True, False, True, True])


@pytest.mark.parametrize("shapes", SHAPES)
def test_where(shapes, device):
    mask = np.random.default_rng(0).random(np.broadcast_shapes(*shapes)) < 0.5
    condition = gp.tensor(mask, device=device)
    check_op(lambda a, b: gp.where(condition, a, b), lambda a, b: np.where(mask, a, b), shapes, device)
    check_dtypes(lambda a, b: gp.where(condition, a, b), lambda a, b: np.where(mask, a, b), shapes, device)


def test_where_broadcasts_the_condition(device):
    condition = gp.tensor(MASK, device=device)
    check_op(
        lambda a, b: gp.where(condition, a, b),
        lambda a, b: np.where(MASK, a, b),
        [(2, 3, 1), (3, 1)],
        device,
    )
    check_op(lambda a: gp.where(condition, a, 0.5), lambda a: np.where(MASK, a, 0.5), [(3, 4)], device)
    check_op(lambda a: gp.where(condition, -2, a), lambda a: np.where(MASK, -2, a), [()], device)


@pytest.mark.parametrize("name", NAMES)
def test_where_of_each_dtype(name, device):
    a, b = (gp.tensor(v, device=device).to(getattr(gp, name)) for v in ([[1], [0]], [0, 1, 1, 2]))
    found = gp.where(gp.tensor(MASK, device=device), a, b)
    assert found.dtype is a.dtype
    wanted = np.where(MASK, a.cpu().to(gp.float64).numpy(), b.cpu().to(gp.float64).numpy())
    np.testing.assert_array_equal(found.cpu().to(gp.float64).numpy(), wanted)
    number = gp.where(gp.tensor(MASK, device=device), a, True)
    assert number.dtype is a.dtype
    assert number[1].to(gp.float64).tolist() == [0, 1, 0, 0]


def test_where_of_numbers(device):
    condition = gp.tensor([True, False], device=device)
    for a, b, dtype in [
        (1, 2, gp.int64),
        (1, 2.5, gp.float32),
        (True, False, gp.bool),
        (True, 2, gp.int64),
    ]:
        found = gp.where(condition, a, b)
        assert found.dtype is dtype
        assert found.tolist() == [a, b]
    assert gp.where(condition, gp.tensor([1, 2], device=device), 2.5).tolist() == [1.0, 2.5]


def test_where_passes_special_values_and_masks_their_gradients(device):
    a, b = gp.tensor([nan, nan, -0.0], device=device), gp.tensor([1.0, inf, 1.0], device=device)
    condition = gp.tensor([False, False, True], device=device)
    found = gp.where(condition, a, b)
    assert found.tolist() == [1, inf, 0]
    assert gp.signbit(found).tolist() == [False, False, True]
    x = gp.tensor([1.0, 2.0, 3.0], device=device, requires_grad=True)
    (grad,) = gp.autograd.grad(gp.where(condition, x, b), [x], gp.tensor([nan, inf, 2.0], device=device))
    assert grad.tolist() == [0, 0, 2]


def test_where_finds_indices(device):
    rows, columns = gp.where(gp.tensor([[0, 1], [1, 1]], device=device))
    assert rows.dtype is gp.int64
    assert (rows.tolist(), columns.tolist()) == ([0, 1, 1], [1, 0, 1])


def test_where_refuses():
    x = gp.tensor([1.0, 2.0])
    with pytest.raises(
        DtypeError, match=r"condition to be a boolean tensor, but got a tensor with dtype gpunn\.float32"
    ):
        gp.where(x, x, x)
    with pytest.raises(ShapeError, match="where: The size of tensor a"):
        gp.where(gp.tensor([True, False, True]), x, 1.0)
    with pytest.raises(ArgumentTypeError, match="expected input and other, or neither"):
        gp.where(x > 1, x)
    with pytest.raises(ArgumentTypeError, match="where: expected a Tensor, got bool"):
        gp.where(True, x, x)
    with pytest.raises(ArgumentTypeError, match="where: expected a Tensor or a number, got str"):
        gp.where(x > 1, x, "a")


def test_nan_to_num(device):
    values = np.array([1.5, nan, inf, -inf, -0.0])
    found = gp.nan_to_num(gp.tensor(values, device=device))
    np.testing.assert_array_equal(found.cpu().numpy(), np.nan_to_num(values))
    found = gp.nan_to_num(gp.tensor(values, device=device), nan=2.5, posinf=7, neginf=-9.0)
    assert found.tolist() == [1.5, 2.5, 7, -9, 0]
    for name in ("float16", "bfloat16", "float32"):
        x = gp.tensor(values, dtype=getattr(gp, name), device=device)
        limits = gp.finfo(x.dtype)
        assert gp.nan_to_num(x).dtype is x.dtype
        assert gp.nan_to_num(x).to(gp.float64).tolist() == [1.5, 0, limits.max, limits.min, 0]
    x = gp.tensor(values, device=device, requires_grad=True)
    (grad,) = gp.autograd.grad(gp.nan_to_num(x).sum(), [x])
    assert grad.tolist() == [1, 0, 0, 0, 1]


@pytest.mark.parametrize("values", [[1, 2], [True, False]])
def test_nan_to_num_copies_integers(values):
    x = gp.tensor(values)
    y = gp.nan_to_num(x, nan=7.5)
    assert (y.dtype, y.tolist()) == (x.dtype, values)
    assert y.data_ptr() != x.data_ptr()


def lerped(a, b, w):
    return a + w * (b - a)


@pytest.mark.parametrize("shapes", SHAPES)
def test_lerp(shapes, device):
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(-1, 1, s) for s in shapes)
    check_op(gp.lerp, lerped, [a, b, rng.uniform(0, 1, shapes[1])], device)
    check_dtypes(gp.lerp, lerped, [a, b, rng.uniform(0, 1, shapes[1])], device)
    for weight in (0.3, 0.7, 1, -2):
        check_op(lambda a, b, w=weight: gp.lerp(a, b, w), lambda a, b, w=weight: lerped(a, b, w), [a, b], device)


def test_lerp_is_exact_at_both_ends(device):
    a, b = gp.tensor([0.1, 1e8], device=device), gp.tensor([0.7, 0.3], device=device)
    for weight in (gp.tensor(1.0, device=device), 1):
        assert gp.lerp(a, b, weight).tolist() == b.tolist()
    assert gp.lerp(a, b, 0.0).tolist() == a.tolist()
    assert gp.lerp(a, b, gp.tensor(0.25, dtype=gp.float64, device=device)).dtype is gp.float32


def test_lerp_refuses():
    a, b = gp.tensor([1.0]), gp.tensor([1.0], dtype=gp.float64)
    with pytest.raises(DtypeError, match=r"expected dtype gpunn\.float32 for `end` but got dtype gpunn\.float64"):
        gp.lerp(a, b, 0.5)
    with pytest.raises(DtypeError, match=r"expected dtype gpunn\.float32 for `weight` but got dtype gpunn\.float64"):
        gp.lerp(a, a, b)
    with pytest.raises(DtypeError, match=r"lerp: not implemented for gpunn\.int64"):
        gp.lerp(gp.tensor([1]), gp.tensor([2]), 0.5)
    with pytest.raises(ArgumentTypeError, match="lerp: expected a Tensor or a number, got str"):
        gp.lerp(a, a, "a")


@pytest.mark.parametrize("shapes", [*SHAPES, ((2, 1, 3), (4, 1))])
@pytest.mark.parametrize(
    ("op", "reference"),
    [
        (gp.addcmul, lambda a, b, c: a + b * c),
        (lambda a, b, c: gp.addcmul(a, b, c, value=-0.3), lambda a, b, c: a - 0.3 * b * c),
        (gp.addcdiv, lambda a, b, c: a + b / c),
        (lambda a, b, c: gp.addcdiv(a, b, c, value=2), lambda a, b, c: a + 2 * b / c),
    ],
)
def test_addcmul_and_addcdiv(op, reference, shapes, device):
    rng = np.random.default_rng(0)
    inputs = [rng.uniform(0.5, 1.5, s) for s in (shapes[0], shapes[1], shapes[0])]
    check_op(op, reference, inputs, device)
    check_dtypes(op, reference, inputs, device)


def test_addcmul_of_integers(device):
    a, b, c = (gp.tensor([v], device=device) for v in (1, 2, 3))
    for value in (2, 2.5):
        assert gp.addcmul(a, b, c, value=value).tolist() == [13]  # the value is cut to an integer, as in PyTorch
    assert gp.addcmul(a, b, c.float(), value=2.5).tolist() == [16]
    assert gp.addcdiv(a, b.float(), c).dtype is gp.float32
    with pytest.raises(DtypeError, match="Integer division with addcdiv is no longer supported"):
        gp.addcdiv(a.float(), b, c)
    with pytest.raises(DtypeError, match="addcmul: not implemented for bool"):
        gp.addcmul(a > 0, b > 0, c > 0)
    with pytest.raises(ArgumentTypeError, match="addcmul: expected a Tensor, got int"):
        gp.addcmul(a, b, 3)


def test_where_takes_no_number_that_the_integers_cannot_hold(device):
    condition = gp.tensor([True, False], device=device)
    x = gp.tensor([1, 2], dtype=gp.int8, device=device)
    assert gp.where(condition, x, -128).tolist() == [1, -128]
    assert gp.where(condition, 1e6, x.half()).tolist() == [math.inf, 2.0]
    for arguments in ((x, 200), (200, x), (x, -129), (2**70, 1)):
        with pytest.raises(ValueError, match="without overflow"):
            gp.where(condition, *arguments)


def test_nan_becomes_a_number_and_no_tensor(device):
    for x in (gp.tensor(1.0, device=device), gp.tensor([1], device=device)):
        with pytest.raises(ArgumentTypeError, match="expected numbers or None, got Tensor"):
            gp.nan_to_num(x, gp.tensor(0.0, device=device))
    x = gp.tensor([math.nan, math.inf], device=device)
    assert gp.nan_to_num(x, np.float32(2), True).tolist() == [2.0, 1.0]

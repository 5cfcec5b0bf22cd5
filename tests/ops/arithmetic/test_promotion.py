import itertools
import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import dtypes
from gpunn.errors import ArgumentTypeError, ShapeError
from gpunn.ops.arithmetic.promotion import broadcast_shape, floating, number_as, only_tensors, promoted

# The type of a + b in PyTorch 2.13, row and column in this order.
NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
SUMS = """
    bool     uint8    int8     int16    int32    int64    float16  bfloat16 float32  float64
    uint8    uint8    int16    int16    int32    int64    float16  bfloat16 float32  float64
    int8     int16    int8     int16    int32    int64    float16  bfloat16 float32  float64
    int16    int16    int16    int16    int32    int64    float16  bfloat16 float32  float64
    int32    int32    int32    int32    int32    int64    float16  bfloat16 float32  float64
    int64    int64    int64    int64    int64    int64    float16  bfloat16 float32  float64
    float16  float16  float16  float16  float16  float16  float16  float32  float32  float64
    bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 float32  bfloat16 float32  float64
    float32  float32  float32  float32  float32  float32  float32  float32  float32  float64
    float64  float64  float64  float64  float64  float64  float64  float64  float64  float64
"""
PAIRS = [(a, b, w) for (a, b), w in zip(itertools.product(NAMES, NAMES), SUMS.split(), strict=True)]


@pytest.mark.parametrize(("first", "second", "wanted"), PAIRS)
def test_dtypes_of_sums(first, second, wanted):
    a, b = gp.tensor([1]).to(getattr(gp, first)), gp.tensor([1, 1]).to(getattr(gp, second))
    assert (a + b).dtype is (b * a).dtype is getattr(gp, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_and_0d_tensors_count_by_category(name):
    x = gp.tensor([1, 0]).to(getattr(gp, name))
    floats = x.dtype if x.is_floating_point() else gp.float32
    integers = gp.int64 if name == "bool" else x.dtype
    for number, wanted in [(True, x.dtype), (2, integers), (2.5, floats), (np.float64(2.5), floats)]:
        assert (x + number).dtype is (number * x).dtype is wanted
    for other, wanted in [(gp.int64, x.dtype if name != "bool" else gp.int64), (gp.float64, None)]:
        wanted = wanted or (x.dtype if x.is_floating_point() else gp.float64)
        assert (x + gp.tensor(1, dtype=other)).dtype is wanted
        assert (gp.tensor(1, dtype=other) + x).dtype is wanted
    assert (gp.tensor(1, dtype=gp.float32) + gp.tensor(1, dtype=gp.float64)).dtype is gp.float64


@pytest.mark.parametrize("name", NAMES)
def test_true_division_gives_floats(name):
    x = gp.tensor([4, 2]).to(getattr(gp, name))
    wanted = x.dtype if x.is_floating_point() else gp.float32
    for y in (x / x, x / 2, 2 / x, gp.true_divide(x, x)):
        assert y.dtype is wanted


def test_the_default_dtype_is_that_of_floats():
    gp.set_default_dtype(gp.float64)
    try:
        assert (gp.tensor([1]) + 2.5).dtype is gp.exp(gp.tensor([1])).dtype is gp.float64
        assert (gp.tensor([1], dtype=gp.float32) + 2.5).dtype is gp.float32
    finally:
        gp.set_default_dtype(gp.float32)


def test_promoted_leaves_alone_what_fits():
    x, y, row, i = gp.tensor([[1.0, 2.0]]), gp.tensor([[3.0, 4.0]]), gp.tensor([5.0]), gp.tensor([1, 2])
    for operands in [(x, y), (x, row), (x, 2.5), (x, 2), (x, -1.0, 1), (i, 100), (i, i)]:
        assert all(a is b for a, b in zip(promoted("op", *operands), operands, strict=True))


def test_promoted_casts_the_rest():
    x, i = gp.tensor([1.0], dtype=gp.float64), gp.tensor([1, 2], dtype=gp.uint8)
    for operands, dtype in [((i, x), gp.float64), ((x, i), gp.float64), ((i, i, x), gp.float64)]:
        assert all(a.dtype is dtype for a in promoted("op", *operands))
    a, number = promoted("op", i, 300)
    assert a is i
    assert number == 44
    assert type(promoted("op", i, True)[1]) is int
    assert type(promoted("op", x, np.float32(2))[1]) is float
    a, b = promoted("op", i, 3, to_float=True)
    assert (a.dtype, b) == (gp.float32, 3.0)
    assert promoted("op", 2, i)[0] == 2


def test_gradients_go_back_through_the_cast():
    a = gp.tensor([1.0, 2.0], requires_grad=True)
    b = gp.tensor([3.0, 4.0], dtype=gp.float64, requires_grad=True)
    (a * b).sum().backward()
    assert (a.grad.dtype, a.grad.tolist()) == (gp.float32, [3, 4])
    assert (b.grad.dtype, b.grad.tolist()) == (gp.float64, [1, 2])


@pytest.mark.parametrize(
    ("number", "dtype", "wanted"),
    [
        (300, dtypes.uint8, 44),
        (-1, dtypes.uint8, 255),
        (200, dtypes.int8, -56),
        (2**63, dtypes.int64, -(2**63)),
        (5, dtypes.bool_, True),
        (np.float32(0.5), dtypes.float64, 0.5),
        (2.9, dtypes.int32, 2),
    ],
)
def test_number_as(number, dtype, wanted):
    found = number_as(number, dtype)
    assert found == wanted
    assert type(found) is type(wanted)


def test_floating():
    x, i = gp.tensor([1.0], dtype=gp.bfloat16), gp.tensor([True])
    assert floating("op", x) is x
    assert floating("op", i).dtype is gp.float32
    with pytest.raises(ArgumentTypeError, match="op: expected a Tensor, got int"):
        floating("op", 1)


def test_only_tensors():
    only_tensors("op", gp.tensor(1))
    with pytest.raises(ArgumentTypeError, match="op: expected a Tensor, got NoneType"):
        only_tensors("op", gp.tensor(1), None)


@pytest.mark.parametrize(
    ("shapes", "wanted"),
    [
        ([(3, 1), (1, 4)], (3, 4)),
        ([(), (2,)], (2,)),
        ([(0, 3), (1, 3)], (0, 3)),
        ([(1,), (0,)], (0,)),
        ([(2, 1, 1), (3, 1), (4,)], (2, 3, 4)),
    ],
)
def test_broadcast_shape(shapes, wanted):
    assert broadcast_shape("op", *[gp.tensor(np.ones(s)) for s in shapes]) == wanted


@pytest.mark.parametrize("shapes", [[(2,), (3,)], [(2, 3), (2, 1), (2,)], [(0,), (2,)]])
def test_broadcast_shapes_that_do_not_fit(shapes):
    tensors = [gp.tensor(np.ones(s)) for s in shapes]
    with pytest.raises(ShapeError, match=r"op: The size of tensor a .* must match the size of tensor b"):
        broadcast_shape("op", *tensors)
    with pytest.raises(ShapeError, match="op: The size of tensor a"):
        promoted("op", *tensors)


def test_huge_numbers():
    assert (gp.tensor([1.0]) * 2**200).tolist() == [math.inf]
    assert (gp.tensor([1.0], dtype=gp.float64) * 2**200).tolist() == [2.0**200]
